"""`netdoctor lab list|up|down|run`: the practice networks for a person at a terminal."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches

from netdoctor.errors import Undecidable, UsageError
from netdoctor.lab.fixtures import load_faults, load_networks
from netdoctor.lab.lab import PREFIX, Lab
from netdoctor.lab.records import Fault, Network

_KIND_ORDER = {"healthy": 0, "broken": 1, "composite": 2, "look-alike": 3}

Diagnose = Callable[[Sequence[str]], int]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the subcommand `lab` with its own subcommands to the command line."""
    parser = subparsers.add_parser("lab", help="real practice networks in network namespaces (needs root)")
    actions = parser.add_subparsers(dest="action", required=True, metavar="list|up|down|run")
    listing = actions.add_parser("list", help="show networks and faults")
    listing.add_argument("name", nargs="?", metavar="NAME", help="one network only")
    for action, text in (
        ("up", "build a network, and leave it standing"),
        ("down", "take a network away"),
        ("run", "build a network, diagnose it, take it away"),
    ):
        sub = actions.add_parser(action, help=text)
        optional = "?" if action == "down" else None
        sub.add_argument("name", nargs=optional, metavar="NAME", help="a network (see `netdoctor lab list`)")
        sub.add_argument("--prefix", default=PREFIX, help="of the namespaces' names (default: %(default)s)")
        if action != "down":
            sub.add_argument("--fault", metavar="FAULT", help="put this fault in")
        if action == "run":
            sub.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, diagnose: Diagnose | None = None) -> int:
    """Carry out a parsed `lab` command and return its exit code.

    `diagnose` takes the arguments of a netdoctor command line and returns its exit code; by default a netdoctor of its
    own is started. Raises UsageError for a name that is not there, Undecidable without root, LabError where the kernel
    does not do what a network needs.
    """
    if args.action == "list":
        return _list(args.name)
    if args.action == "down":
        return _down(args.name, args.prefix)
    network, fault = _choose(args.name, args.fault)
    if os.geteuid() != 0:
        raise Undecidable("the lab needs root: it makes network namespaces")
    if args.action == "up":
        return _up(network, fault, args.prefix)
    return _run(network, fault, args, diagnose or _spawn)


def question(lab: Lab) -> list[str]:
    """Return the netdoctor command line (without the program) that puts the lab's question."""
    asking = lab.asking
    destination = f"netns:{lab.namespace(asking.destination)}" if asking.by_name else asking.address
    words = ["why-no-ping", f"netns:{lab.namespace(asking.source)}", destination]
    if asking.port is not None:
        words = ["why-no-connect", *words[1:], f"--{asking.protocol}", str(asking.port)]
    if asking.source_port is not None:
        words += ["--source-port", str(asking.source_port)]
    if asking.size is not None:
        words += ["--size", str(asking.size)]
    return [*words, "--df"] if asking.df else words


def _list(name: str | None) -> int:
    networks = load_networks()
    chosen = [_network(name)] if name else list(networks.values())
    for network in chosen:
        print(f"{network.name}: {network.title}")
        faults = [fault for fault in load_faults().values() if fault.network == network.name]
        for fault in sorted(faults, key=lambda fault: (_KIND_ORDER[fault.kind], fault.name)):
            if fault.kind != "healthy":
                print(f"  {fault.name:<38} {fault.kind:<10}  {fault.title}")
    return 0


def _up(network: Network, fault: Fault, prefix: str) -> int:
    lab = Lab(network, prefix)
    lab.up()
    try:
        lab.inject(fault)
    except BaseException:
        lab.down()
        raise
    print(f"{network.name}: {fault.title}")
    for role in network.roles.values():
        address = role.address or "-"
        print(f"  {lab.namespace(role.name):<24} {role.kind:<10} {address:<14} {role.about}".rstrip())
    print(f"try:       netdoctor {' '.join(question(lab))}")
    suffix = "" if prefix == PREFIX else f" --prefix {prefix}"
    print(f"take away: netdoctor lab down {network.name}{suffix}")
    return 0


def _down(name: str | None, prefix: str) -> int:
    for network in [_network(name)] if name else load_networks().values():
        Lab(network, prefix).down()
    return 0


def _run(network: Network, fault: Fault, args: argparse.Namespace, diagnose: Diagnose) -> int:
    with Lab(network, args.prefix) as lab:
        lab.inject(fault)
        words = question(lab)
        return diagnose([*words, "--json"] if args.json else words)


def _spawn(words: Sequence[str]) -> int:
    sys.stdout.flush()
    # -P: the folder the user stands in is no place to import from.
    return subprocess.run([sys.executable, "-P", "-m", "netdoctor", *words], check=False).returncode


def _choose(name: str, fault: str | None) -> tuple[Network, Fault]:
    """Find the network and the fault meant: `NETWORK`, `NETWORK --fault FAULT` or `NETWORK/FAULT`."""
    name, _, inline = name.partition("/")
    network = _network(name)
    wanted = (fault or inline or "healthy").removeprefix(f"{network.name}/")
    faults = load_faults()
    found = faults.get(f"{network.name}/{wanted}")
    if found is None:
        own = [entry.name for entry in faults.values() if entry.network == network.name]
        raise UsageError(f"no fault {wanted!r} in {network.name}{_near(wanted, own)}")
    return network, found


def _network(name: str) -> Network:
    networks = load_networks()
    if name not in networks:
        raise UsageError(f"no network {name!r} in the lab{_near(name, networks)}")
    return networks[name]


def _near(name: str, names: Iterable[str]) -> str:
    names = list(names)
    near = get_close_matches(name, names, n=3, cutoff=0.5) or [other for other in names if name in other][:3]
    return f"; did you mean {', '.join(near)}?" if near else "; `netdoctor lab list` shows all"
