"""One device of the path: its state, every step there with the packet where it changed, and what the taps saw."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.render.path import packet_text
from netdoctor.report import PacketPart, Report
from netdoctor_tui.look import Look
from netdoctor_tui.model.path import STATES, Place, Stop, stops
from netdoctor_tui.model.rows import Row, Span, row, wrapped


def step_rows(report: Report, place: Place | None, width: int, look: Look) -> list[Row]:
    """Return what happened at a place of a cleaned report; at a namespace, what happened at all of its devices."""
    if place is None:
        return [row("select a device in the path")]
    found = [
        stop
        for leg in report.path.legs
        for stop in stops(report, leg)
        if stop.place == place or (place.interface is None and _inside(stop.place, place))
    ]
    rows = [line for stop in found for line in _stop(stop, width, look)]
    return [*rows, *_observed(report, place, width)]


def _inside(device: Place, namespace: Place) -> bool:
    return device.leg == namespace.leg and (device.host, device.namespace) == (
        namespace.host,
        namespace.namespace,
    )


def _stop(stop: Stop, width: int, look: Look) -> Iterator[Row]:
    symbol, role, word = STATES[stop.state]
    name = stop.place.interface or stop.place.namespace.name
    yield row(Span(f"{name}  ", "bold"), Span(f"{look(symbol)} {word}", role), f", {stop.place.leg}")
    previous: PacketPart | None = None
    for step in stop.steps:
        yield from wrapped(f"{step.stage} {step.action}: {step.detail}", width, first="  ", indent="    ")
        for rule in step.rules:
            text = f"{rule.table} {rule.chain} {rule.rule}: {rule.rule_text}"
            yield from wrapped(text, width, first="    ", indent="      ", role="lit")
        if step.packet != previous:
            yield from wrapped(
                packet_text(step.packet, look("→")), width, first="    ", indent="      ", role="dim"
            )
        previous = step.packet
    yield row("")


def _observed(report: Report, place: Place, width: int) -> Iterator[Row]:
    """What became of real packets: here, and on the whole."""
    probe = report.probe
    if probe is None:
        yield from wrapped("Observed: nothing was sent (x sends packets, on a live host)", width, role="dim")
        return
    yield row(Span("OBSERVED", "accent"), f"  {probe.sent} sent, {probe.received} answered")
    here = [
        tap
        for tap in probe.taps
        if tap.namespace == place.namespace and place.interface in (None, tap.interface)
    ]
    for tap in here:
        yield row(f"  {tap.interface or '?'} {tap.direction:<3} {tap.packets} {tap.carries}")
    if not here:
        yield row(Span("  none was seen here", "dim"))
    if probe.last_seen is not None and not probe.received:
        way = "entering" if probe.last_seen.direction == "in" else "leaving"
        text = (
            f"last seen {way} {probe.last_seen.interface or 'a device'} of {probe.last_seen.namespace.name}"
        )
        yield from wrapped(text, width, first="  ", indent="    ")
    if probe.kernel_drop_reason is not None:
        known = f": {probe.kernel_drop_meaning}" if probe.kernel_drop_meaning else ""
        text = f"the kernel's reason: {probe.kernel_drop_reason}{known}"
        yield from wrapped(text, width, first="  ", indent="    ", role="doubt")
