"""Which socket takes a SYN or a datagram, and how the messages of inet_diag are read."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from msgspec.structs import replace

from netdoctor.collect.sockets import decode
from netdoctor.diagnosis import diagnose
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.sockets import Socket
from netdoctor.facts.sound import complaint
from netdoctor.facts.tables import TableHost
from netdoctor.kernel.endings import DeliveredElsewhere, ForwardingOff, NotListening
from netdoctor.question import End, Question
from netdoctor.report import Report
from tests.unit.networks import Net, bridged, routed

TCP = {"proto": "tcp", "port": 80}
UDP = {"proto": "udp", "port": 53}


def message(family: int, state: int, port: int, address: bytes, *attributes: tuple[int, bytes]) -> bytes:
    """A message of inet_diag as the kernel sends it, with rqueue 3, wqueue 128, uid 33 and inode 4711."""
    body = struct.pack("=BBBB", family, state, 0, 0) + port.to_bytes(2, "big") + bytes(2)
    body += address.ljust(16, b"\0") + bytes(16) + struct.pack("=III", 7, 0, 0)
    body += struct.pack("=IIIII", 0, 3, 128, 33, 4711)
    for kind, value in attributes:
        body += struct.pack("=HH", len(value) + 4, kind) + value + bytes(-len(value) % 4)
    return struct.pack("=IHHII", 16 + len(body), 20, 2, 1, 0) + body


def test_a_listener_is_read() -> None:
    assert decode("tcp", message(2, 10, 8080, bytes((127, 0, 0, 1)), (11, b"\0"))) == Socket(
        "tcp", 2, "127.0.0.1", 8080, "LISTEN", 128, 3, False, 7, 33, 4711
    )


def test_a_bound_udp_socket_is_read_and_its_queue_is_no_backlog() -> None:
    found = decode("udp", message(10, 7, 53, bytes(16), (8, b"\0"), (11, b"\1")))
    assert found == Socket("udp", 10, "::", 53, "UNCONN", 0, 0, True, 7, 33, 4711)


def test_an_ipv4_address_on_an_ipv6_socket_shows_both() -> None:
    found = decode("tcp", message(10, 10, 80, bytes(10) + b"\xff\xff" + bytes((10, 0, 0, 2))))
    assert found is not None
    assert found.address == "::ffff:10.0.0.2"


@pytest.mark.parametrize("length", [0, 16, 40, 87])
def test_a_message_that_is_cut_off_is_none(length: int) -> None:
    assert decode("tcp", message(2, 10, 80, b"")[:length]) is None


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("0.0.0.0", {}),
        ("10.0.0.2", {}),
        ("::", {}),
        ("::ffff:10.0.0.2", {}),
        ("0.0.0.0", {"dev": "eth0"}),
        ("0.0.0.0", {"backlog": 16, "queued": 16}),
    ],
)
@pytest.mark.parametrize("ask", [TCP, UDP])
def test_it_is_taken(ask: dict[str, Any], address: str, fields: dict[str, Any]) -> None:
    net = bridged()
    net["b"].listens(ask["proto"], ask["port"], address, **fields)
    assert net.answered("a", "10.0.0.2", **ask)


@pytest.mark.parametrize(
    ("address", "fields"),
    [
        ("127.0.0.1", {}),
        ("10.0.0.9", {}),
        ("::1", {}),
        ("::", {"v6only": True}),
        ("::ffff:127.0.0.1", {}),
        ("0.0.0.0", {"dev": "lo"}),
    ],
)
@pytest.mark.parametrize("ask", [TCP, UDP])
def test_it_is_bound_to_something_else(ask: dict[str, Any], address: str, fields: dict[str, Any]) -> None:
    net = bridged()
    net["b"].listens(ask["proto"], ask["port"], address, **fields)
    ending = net.ending("a", "10.0.0.2", **ask)
    assert isinstance(ending, NotListening)
    assert [item.address for item in ending.near] == [address]


def test_nothing_listens_where_only_others_do() -> None:
    net = bridged()
    net["b"].listens("udp", 80).listens("tcp", 81)
    net["a"].listens("tcp", 80)
    ending = net.ending("a", "10.0.0.2", **TCP)
    assert isinstance(ending, NotListening)
    assert (ending.at.inode, ending.near, ending.full) == (net["b"].inode, (), None)


def test_a_full_backlog_is_that_of_the_socket_that_is_found() -> None:
    net = bridged()
    net["b"].listens("tcp", 80, backlog=1, queued=2).listens("tcp", 80, "10.0.0.2")
    assert net.answered("a", "10.0.0.2", **TCP)
    net["b"].listens("tcp", 81, backlog=1, queued=2)
    ending = net.ending("a", "10.0.0.2", proto="tcp", port=81)
    assert isinstance(ending, NotListening)
    assert ending.full is not None


def test_what_is_bound_to_the_address_goes_before_what_is_bound_to_the_device() -> None:
    net = bridged()
    net["b"].listens("tcp", 80, dev="eth0", backlog=0, queued=1).listens("tcp", 80, "10.0.0.2")
    assert net.answered("a", "10.0.0.2", **TCP)


@pytest.mark.parametrize("ask", [TCP, UDP])
def test_the_settings_for_echo_requests_do_not_matter(ask: dict[str, Any]) -> None:
    net = bridged()
    net["b"].sysctl(icmp_echo_ignore_all=1).listens(ask["proto"], ask["port"])
    assert net.answered("a", "10.0.0.2", **ask)


@pytest.mark.parametrize("ask", [TCP, UDP])
def test_what_the_receiver_takes_for_a_broadcast_is_not_answered(ask: dict[str, Any]) -> None:
    net = bridged()
    net["b"].route("broadcast 10.0.0.77 dev eth0 table 255 scope link").listens(ask["proto"], ask["port"])
    net["a"].neigh("eth0", "10.0.0.77", net["b"].mac("eth0"))
    walk = net.walk("a", "10.0.0.77", **ask)
    assert not walk.answered
    (ending,) = [end for end in walk.endings if isinstance(end, DeliveredElsewhere)]
    assert (ending.at, ending.broadcast) == (net["b"].at("eth0"), True)


def test_a_syn_is_forwarded_like_any_packet() -> None:
    net = routed()
    net["b"].listens("tcp", 80)
    assert net.answered("a", "10.2.0.2", **TCP)
    net["r"].sysctl(conf__va__forwarding=0)
    assert isinstance(net.ending("a", "10.2.0.2", **TCP), ForwardingOff)


def report(net: Net, protocol: str, port: int, host: TableHost | None = None) -> Report:
    a, b = net["a"], net["b"]
    ends = (
        End("a", "netns", "a", a.inode),
        End("b", "netns", "b", b.inode, "10.0.0.2", "eth0"),
    )
    return diagnose(host or net.host(), Question(*ends, size=0, protocol=protocol, port=port))


def test_the_report_says_what_was_asked() -> None:
    net = bridged()
    net["b"].listens("tcp", 80)
    told = report(net, "tcp", 80)
    assert (told.verdict, told.question.protocol, told.question.port) == ("reachable", "tcp", 80)
    assert told.summary == "a connects to b tcp port 80"
    carried = [{step.packet.protocol for step in leg.steps} for leg in told.path.legs]
    assert carried == [{"tcp syn"}, {"tcp syn-ack"}]


@pytest.mark.parametrize(
    ("protocol", "summary"),
    [
        ("tcp", "a cannot connect to b tcp port 80: the SYN is refused with a RST"),
        ("udp", "a cannot reach b udp port 80: the datagram is refused with ICMP port unreachable"),
    ],
)
def test_a_refusal_is_called_one(protocol: str, summary: str) -> None:
    told = report(bridged(), protocol, 80)
    assert told.summary == f"{summary}: nothing listens on {protocol} port 80 in b"
    assert [(cause.code, cause.fix) for cause in told.causes] == [("SYS010", None)]


def test_other_ports_are_named() -> None:
    net = bridged()
    net["b"].listens("tcp", 443).listens("tcp", 22, "::").listens("tcp", 22)
    (cause,) = report(net, "tcp", 80).causes
    assert "tcp port 22, 443." in cause.explanation


def test_a_syn_that_vanishes_is_lost() -> None:
    net = bridged()
    net["b"].listens("tcp", 80, backlog=1, queued=2)
    told = report(net, "tcp", 80)
    assert told.summary.startswith("a cannot connect to b tcp port 80: the SYN is lost: the backlog of tcp port 80")
    assert [cause.code for cause in told.causes] == ["SYS012"]


def test_sockets_that_were_not_recorded_leave_it_unknown() -> None:
    net = bridged()
    facts = tuple(replace(ns.facts(), sockets=None) for ns in net.all.values())
    told = report(net, "tcp", 80, TableHost("here", facts))
    assert told.verdict == "unknown"
    assert told.missing[-1].what == "the tcp sockets of b"
    assert told.summary.startswith("whether a connects to b tcp port 80 cannot be told: the tcp sockets of b: ")


def test_a_made_up_address_of_a_socket_is_refused() -> None:
    facts = NamespaceFacts(NamespaceId(1), sockets=(Socket("tcp", 2, "everywhere", 80),))
    assert complaint(facts) == "'everywhere' is no IP address"
