"""A - r - s - B for real: random rules with NAT on both routers, a probe through them, its trace beside the walk."""

from __future__ import annotations

import subprocess
from random import Random
from typing import NamedTuple

from netdoctor.answer import ask
from netdoctor.collect.live import LiveHost
from netdoctor.collect.namespaces import net_inode
from netdoctor.endpoints import Request, resolve
from netdoctor.kernel.conversation import converse
from netdoctor.lab import listeners
from netdoctor.probe.trace import session
from netdoctor.tracing.compare import Comparison, best
from netdoctor.tracing.join import Joined, joined
from netdoctor.watch import planned
from tests.lab.nf_router import Router, Standing, run
from tests.lab.nf_rules import SETS, Author, Dialect, ruleset

#: The address that both routers may translate to B's own.
SERVICE = "10.2.0.9"
TARGET = "10.2.0.2"
PORTS = (53, 80, 443, 8080)


class Middle(Router):
    """A router of the row: its namespace is made by others."""

    def __init__(self, name: str) -> None:
        super().__init__("")
        self.names = {"r": name}

    def close(self) -> None:
        """Nothing is ours to take down."""


class Outcome(NamedTuple):
    """One probe: what the trace has, and how it compares."""

    comparison: Comparison
    events: list[Joined]
    lacking: int


class Row(Standing):
    """Four namespaces. Use it as a context manager."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.names = {short: prefix + short for short in "arsb"}
        self.routers = [Middle(self.names[short]) for short in "rs"]

    def close(self) -> None:
        """Take everything down."""
        listeners.stop([name for name in self.names.values() if _exists(name)])
        super().close()

    def _build(self) -> None:
        for name in self.names.values():
            run("ip", "netns", "add", name)
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1")
        for one, left, two, right, net in (
            ("a", "eth0", "r", "ra", "10.1.0"),
            ("r", "rb", "s", "ra", "10.3.0"),
            ("s", "rb", "b", "eth0", "10.2.0"),
        ):
            near, far = self.names[one], self.names[two]
            run("ip", "-n", near, "link", "add", left, "type", "veth", "peer", "name", right, "netns", far)
            addresses = ((near, left, 2 if one == "a" else 1), (far, right, 1 if one == "a" else 2))
            for name, device, last in addresses:
                run("ip", "-n", name, "address", "add", f"{net}.{last}/24", "dev", device)
                run("ip", "-n", name, "link", "set", device, "up")
        for name, words in (
            ("a", "default via 10.1.0.1"),
            ("r", "10.2.0.0/24 via 10.3.0.2"),
            ("s", "10.1.0.0/24 via 10.3.0.1"),
            ("b", "default via 10.2.0.1"),
        ):
            run("ip", "-n", self.names[name], "route", "add", *words.split())
        for short in "rs":
            name = self.names[short]
            run("ip", "netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1")
            subprocess.run(
                ("ip", "netns", "exec", name, "ipset", "restore"), input=SETS, text=True, check=True
            )
        for port in (80, 53):
            for protocol in ("tcp", "udp"):
                listeners.start(self.names["b"], (protocol, str(port)))

    def load(self, dialect: Dialect, seed: int) -> None:
        """Load a random ruleset, and NAT, into each router."""
        for number, router in enumerate(self.routers):
            router.clear()
            router.tool("iptables-legacy-restore", text="*nat\nCOMMIT\n" if _has_nat(router) else "")
            kinds: tuple[Dialect, ...] = (dialect,)
            if dialect == "together":
                kinds = ("legacy", "iptables-nft", "nft")
            for place, kind in enumerate(kinds):
                own = seed + 500_000 * number + 1000 * place
                router.load(kind, ruleset(kind, own))
                if place == seed % len(kinds):
                    router.load(kind, translations(kind, own, number))

    def probe(self, destination: str, protocol: str, port: int) -> Outcome:
        """Send one traced probe and compare."""
        request = Request(
            source=self.names["a"], destination=destination, family=2, from_address=None,
            size=0 if protocol == "tcp" else 56, df=False, protocol=protocol, port=port if protocol != "icmp" else None,
        )  # fmt: skip
        with LiveHost() as host:
            question = resolve(host, request, net_inode)
            answer = ask(host, question)
            walks = [way.walk for way in answer.ways or (answer,)]
            plan = planned(host, question, answer.verdict, answer.ending, walks)
            assert plan is not None
            found = session.trace(host, plan.ping, walks, plan.watch, lambda _: None, False)
            events = joined(found.events, host.namespace, found.handles_of)
            fitting = best(events, converse(host, found.ping)[0], found.heard)
            assert fitting is not None
            return Outcome(fitting[1], events, len(found.lacking))


def translations(dialect: Dialect, seed: int, number: int) -> str:
    """NAT of one router: the service, by way of user chains, and sometimes the source."""
    author = Author(seed + 77)
    serving = number == 1 or author.chance(0.5)
    masking = author.chance(0.5)
    source = author.pick("MASQUERADE", f"SNAT --to-source 10.{3 if number == 0 else 2}.0.{1}")
    if dialect == "nft":
        lines = ["table ip translations {", "  chain endpoint {", f"    counter dnat to {TARGET}", "  }"]
        lines += ["  chain service {", "    meta l4proto tcp counter", "    jump endpoint", "  }"]
        lines += ["  chain pre {", "    type nat hook prerouting priority -100;"]
        lines += [f"    ip daddr {SERVICE} jump service"] if serving else ["    counter"]
        lines += [
            "  }",
            "  chain post {",
            "    type nat hook postrouting priority 100;",
            "    meta mark 0x7 return",
        ]
        lines += ['    oifname "rb" masquerade'] if masking else []
        return "\n".join([*lines, "  }", "}", ""])
    lines = [
        "*nat",
        ":PREROUTING ACCEPT [0:0]",
        ":POSTROUTING ACCEPT [0:0]",
        ":SERVICE - [0:0]",
        ":ENDPOINT - [0:0]",
    ]
    lines += [f"-A PREROUTING -d {SERVICE}/32 -j SERVICE"] if serving else ["-A PREROUTING -p icmp"]
    lines += ["-A SERVICE -p tcp", "-A SERVICE -m mark --mark 0x7 -j RETURN", "-A SERVICE -j ENDPOINT"]
    lines += [f"-A ENDPOINT -j DNAT --to-destination {TARGET}", "-A POSTROUTING -m mark --mark 0x7 -j RETURN"]
    lines += [f"-A POSTROUTING -o rb -j {source}"] if masking else []
    return "\n".join([*lines, "COMMIT", ""])


def question(seed: int) -> tuple[str, str, int]:
    """What is asked of a ruleset: destination, protocol and port."""
    random = Random(seed)
    protocol = random.choice(("icmp", "icmp", "tcp", "udp"))
    return random.choice((SERVICE, TARGET)), protocol, random.choice(PORTS)


def _has_nat(router: Router) -> bool:
    return "*nat" in router.tool("iptables-legacy-save").stdout


def _exists(name: str) -> bool:
    return (
        subprocess.run(("ip", "netns", "exec", name, "true"), capture_output=True, check=False).returncode
        == 0
    )
