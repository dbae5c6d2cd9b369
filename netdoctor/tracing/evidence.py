"""From a joined trace to the parts of the report: what the kernel did, and how it fits the prediction."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from netdoctor.facts.host import Host
from netdoctor.facts.traced import TracedPacket
from netdoctor.kernel.netfilter.branch import Hit
from netdoctor.kernel.netfilter.model import Place
from netdoctor.kernel.netfilter.ruleset import ruleset_of
from netdoctor.observing import PLEASE
from netdoctor.places import namespace_ref
from netdoctor.report import Agreement, MissingPart, Report, TracedPacketPart, TracePart
from netdoctor.tracing.compare import Comparison, Difference, runs
from netdoctor.tracing.join import Joined

_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmpv6"}


def with_trace(
    report: Report,
    host: Host,
    found: Sequence[Joined],
    comparison: Comparison | None,
    missing: Sequence[MissingPart],
) -> Report:
    """Return the report with a trace as evidence; without a `comparison`, there was no walk to hold it against."""
    agreement = report.agreement
    if comparison is not None and (note := said(host, comparison)) is not None:
        agrees = comparison.difference is None or not comparison.difference.sure
        before = agreement or Agreement(True, "")
        agreement = Agreement(before.agrees and agrees, "; ".join(filter(None, (before.note, note))))
    return replace(report, trace=parts(host, found), agreement=agreement, missing=(*report.missing, *missing))


def parts(host: Host, found: Sequence[Joined]) -> tuple[TracePart, ...]:
    """Write the events, those of one base chain and packet together."""
    written = []
    for run in runs(found):
        hook = _hook(host, run[0])
        written += [_part(host, one, hook) for one in run]
    return tuple(written)


def said(host: Host, comparison: Comparison) -> str | None:
    """Say in one sentence how the trace fits the walk; None where there was nothing to compare."""
    difference = comparison.difference
    if difference is None:
        if not comparison.events:
            return None
        what = "the rule that the kernel named is" if comparison.events == 1 else _count(comparison.events)
        return f"trace: {what} the walk's, in the same order"
    where = namespace_ref(host, difference.inode).name
    after = f" after {_spot(difference.after)}" if difference.after is not None else ""
    text = f"trace: in {where}{after} the kernel has {_kernel(difference)}, the walk {_twin(difference)}"
    if difference.sure:
        return f"{text}; {PLEASE}"
    return f"{text}: the rules leave that open, and the trace decides it"


def _count(number: int) -> str:
    return f"all {number} rules and policies that the kernel named are"


def _kernel(difference: Difference) -> str:
    one = difference.kernel
    if one is None:
        return "nothing more"
    if one.number == 0 and one.event.kind == "policy":
        return f"the policy of {_table(one.place)} {one.place.chain}"
    number = f" rule {one.number}" if one.number is not None else " a rule that is not in the ruleset"
    return f"{_table(one.place)} {one.place.chain}{number}" + (f" ({one.text})" if one.text else "")


def _twin(difference: Difference) -> str:
    return _spot(difference.twin, text=True) if difference.twin is not None else "nothing more"


def _spot(hit: Hit, text: bool = False) -> str:
    if hit.rule is None:
        return f"the policy of {_table(hit.place)} {hit.place.chain}"
    return f"{_table(hit.place)} {hit.place.chain} rule {hit.number}" + (f" ({hit.text})" if text else "")


def _table(place: Place) -> str:
    return f"{'legacy' if place.backend == 'legacy' else place.family} {place.table}"


def _hook(host: Host, one: Joined) -> str | None:
    ns = host.namespace(one.event.namespace) if one.event.namespace is not None else None
    base = ruleset_of(ns).base(one.place) if ns is not None else None
    return base.hook if base is not None else None


def _part(host: Host, one: Joined, hook: str | None) -> TracePart:
    event = one.event
    return TracePart(
        namespace_ref(host, event.namespace) if event.namespace is not None else None,
        event.backend,
        event.family,
        event.table,
        event.chain,
        hook,
        one.number,
        one.text,
        one.verdict,
        event.leg,
        _packet(event.packet) if event.packet is not None else None,
    )


def _packet(packet: TracedPacket) -> TracedPacketPart:
    proto = _PROTOCOLS.get(packet.proto, str(packet.proto)) if packet.proto is not None else None
    return TracedPacketPart(
        packet.src,
        packet.dst,
        f"vxlan {packet.vni}" if packet.vni is not None else proto,
        packet.sport,
        packet.dport,
        packet.ttl,
        packet.mark,
        packet.iif,
        packet.oif,
    )
