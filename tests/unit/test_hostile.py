"""Facts that no host has, made to cost as much as they can: an answer all the same, and soon."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from netdoctor.cli import main
from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import Request, resolve
from netdoctor.facts.fleet import Fleet, Member
from netdoctor.facts.host import Host, NamespaceFacts
from netdoctor.facts.links import Vxlan
from netdoctor.facts.records import NextHop, Route, Rule
from netdoctor.facts.tables import TableHost
from tests.unit.networks import Ns

#: Seconds of processor time; each of these takes a fraction of it.
PATIENCE = 20


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    start = time.process_time()
    yield
    assert time.process_time() - start < PATIENCE


def ask(host: Host, source: str, destination: str) -> str:
    report = diagnose(host, resolve(host, Request(source, destination)))
    assert not report.crashed
    return report.verdict


def pair(**fields: tuple[object, ...]) -> TableHost:
    """Two namespaces joined by a pair; the first has more of some facts."""
    one, other = (
        Ns(n, name).dev("eth0", f"10.0.0.{n}/24", kind="veth", iflink=2, link_netnsid=0)
        for n, name in ((1, "a"), (2, "b"))
    )
    one.nsid(2)
    other.nsid(1)
    facts = one.facts()
    more = {key: (*getattr(facts, key), *value) for key, value in fields.items()}
    return TableHost("h", (replace(facts, **more), other.facts()))


def test_many_routes() -> None:
    hop = (NextHop(2),)
    many = tuple(Route(2, 254, f"{n >> 8}.{n & 255}.0.0", 16, nexthops=hop) for n in range(1 << 16))
    same = tuple(Route(2, 254, "10.0.0.2", 32, "throw", priority=n) for n in range(1 << 15))
    assert ask(pair(routes=many), "a", "b") == "reachable"
    assert ask(pair(routes=same), "a", "b") == "unreachable"


def test_many_rules() -> None:
    many = tuple(Rule(2, 5, table=7, src="10.9.0.0", src_len=16) for _ in range(1 << 15))
    assert ask(pair(rules=many), "a", "b") == "reachable"


def looped(edit: Callable[[int], dict[str, int | str | None]]) -> NamespaceFacts:
    ns = Ns(1, "a").bridge("br0", "10.0.0.1/24").dev("e", "10.1.0.1/24", kind="veth").bridge("br1")
    facts = ns.facts()
    return replace(facts, links=tuple(replace(link, **edit(link.index)) for link in facts.links))


@pytest.mark.parametrize("step", [0, 1, -1, 7])
@pytest.mark.parametrize("destination", ["10.0.0.9", "10.1.0.9"])
def test_devices_that_are_their_own_masters_and_peers(step: int, destination: str) -> None:
    facts = looped(lambda n: {"master": n + step, "iflink": n + step, "slave_kind": "bridge"})
    assert ask(TableHost("h", (facts,)), "a", destination) in ("unreachable", "unknown")


def test_ports_of_one_bridge_joined_among_themselves() -> None:
    ns = Ns(1, "a").bridge("br0", "10.0.0.1/24")
    for number in range(60):
        ns.dev(f"p{number}", kind="veth", master="br0", iflink=3 + (number ^ 1))
    assert ask(TableHost("h", (ns.facts(),)), "a", "10.0.0.9") == "unreachable"


def test_tunnels_within_tunnels() -> None:
    ns = Ns(1, "a").dev("eth0", "10.0.0.1/24", kind=None)
    for number in range(40):
        ns.dev(f"x{number}", f"10.1.{number}.1/24", kind="vxlan", vxlan=Vxlan(vni=number, local="10.0.0.1"))
        for other in range(40):
            ns.fdb(f"x{number}", "00:00:00:00:00:00", dst=f"10.1.{other}.7")
    assert ask(TableHost("h", (ns.facts(),)), "a", "10.1.3.9") in ("unreachable", "unknown")


def test_hosts_that_bridge_the_wire_with_itself() -> None:
    def host(number: int) -> Member:
        ns = Ns(number, f"n{number}").bridge("br0", f"10.0.0.{number}/24")
        for name in ("e0", "e1"):
            ns.dev(name, kind=None, master="br0", address=f"02:00:00:00:{number:02x}:{name[1]}0")
        return Member(f"h{number}", (ns.facts(),))

    fleet = Fleet(host(number) for number in range(1, 30))
    assert ask(fleet, "n1", "n29") == "reachable"
    assert ask(fleet, "n1", "10.0.0.99") == "unknown"


@pytest.mark.parametrize(
    "junk", [bytes, lambda size: b"[" * size, lambda size: b'{"schema":"' + b"a" * size + b'"}']
)
def test_megabytes_of_junk(
    junk: Callable[[int], bytes], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "junk.json"
    file.write_bytes(junk(32 << 20))
    assert main(["why-no-ping", "a", "b", "--snapshot", str(file)]) == 2
    assert len(capsys.readouterr().err) < 400
