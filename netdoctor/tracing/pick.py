"""From a log of everybody's packets: those of the question, and the namespace in which each run was.

The walk says what the packet looks like on its way: its addresses and ports before and behind every NAT.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec.structs import replace

from netdoctor.facts.links import Record
from netdoctor.facts.traced import Leg, TracedPacket, TraceEvent
from netdoctor.kernel.conversation import PROTOCOLS, Ping
from netdoctor.kernel.netfilter.model import Place
from netdoctor.kernel.netfilter.ruleset import ruleset_of
from netdoctor.kernel.netfilter.traversal import Traversal
from netdoctor.kernel.packet import Frame, Ip
from netdoctor.kernel.walk import Walk

_ICMP, _TCP = 1, 6
_SYN, _ACK, _RST = 0x02, 0x10, 0x04


class _Form(Record, frozen=True):
    """What the packet of one leg looks like somewhere: addresses, and the port of the server's side."""

    leg: Leg
    src: str
    dst: str
    port: int | None


def pick(events: Sequence[TraceEvent], ping: Ping, walks: Sequence[Walk]) -> list[list[TraceEvent]]:
    """Return the packets that may be the question's, each with its answer as events with their legs, in their order.

    Behind a NAT a packet looks like one that was sent there in the first place: which it is, the rules that it met say.
    """
    forms = set(_forms(ping, walks))
    requests: dict[tuple[object, ...], list[TraceEvent]] = {}
    replies: dict[tuple[object, ...], list[TraceEvent]] = {}
    begun: dict[tuple[object, ...], int] = {}
    for number, event in enumerate(events):
        leg = _leg(event.packet, ping, forms) if event.packet is not None else None
        if leg is None or event.packet is None:
            continue
        key = (leg, *_key(event.packet, leg))
        begun.setdefault(key, number)
        (requests if leg == "request" else replies).setdefault(key, []).append(replace(event, leg=leg))
    for key, packet in requests.items():
        # xtables-monitor shows nothing of ICMP: there the next answer is the answer.
        own = (one for one in replies if one[1] == key[1] and begun[one] > begun[key])
        if (first := next(own, None)) is not None:
            packet.extend(replies.pop(first))
    return [*requests.values(), *replies.values()]


def _forms(ping: Ping, walks: Sequence[Walk]) -> Iterator[_Form]:
    """The question as it was put, and everything that the walks make of it."""
    port = ping.port if ping.proto != "icmp" else None
    if ping.source is not None:
        yield _Form("request", ping.source, ping.address, port)
    for walk in walks:
        for step in walk.steps:
            packet = _innermost(step.carries)
            if packet is None or packet.flow.arp:
                continue
            request = packet.flow.leg == "request"
            server = packet.dport if request else packet.sport
            number = server if ping.proto != "icmp" else None
            yield _Form(packet.flow.leg, packet.src, packet.dst, number)
            if request:
                yield _Form("reply", packet.dst, packet.src, number)


def _innermost(carries: object) -> Ip | None:
    packet = carries.payload if isinstance(carries, Frame) else carries
    while isinstance(packet, Ip) and isinstance(packet.inner, Frame):
        packet = packet.inner.payload
    return packet if isinstance(packet, Ip) else None


def _leg(packet: TracedPacket, ping: Ping, forms: set[_Form]) -> Leg | None:
    """Which leg a packet of the log belongs to; None for another conversation's, or a later packet of this one."""
    proto = PROTOCOLS[ping.proto]
    if packet.proto not in (None, proto) or packet.fragment:
        return None
    if (packet.sport is None and packet.dport is None) != (proto == _ICMP):
        return None
    for leg, server in (("request", packet.dport), ("reply", packet.sport)):
        form = _Form(leg, packet.src, packet.dst, server if proto != _ICMP else None)  # type: ignore[arg-type]
        if form in forms and _begins(packet, form.leg):
            return form.leg
    return None


def _begins(packet: TracedPacket, leg: Leg) -> bool:
    """The packet that asks, or the one that answers it: not what follows, nor an ICMP error."""
    if packet.icmp_type is not None:
        return packet.icmp_type in ((8, 128) if leg == "request" else (0, 129))
    if packet.tcp_flags is not None and packet.proto == _TCP:
        syn = bool(packet.tcp_flags & _SYN)
        if leg == "request":
            return syn and not packet.tcp_flags & _ACK
        return syn or bool(packet.tcp_flags & _RST)
    return True


def _key(packet: TracedPacket, leg: Leg) -> tuple[object, ...]:
    """What tells one packet of a leg from the next: the conversation, and the IP header's id."""
    if packet.icmp_id is not None:
        return (packet.icmp_id, packet.icmp_seq), packet.ip_id
    return (packet.sport if leg == "request" else packet.dport), packet.ip_id


def placed(events: Sequence[TraceEvent], way: Walk) -> list[TraceEvent]:
    """Return the events, each with the namespace it must have been in: the next one on the way that fits.

    A log has the runs in their order, but not all of them. One that fits nowhere (a table that was there for the trace
    alone) was where the next one is, or the one before.
    """
    passed = [one for one in way.traversals if _innermost(one.packet) is not None]
    found: dict[int, int | None] = {}
    at = 0
    for event in events:
        if event.run in found:
            continue
        number = next((n for n in range(at, len(passed)) if _fits(event, passed[n], way)), None)
        if number is None:
            number = next((n for n, one in enumerate(passed) if _fits(event, one, way)), None)
        else:
            at = number + 1
        found[event.run] = passed[number].at.inode if number is not None else _somewhere(event, way)
    _fill(found)
    return [replace(event, namespace=found[event.run]) for event in events]


def _fill(found: dict[int, int | None]) -> None:
    for runs in (list(reversed(found)), list(found)):
        near = None
        for run in runs:
            near = found[run] = near if found[run] is None else found[run]


def _fits(event: TraceEvent, one: Traversal, walk: Walk) -> bool:
    packet = _innermost(one.packet)
    if packet is None or event.packet is None or one.where != _place(event):
        return False
    if (packet.src, packet.dst) != (event.packet.src, event.packet.dst):
        return False
    return _has_devices(event, one.at.inode, walk)


def _place(event: TraceEvent) -> Place:
    return Place(event.backend, event.family, event.table, event.chain)  # type: ignore[arg-type]


def _somewhere(event: TraceEvent, walk: Walk) -> int | None:
    """The only namespace of the way that has this chain and these devices."""
    inodes = dict.fromkeys(step.at.inode for step in walk.steps)
    fitting = []
    for inode in inodes:
        ns = walk.host.namespace(inode)
        if ns is not None and _place(event) in ruleset_of(ns).places() and _has_devices(event, inode, walk):
            fitting.append(inode)
    return fitting[0] if len(fitting) == 1 else None


def _has_devices(event: TraceEvent, inode: int, walk: Walk) -> bool:
    ns = walk.host.namespace(inode)
    names = (event.packet.iif, event.packet.oif) if event.packet is not None else ()
    return ns is not None and all(name is None or ns.link_named(name) is not None for name in names)
