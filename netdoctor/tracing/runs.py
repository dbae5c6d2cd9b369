"""Legacy events, cut into runs: one base chain passed by one packet. The log itself names no run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec.structs import replace

from netdoctor.facts.traced import TracedPacket, TraceEvent

BUILT_IN = ("PREROUTING", "INPUT", "FORWARD", "OUTPUT", "POSTROUTING")


def numbered(events: Iterable[TraceEvent], first: int = 1_000_000) -> Iterator[TraceEvent]:
    """Yield the events in their order, the legacy ones with the number of their run, counted from `first`.

    A run begins in a built-in chain. Within it, rule numbers of that chain only grow, and a policy ends it.
    """
    state: dict[tuple[object, ...], tuple[str, str, int, int]] = {}
    for event in events:
        if event.backend != "legacy" or event.packet is None:
            yield event
            continue
        key = event.namespace, event.family, _identity(event.packet)
        table, chain, number, run = state.get(key, ("", "", 0, 0))
        built_in = event.chain in BUILT_IN
        if built_in and ((event.table, event.chain) != (table, chain) or (event.number or 0) <= number):
            first += 1
            run = first
        if built_in:
            state[key] = event.table, event.chain, event.number or 0, run
        yield replace(event, run=run)


def once(events: Iterable[TraceEvent]) -> Iterator[TraceEvent]:
    """Yield the events of the first packet of each leg alone: TCP sends again what is not answered within a second."""
    first: dict[tuple[object, ...], int | None] = {}
    met: dict[tuple[object, ...], int] = {}
    for event in events:
        packet = event.packet
        if packet is None:
            yield event
            continue
        leg = event.namespace, event.leg, packet.vni
        if first.setdefault(leg, packet.ip_id) != packet.ip_id:
            continue
        # A SYN-ACK has no number of its own; it is known by meeting the same chain on the same way once more.
        way = (*leg, event.backend, event.family, event.table, _identity(packet), packet.iif, packet.oif, packet.ttl)
        if packet.ip_id or event.kind == "return" or met.setdefault((*way, event.chain), event.run) == event.run:
            yield event


def _identity(packet: TracedPacket) -> tuple[object, ...]:
    """The direction of the packet and its transport, which do not change within a chain."""
    return (
        packet.src,
        packet.dst,
        packet.proto,
        packet.sport,
        packet.dport,
        packet.icmp_type,
        packet.icmp_seq,
        packet.ip_id,
    )
