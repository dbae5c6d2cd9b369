"""Events joined to rules, and marks that tell the probe from all else."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import Namespace, NamespaceFacts, NamespaceId
from netdoctor.facts.tables import TableNamespace
from netdoctor.facts.traced import TracedPacket, TraceEvent
from netdoctor.tracing.join import Joined, join
from netdoctor.tracing.runs import numbered, once
from netdoctor.tracing.signature import SYN, Answer, Signature
from netdoctor.tracing.wording import bare

TABLE = """\
:FORWARD DROP [0:0]
:U - [0:0]
-A FORWARD -i ra -j U
-A FORWARD -j ACCEPT
-A U -p tcp -j RETURN
-A U -p icmp
"""


@pytest.fixture
def ns() -> Namespace:
    texts = (
        FirewallText("legacy", "ip", "iptables-legacy-save", "filter", TABLE),
        FirewallText("nft", "ip", "iptables-nft-save", "filter", TABLE),
    )
    return TableNamespace(NamespaceFacts(NamespaceId(7), firewall=texts))


def event(chain: str, kind: str, number: int | None = None, **more: object) -> TraceEvent:
    return TraceEvent("legacy", "ip", "filter", chain, kind, 1, number, **more)  # type: ignore[arg-type]


def named(one: Joined | None) -> tuple[int | None, str | None] | None:
    return None if one is None else (one.number, one.verdict)


def test_legacy_calls_a_bare_rule_the_end_of_its_chain(ns: Namespace) -> None:
    assert named(join(event("FORWARD", "rule", 1), ns)) == (1, "jump U")
    assert named(join(event("FORWARD", "policy", 2), ns)) == (2, "accept")
    assert named(join(event("FORWARD", "policy", 3), ns)) == (0, "drop")
    assert named(join(event("U", "rule", 2), ns)) == (2, "continue")
    assert named(join(event("U", "return", 3), ns)) is None
    assert named(join(event("GONE", "rule", 3), ns)) == (None, None)


def test_nft_names_by_handle(ns: Namespace) -> None:
    handles = {("ip", "filter", "U"): [12, 15]}

    def known(inode: int, family: str, table: str, chain: str) -> list[int] | None:
        return handles.get((family, table, chain))

    one = replace(event("U", "rule", handle=15, verdict="continue"), backend="nft", namespace=7)
    assert named(join(one, ns, known)) == (2, "continue")
    handles["ip", "filter", "U"] = [12, 15, 16]  # somebody has added a rule since
    assert named(join(one, ns, known)) == (None, "continue")
    assert join(replace(one, handle=None, kind="return"), ns, known) is None
    assert join(replace(one, table="netdoctor-1-ab"), ns, known) is None


def test_a_log_names_by_text(ns: Namespace) -> None:
    one = replace(event("U", "rule", text="-4 -t filter -A U -p icmp", verdict="continue"), backend="nft")
    assert named(join(one, ns)) == (2, "continue")
    assert bare("ip saddr 1.2.3.4  counter packets 5 bytes 7 accept # handle 9") == "ip saddr 1.2.3.4 counter accept"


def test_runs_of_a_log_that_names_none() -> None:
    packet = TracedPacket("10.0.0.1", "10.0.0.2", 17, 1, 2, ip_id=5)
    chains = [("FORWARD", 1), ("U", 2), ("FORWARD", 2), ("FORWARD", 1), ("U", 1)]
    events = [event(chain, "rule", number, packet=packet) for chain, number in chains]
    first, *_, last = [one.run for one in numbered(events)]
    assert [one.run for one in numbered(events)] == [first, first, first, last, last]
    assert first != last


def test_what_is_sent_again_counts_once() -> None:
    packet = TracedPacket("10.0.0.1", "10.0.0.2", 6, 1, 2, ip_id=5, ttl=64)
    answer = TracedPacket("10.0.0.2", "10.0.0.1", 6, 2, 1, ip_id=0, ttl=64)
    events = [
        replace(event("FORWARD", "rule", 1, packet=one, leg=leg), run=run)
        for run, (one, leg) in enumerate(
            [
                (packet, "request"),
                (answer, "reply"),
                (replace(packet, ip_id=6), "request"),
                (answer, "reply"),
            ]
        )
    ]
    assert [one.run for one in once(events)] == [0, 1]


def test_the_probe_is_known_whatever_nat_makes_of_it() -> None:
    tcp = Signature(6, isns=(100, 2**32 - 1))
    syn = TracedPacket("a", "b", 6, 1, 2, tcp_seq=100, tcp_ack=0, tcp_flags=SYN)
    assert tcp.leg(syn) == ("request", 0)
    assert tcp.leg(replace(syn, tcp_flags=0x10)) is None
    assert tcp.leg(replace(syn, tcp_seq=5, tcp_ack=0, tcp_flags=0x12)) == ("reply", 1)
    assert tcp.leg(replace(syn, proto=17)) is None
    echo = Signature(1, token=b"12345678", ident=9)
    asked = TracedPacket("a", "b", 1, icmp_type=8, icmp_id=1, icmp_seq=3, payload=b"12345678x")
    assert echo.leg(asked) == ("request", 3)
    assert echo.leg(replace(asked, icmp_type=0)) == ("reply", 3)
    assert echo.leg(replace(asked, payload=b"1234567")) is None
    assert echo.leg(replace(asked, icmp_type=3)) is None
    small = Signature(1, token=b"12", ident=1)
    assert small.leg(replace(asked, payload=b"12")) == ("request", 3)
    assert small.leg(replace(asked, payload=b"12", icmp_id=2)) is None
    udp = Signature(17, token=b"12345678", answers=(Answer("b", "a", 53, 4000),))
    assert udp.leg(TracedPacket("b", "a", 17, 53, 4000, payload=b"12345678")) == ("reply", 0)
    assert udp.leg(TracedPacket("a", "b", 17, 4000, 53, payload=b"12345678")) == ("request", 0)
    assert udp.leg(TracedPacket("b", "c", 17, 53, 4000, payload=b"x")) is None
