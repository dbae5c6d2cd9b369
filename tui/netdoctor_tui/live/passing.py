"""A packet on its way: what the taps see of it and which rules it meets, in words, as it happens."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from netdoctor.facts.links import Record
from netdoctor.report import Direction, NamespaceRef

if TYPE_CHECKING:
    from netdoctor.facts.host import Host
    from netdoctor.facts.observed import Sighting
    from netdoctor.facts.traced import TraceEvent


class Hop(Record, frozen=True):
    """A packet of ours at a device. `time` in nanoseconds of the kernel's clock; `number` counts the packets from 0.

    `stray` marks a copy that came to somebody it is not for. `text` says it all.
    """

    time: int
    leg: Direction
    namespace: NamespaceRef
    interface: str
    out: bool
    number: int
    stray: bool
    text: str


class RuleMet(Record, frozen=True):
    """A rule that the kernel took our packet through, and what the rule did; `rule` is as the kernel names it."""

    leg: Direction | None
    namespace: NamespaceRef | None
    table: str
    chain: str
    rule: str
    verdict: str
    text: str


#: Told of each place that a packet of ours comes by, and of each rule that it meets.
Passed = Callable[[Sequence[Hop]], None]
Met = Callable[[Sequence[RuleMet]], None]


def hops(host: Host, seen: Sequence[Sighting]) -> list[Hop]:
    """Name what taps have seen."""
    return [_hop(host, one) for one in seen]


def _hop(host: Host, seen: Sighting) -> Hop:
    from netdoctor.kernel.packet import Place
    from netdoctor.kernel.topology import link_at
    from netdoctor.places import namespace_ref

    link = link_at(host, Place(seen.inode, seen.ifindex))
    interface = link.name if link is not None else f"device {seen.ifindex}"
    namespace = namespace_ref(host, seen.inode)
    leg: Direction = "request" if seen.kind == "request" else "reply"
    what = {
        "request": "request",
        "answer": "answer",
        "refusal": "refusal",
        "error": seen.detail or "ICMP error",
    }
    way = "leaves" if seen.out else "enters"
    text = f"{what[seen.kind]} {way} {interface} of {namespace.name}"
    return Hop(seen.time, leg, namespace, interface, seen.out, seen.number, seen.stray, text)


def rules_met(host: Host, events: Sequence[TraceEvent]) -> list[RuleMet]:
    """Name what the kernel has told of the rules that a packet met."""
    return [_rule(host, one) for one in events]


def _rule(host: Host, event: TraceEvent) -> RuleMet:
    from netdoctor.places import namespace_ref

    namespace = namespace_ref(host, event.namespace) if event.namespace is not None else None
    table = f"{event.backend} {event.family} {event.table}"
    rule = {"policy": "policy", "return": "end of the chain"}.get(event.kind, "")
    if not rule:
        rule = f"rule {event.number}" if event.number is not None else f"handle {event.handle}"
    verdict = event.verdict or ""
    where = f" in {namespace.name}" if namespace is not None else ""
    text = f"{event.leg or 'packet'}{where}: {table} {event.chain} {rule} {verdict}".rstrip()
    return RuleMet(event.leg, namespace, table, event.chain, rule, verdict, text)
