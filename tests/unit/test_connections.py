"""Tracked connections: how ctnetlink's messages are read, what a known flow meets, and a table that is full."""

from __future__ import annotations

import socket
import struct

import pytest
from msgspec.structs import replace

from netdoctor.collect.conntrack import decode
from netdoctor.diagnosis import diagnose
from netdoctor.facts.connections import ASSURED, SEEN_REPLY, Entry
from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.sound import complaint
from netdoctor.facts.tables import TableHost
from netdoctor.question import End, Question
from netdoctor.report import Report
from tests.unit.networks import Net, routed

#: A table that uses connection tracking, and lets everything pass.
TRACKING = "*filter\n:FORWARD ACCEPT [0:0]\n-A FORWARD -m conntrack --ctstate INVALID -j DROP\nCOMMIT\n"
FLOW = Entry(17, "10.1.0.2", "10.2.0.2", 40053, 53, "10.9.9.9", "10.1.0.2", 5353, 40053)


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)


def one_way(src: str, dst: str, proto: int, sport: int, dport: int) -> bytes:
    ip = attribute(1, socket.inet_aton(src)) + attribute(2, socket.inet_aton(dst))
    ports = attribute(2, sport.to_bytes(2, "big")) + attribute(3, dport.to_bytes(2, "big"))
    layer4 = attribute(1, bytes([proto])) + ports
    return attribute(0x8001, ip) + attribute(0x8002, layer4)


def message(*more: tuple[int, bytes], proto: int = 6) -> bytes:
    """A message of ctnetlink as the kernel sends it: a connection to 10.2.0.2 that goes to 10.9.9.9."""
    body = struct.pack("=BBH", 2, 0, 0) + attribute(0x8001, one_way("10.1.0.2", "10.2.0.2", proto, 40000, 80))
    body += attribute(0x8002, one_way("10.9.9.9", "10.1.0.2", proto, 8080, 40000))
    body += b"".join(attribute(kind, value) for kind, value in more)
    return struct.pack("=IHHII", 16 + len(body), 256, 2, 1, 0) + body


def test_an_entry_is_read() -> None:
    state = attribute(0x8001, attribute(1, b"\x07"))
    status = (SEEN_REPLY | ASSURED).to_bytes(4, "big")
    found = decode(message((3, status), (4, state), (8, b"\0\0\0\5"), (18, b"\0\3")))
    both = ("10.1.0.2", "10.2.0.2", 40000, 80, "10.9.9.9", "10.1.0.2", 8080, 40000)
    assert found == Entry(6, *both, zone=3, mark=5, status=6, state="TIME_WAIT")
    assert found.answered
    assert found.translated


@pytest.mark.parametrize("length", [0, 16, 24, 60, 90])
def test_a_message_that_is_cut_off_is_none(length: int) -> None:
    assert decode(message()[:length]) is None


def test_an_entry_that_is_going_is_none() -> None:
    assert decode(message((3, (1 << 9).to_bytes(4, "big")))) is None


def test_a_made_up_address_of_an_entry_is_refused() -> None:
    facts = NamespaceFacts(NamespaceId(1), connections=(replace(FLOW, reply_src="nowhere"),))
    assert complaint(facts) == "'nowhere' is no IP address"


def asked(
    net: Net, protocol: str = "udp", source_port: int | None = None, rules: str = TRACKING, **sysctls: str
) -> Report:
    """Ask a of a routed pair for port 53 of b, through a router that has tracked FLOW, and has the sysctls."""
    found = []
    for ns in net.all.values():
        facts = ns.facts()
        if facts.id.names == ("r",):
            text = FirewallText("nft", "ip", "iptables-nft-save", "filter", rules)
            named = {f"netfilter/nf_conntrack_{name}": value for name, value in sysctls.items()}
            facts = replace(facts, firewall=(text,), connections=(FLOW,), sysctls={**facts.sysctls, **named})
        found.append(facts)
    source, destination = (End(name, "netns", name, net[name].inode) for name in "ab")
    question = Question(source, replace(destination, address="10.2.0.2"), size=0, protocol=protocol, port=53)
    return diagnose(TableHost("here", tuple(found)), replace(question, source_port=source_port))


@pytest.fixture
def net() -> Net:
    made = routed()
    made["b"].listens("udp", 53).listens("tcp", 53)
    return made


def test_a_new_flow_meets_no_entry(net: Net) -> None:
    assert asked(net).verdict == "reachable"
    assert asked(net, source_port=40054).verdict == "reachable"


def test_a_known_flow_goes_where_its_entry_leads(net: Net) -> None:
    told = asked(net, source_port=40053)
    assert told.verdict == "unreachable"
    (cause,) = told.causes
    assert cause.code == "CTK004"
    assert cause.fix is not None
    assert cause.fix.verified
    words = "conntrack -D -p udp -s 10.1.0.2 -d 10.2.0.2 --sport 40053 --dport 53"
    assert " ".join(cause.fix.commands[0]).endswith(words)


def test_another_protocol_is_another_flow(net: Net) -> None:
    assert asked(net, "tcp", 40053).verdict == "reachable"


def test_a_stale_entry_is_told_where_a_new_flow_is_answered(net: Net) -> None:
    assert [hazard.code for hazard in asked(net).hazards] == ["CTK005"]


@pytest.mark.parametrize(("count", "verdict"), [("262144", "unreachable"), ("262143", "reachable")])
def test_a_full_table_takes_no_new_connection(net: Net, count: str, verdict: str) -> None:
    """As measured: with a table full of answered connections all first packets are dropped, of ping too."""
    told = asked(net, count=count, max="262144")
    assert told.verdict == verdict
    assert [cause.code for cause in told.causes] == (["CTK006"] if verdict == "unreachable" else [])


def test_without_a_rule_that_needs_it_nothing_is_tracked(net: Net) -> None:
    stateless = TRACKING.replace("-m conntrack --ctstate INVALID", "-s 10.9.9.9")
    assert asked(net, rules=stateless, count="9", max="9").verdict == "reachable"
