"""Reads the fixtures of `netdoctor_fixtures`: TOML in, frozen records out.

The files are read through importlib.resources, so that they are found in a wheel as in a checkout. A key that is not
known is an error: a misspelt expectation would otherwise hold nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

from netdoctor.lab.records import Asking, Cause, Expectation, Fault, FixtureError, Network, Role
from netdoctor.lab.script import Command, parse

PACKAGE = "netdoctor_fixtures"
KINDS = ("broken", "look-alike", "composite")
HEALTHY = "healthy"

_NETWORK_KEYS = {"title", "description", "source", "destination", "roles", "build"}
_ROLE_KEYS = {"kind", "address", "about"}
_ASKING_KEYS = {"source", "destination", "address", "ask", "size", "df", "protocol", "port", "source_port"}
_FAULT_KEYS = {
    "title",
    "description",
    "kind",
    "tier",
    "prepare",
    "inject",
    "expect",
    "accept_repair",
    "reason",
    *_ASKING_KEYS,
}
_CAUSE_KEYS = {"code", "role", "interface", "leg", "repair", "repeats"}


@cache
def load_networks() -> dict[str, Network]:
    """Return every network by its name. Raises FixtureError for a file that is wrong."""
    folder = files(PACKAGE) / "networks"
    return {name: _network(name, _read(file)) for name, file in _toml_files(folder)}


@cache
def load_faults() -> dict[str, Fault]:
    """Return every fault by `network/name`, and each network as it is as `network/healthy`.

    Raises FixtureError for a file that is wrong.
    """
    folder = files(PACKAGE) / "faults"
    faults: dict[str, Fault] = {}
    for network in load_networks().values():
        healthy = _healthy(network)
        faults[healthy.key] = healthy
        for name, file in _toml_files(folder / network.name):
            fault = _fault(name, network, _read(file))
            faults[fault.key] = fault
    return faults


def baseline() -> tuple[str, ...]:
    """Return the sysctl assignments (`name=value`) that every namespace of the lab starts from.

    A new namespace copies IPv4 settings from the initial one (net.core.devconf_inherit_init_net), so what a network
    relies on has to be said. A leading `-` marks a setting that not every kernel has.
    """
    table = _read(files(PACKAGE) / "baseline.toml")
    return _lines(table, "sysctl", "baseline.toml")


def _toml_files(folder: Traversable) -> list[tuple[str, Traversable]]:
    if not folder.is_dir():
        return []
    found = [
        (file.name.removesuffix(".toml"), file) for file in folder.iterdir() if file.name.endswith(".toml")
    ]
    return sorted(found, key=lambda pair: pair[0])


def _read(file: Traversable) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise FixtureError(f"{file}: {error}") from error


def _network(name: str, table: dict[str, Any]) -> Network:
    where = f"networks/{name}.toml"
    _known(table, _NETWORK_KEYS, where)
    roles = {role: _role(role, entry, where) for role, entry in table.get("roles", {}).items()}
    source, destination = str(table.get("source", "")), str(table.get("destination", ""))
    for role in (source, destination):
        if role not in roles:
            raise FixtureError(f"{where}: source and destination must be roles, {role!r} is none")
    return Network(
        name=name,
        title=_text(table, "title", where),
        description=_text(table, "description", where),
        roles=roles,
        asking=Asking(source, destination, _address(roles, destination, where)),
        build=_script(table, "build", roles, where),
    )


def _role(name: str, entry: dict[str, Any], where: str) -> Role:
    _known(entry, _ROLE_KEYS, f"{where}: roles.{name}")
    return Role(name, _text(entry, "kind", where), entry.get("address"), str(entry.get("about", "")))


def _fault(name: str, network: Network, table: dict[str, Any]) -> Fault:
    where = f"faults/{network.name}/{name}.toml"
    _known(table, _FAULT_KEYS, where)
    kind = _text(table, "kind", where)
    if kind not in KINDS:
        raise FixtureError(f"{where}: kind is {kind!r}, not one of {', '.join(KINDS)}")
    if name == HEALTHY:
        raise FixtureError(f"{where}: the name {HEALTHY!r} is taken by the network without a fault")
    fault = Fault(
        name=name,
        network=network.name,
        title=_text(table, "title", where),
        description=_text(table, "description", where),
        kind=kind,
        tier=int(table.get("tier", 2)),
        asking=_asking(table, network, where),
        expect=_expectation(table, network.roles, where),
        prepare=_script(table, "prepare", network.roles, where),
        inject=_script(table, "inject", network.roles, where),
        accept_repair=bool(table.get("accept_repair", True)),
        reason=str(table.get("reason", "")),
    )
    _consistent(fault, where)
    return fault


def _consistent(fault: Fault, where: str) -> None:
    """Hold the kind against the causes: a wrong fixture must not pass as an easy one."""
    count = len(fault.expect.causes)
    wanted = {"broken": count == 1, "composite": count >= 2, "look-alike": count == 0}
    if not wanted[fault.kind]:
        raise FixtureError(f"{where}: a {fault.kind} fault does not have {count} causes")
    if (fault.expect.verdict == "reachable") != (fault.kind == "look-alike"):
        raise FixtureError(f"{where}: verdict {fault.expect.verdict!r} does not go with kind {fault.kind!r}")
    if not fault.accept_repair and not fault.reason:
        raise FixtureError(f"{where}: accept_repair = false needs a reason")


def _healthy(network: Network) -> Fault:
    return Fault(
        name=HEALTHY,
        network=network.name,
        title=f"{network.title}, as it is meant to be",
        description=network.description,
        kind="healthy",
        tier=1,
        asking=network.asking,
        expect=Expectation("reachable"),
    )


def _asking(table: Mapping[str, Any], network: Network, where: str) -> Asking:
    source = str(table.get("source", network.asking.source))
    destination = str(table.get("destination", network.asking.destination))
    for role in (source, destination):
        if role not in network.roles:
            raise FixtureError(f"{where}: unknown role {role!r}")
    ask = table.get("ask", "name")
    if ask not in ("name", "address"):
        raise FixtureError(f"{where}: ask is {ask!r}, not 'name' or 'address'")
    return Asking(
        source=source,
        destination=destination,
        address=str(table.get("address") or _address(network.roles, destination, where)),
        by_name=ask == "name",
        size=table.get("size"),
        df=bool(table.get("df", False)),
        **_port(table, where),
    )


def _port(table: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The protocol and the port of a question: both, or none for a ping."""
    protocol, port = table.get("protocol", "icmp"), table.get("port")
    if protocol not in ("icmp", "tcp", "udp") or (protocol == "icmp") != (port is None):
        raise FixtureError(f"{where}: protocol is tcp or udp and has a port, or there is neither")
    return {"protocol": protocol, "port": port, "source_port": table.get("source_port")}


def _expectation(table: Mapping[str, Any], roles: Mapping[str, Role], where: str) -> Expectation:
    expect = table.get("expect")
    if not isinstance(expect, dict):
        raise FixtureError(f"{where}: no table [expect]")
    _known(expect, {"verdict", "causes", "hazards"}, f"{where}: expect")
    verdict = _text(expect, "verdict", where)
    if verdict not in ("reachable", "unreachable"):
        raise FixtureError(f"{where}: verdict is {verdict!r}")
    causes = tuple(_cause(entry, roles, where) for entry in expect.get("causes", []))
    return Expectation(verdict, causes, _one_or_more(expect, "hazards"))


def _cause(entry: dict[str, Any], roles: Mapping[str, Role], where: str) -> Cause:
    _known(entry, _CAUSE_KEYS, f"{where}: expect.causes")
    cause = Cause(
        codes=_one_or_more(entry, "code"),
        roles=_one_or_more(entry, "role"),
        interfaces=_one_or_more(entry, "interface"),
        legs=_one_or_more(entry, "leg"),
        repair=_script(entry, "repair", roles, where),
        repeats=bool(entry.get("repeats", False)),
    )
    if not cause.codes or not cause.roles or set(cause.roles) - set(roles):
        raise FixtureError(f"{where}: a cause needs a code and known roles")
    if set(cause.legs) - {"request", "reply"}:
        raise FixtureError(f"{where}: leg is request or reply")
    return cause


def _one_or_more(entry: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = entry.get(key, [])
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)


def _script(table: Mapping[str, Any], key: str, roles: Iterable[str], where: str) -> tuple[Command, ...]:
    try:
        return tuple(parse(line, roles) for line in _lines(table, key, where))
    except ValueError as error:
        raise FixtureError(f"{where}: {key}: {error}") from error


def _lines(table: Mapping[str, Any], key: str, where: str) -> tuple[str, ...]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(line, str) for line in value):
        raise FixtureError(f"{where}: {key} must be a list of strings")
    return tuple(value)


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key)
    if not isinstance(value, str) or not value:
        raise FixtureError(f"{where}: {key} is missing")
    return value


def _address(roles: Mapping[str, Role], role: str, where: str) -> str:
    address = roles[role].address
    if address is None:
        raise FixtureError(f"{where}: role {role!r} is asked for and has no address")
    return address


def _known(table: Mapping[str, Any], keys: set[str], where: str) -> None:
    unknown = sorted(set(table) - keys)
    if unknown:
        raise FixtureError(f"{where}: unknown key {unknown[0]!r}")
