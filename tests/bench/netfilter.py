"""The same node with 100 and with 40,000 rules, as kube-proxy writes them: both backends of iptables, and nftables."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.bench import kube_ipt, kube_nft
from tests.bench.ask import Cost, ask, quickest, run
from tests.bench.node import NODE, meet, node, pod, pod_address

RULES = (100, 40_000)
PODS = 250
#: The time with many rules over that with few.
GROWTH = 2.0
#: As kube-proxy wants a node.
SYSCTLS = ("net.ipv4.ip_forward=1", "net.bridge.bridge-nf-call-iptables=1")
#: Seconds for the kernel to free the rules of before.
SETTLE = 1.0

_LISTENER = "import socket; s = socket.create_server(('', 8080)); print(flush=True); s.accept()"


class Kind(NamedTuple):
    """Who keeps the rules: how they are written for how many Services, loaded, taken away, and looked at by hand."""

    name: str
    write: Callable[[list[kube_ipt.Service]], str]
    services: Callable[[int], int]
    load: tuple[str, ...]
    clear: tuple[tuple[str, ...], ...]
    by_hand: tuple[str, ...]


_LEGACY = ("iptables-legacy", "-t", "nat")
KINDS = (
    Kind("iptables-nft", kube_ipt.ruleset, kube_ipt.services, ("iptables-nft-restore",),
         (("nft", "flush", "ruleset"),), ("iptables-nft-save",)),
    Kind("iptables-legacy", kube_ipt.ruleset, kube_ipt.services, ("iptables-legacy-restore",),
         ((*_LEGACY, "-F"), (*_LEGACY, "-X")), ("iptables-legacy-save",)),
    Kind("nftables", kube_nft.ruleset, kube_nft.services, ("nft", "-f", "-"),
         (("nft", "flush", "ruleset"),), ("nft", "list", "ruleset")),
)  # fmt: skip


def services(count: int) -> list[kube_ipt.Service]:
    """Return so many Services of two endpoints each; those of the last are pods of this node."""
    found: list[kube_ipt.Service] = []
    for number in range(count):
        high, low = number // 250, number % 250 + 1
        elsewhere = (f"10.79.{high}.{low}", f"10.80.{high}.{low}")
        here = (pod_address(1), pod_address(2))
        found.append((f"10.96.{high}.{low}", here if number == count - 1 else elsewhere))
    return found


@contextmanager
def listening() -> Iterator[None]:
    """Have the endpoints of the last Service listen."""
    started = []
    try:
        for number in (1, 2):
            command = ("ip", "netns", "exec", pod(number), sys.executable, "-c", _LISTENER)
            child = subprocess.Popen(command, stdout=subprocess.PIPE)
            started.append(child)
            assert child.stdout is not None
            child.stdout.readline()
        yield
    finally:
        for child in started:
            child.kill()
            child.wait()


def _inside(*command: str, given: str | None = None) -> None:
    subprocess.run(["ip", "netns", "exec", NODE, *command], input=given, text=True, check=True)


def _asked(words: tuple[str, ...]) -> Cost:
    """Ask where those who are asked about know each other's lladdr: a flooded ARP request is another measurement."""
    meet(0, 1)
    meet(0, 2)
    return ask(*words)


def measure(kind: Kind, runs: int) -> dict[tuple[str, int], Cost]:
    """Return the least cost by question and number of rules, taken in turns."""
    taken: dict[tuple[str, int], list[Cost]] = {}
    for _ in range(runs):
        for rules in RULES:
            known = services(kind.services(rules))
            _inside(*kind.load, given=kind.write(known))
            time.sleep(SETTLE)
            questions = {
                "ping": ("why-no-ping", f"netns:{pod(0)}", f"netns:{pod(1)}"),
                "Service": ("why-no-connect", f"netns:{pod(0)}", known[-1][0], "--tcp", "80"),
            }
            for name, words in questions.items():
                taken.setdefault((name, rules), []).extend(_asked(words) for _ in range(3))
            by_hand = ("ip", "netns", "exec", NODE, *kind.by_hand)
            taken.setdefault(("by hand", rules), []).append(run(*by_hand))
    for command in kind.clear:
        _inside(*command)
    return {key: quickest(costs) for key, costs in taken.items()}


def report(runs: int) -> bool:
    """Measure and print; return whether a ratio misses its target."""
    missed = False
    few, many = RULES
    with node(PODS), listening():
        _inside("sysctl", "-q", "-w", *SYSCTLS)
        for kind in KINDS:
            found = measure(kind, runs)
            by_hand = found["by hand", many]
            for question in ("ping", "Service"):
                quick, slow = found[question, few], found[question, many]
                where = f"netfilter, {kind.name}, {question}"
                print(f"{where}: {few} rules {quick.wall:.3f} s, {many} rules {slow.wall:.3f} s")
                growth, work = slow.wall / quick.wall, slow.cpu / quick.cpu
                print(
                    f"{where}: {many} rules / {few} rules: {growth:.2f}, of processor time {work:.2f} "
                    f"(target: below {GROWTH:.0f}); memory {quick.peak:.0f} and {slow.peak:.0f} MiB"
                )
                print(
                    f"{where}: netdoctor / {' '.join(kind.by_hand)}, {many} rules: {slow.wall / by_hand.wall:.2f} "
                    f"({by_hand.wall:.3f} s, {by_hand.peak:.0f} MiB)",
                    flush=True,
                )
                missed = missed or growth >= GROWTH or work >= GROWTH
    return missed
