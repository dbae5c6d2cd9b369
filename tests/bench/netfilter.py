"""The same node with about 100 and with about 40,000 rules, as kube-proxy writes them, of both iptables backends."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from statistics import median

from tests.bench.node import NODE, meet, node

#: Services of two endpoints; each takes seven rules.
FEW, MANY = 14, 5714
PODS = 250
#: The time with many rules over that with few.
GROWTH = 2.0
BACKENDS = ("nft", "legacy")
#: Seconds for the kernel to free the rules of before.
SETTLE = 1.0

_FRAME = """\
:PREROUTING ACCEPT [0:0]
:INPUT ACCEPT [0:0]
:OUTPUT ACCEPT [0:0]
:POSTROUTING ACCEPT [0:0]
-A PREROUTING -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A OUTPUT -m comment --comment "kubernetes service portals" -j KUBE-SERVICES
-A POSTROUTING -m comment --comment "kubernetes postrouting rules" -j KUBE-POSTROUTING
-A KUBE-MARK-MASQ -j MARK --set-xmark 0x4000/0x4000
-A KUBE-POSTROUTING -m mark ! --mark 0x4000/0x4000 -j RETURN
-A KUBE-POSTROUTING -j MARK --set-xmark 0x4000/0x0
-A KUBE-POSTROUTING -m comment --comment "kubernetes service traffic requiring SNAT" -j MASQUERADE --random-fully
"""
_OWN_CHAINS = ("KUBE-SERVICES", "KUBE-MARK-MASQ", "KUBE-POSTROUTING")


def ruleset(services: int) -> str:
    """Return the table nat of a node with so many services, for iptables-restore."""
    rules = [rule for number in range(services) for rule in _service(number)]
    chains = dict.fromkeys(_OWN_CHAINS)
    chains.update(dict.fromkeys(rule.split()[1] for rule in rules))
    heads = "".join(f":{chain} - [0:0]\n" for chain in chains)
    return f"*nat\n{heads}{_FRAME}" + "\n".join(rules) + "\nCOMMIT\n"


def _service(number: int) -> Iterator[str]:
    name, high, low = f"default/service-{number}:http", number // 250, number % 250 + 1
    chain = f"KUBE-SVC-{number:016X}"
    yield (
        f'-A KUBE-SERVICES -d 10.96.{high}.{low}/32 -p tcp -m comment --comment "{name} cluster IP" '
        f"-m tcp --dport 80 -j {chain}"
    )
    for end, share in ((0, "-m statistic --mode random --probability 0.5 "), (1, "")):
        endpoint, address = f"KUBE-SEP-{number:015X}{end}", f"10.{79 + end}.{high}.{low}"
        yield f'-A {chain} -m comment --comment "{name} -> {address}:8080" {share}-j {endpoint}'
        yield f'-A {endpoint} -s {address}/32 -m comment --comment "{name}" -j KUBE-MARK-MASQ'
        yield (
            f'-A {endpoint} -p tcp -m comment --comment "{name}" -m tcp '
            f"-j DNAT --to-destination {address}:8080"
        )


def measure(runs: int, diagnose: Callable[[], float]) -> Iterator[tuple[str, float, float]]:
    """Yield each backend with the medians of few and of many rules, taken in turns."""
    with node(PODS):
        for backend in BACKENDS:
            times: dict[int, list[float]] = {FEW: [], MANY: []}
            for _ in range(runs):
                for services, taken in times.items():
                    _run(f"iptables-{backend}-restore", given=ruleset(services))
                    time.sleep(SETTLE)
                    meet(0, 1)
                    taken += [diagnose() for _ in range(3)]
            if backend == "nft":  # or both would be in force
                _run("nft", "delete", "table", "ip", "nat")
            yield backend, median(times[FEW]), median(times[MANY])


def report(runs: int, diagnose: Callable[[], float]) -> bool:
    """Measure and print; return whether a ratio misses its target."""
    missed = False
    few, many = (ruleset(services).count("\n-A ") for services in (FEW, MANY))
    for backend, quick, slow in measure(runs, diagnose):
        print(f"netfilter, {backend}: {few} rules {quick:.3f} s, {many} rules {slow:.3f} s")
        growth = f"{slow / quick:.2f} (target: below {GROWTH:.0f})"
        print(f"netfilter, {backend}: {many} rules / {few} rules: {growth}")
        missed = missed or slow / quick >= GROWTH
    return missed


def _run(*command: str, given: str | None = None) -> None:
    subprocess.run(["ip", "netns", "exec", NODE, *command], input=given, text=True, check=True)
