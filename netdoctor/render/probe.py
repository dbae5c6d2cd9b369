"""The real packets as text: how many, how far they came, and with -v what each tap saw."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.render.style import Style
from netdoctor.report import ProbePart, Spot

_WORDS = {"out": "leaving", "in": "entering"}


def probe_lines(probe: ProbePart | None, style: Style, *, verbose: bool) -> Iterator[str]:
    """Yield the lines about the probe; every tap if `verbose`. The probe has been made visible."""
    if probe is None:
        return
    text = f"Probe: {probe.sent} sent, {probe.received} answered"
    if probe.refused is not None:
        text += f", refused ({probe.refused})"
    if not probe.received:
        text += f"; {_last(probe.last_seen)}"
    yield from style.wrap(text, "  ", first="")
    if probe.kernel_drop_reason is not None:
        known = f": {probe.kernel_drop_meaning}" if probe.kernel_drop_meaning else ""
        where = f" in {probe.kernel_drop_function}()" if probe.kernel_drop_function else ""
        yield from style.wrap(f"the kernel's reason: {probe.kernel_drop_reason}{where}{known}", "    ", first="  ")
    if verbose:
        yield from _taps(probe, style)


def _last(spot: Spot | None) -> str:
    if spot is None:
        return "no device saw one"
    return f"last seen {_WORDS[spot.direction]} {spot.interface or 'a device'} of {spot.namespace.name}"


def _taps(probe: ProbePart, style: Style) -> Iterator[str]:
    """One line a device, direction and kind of packet, in the order in which they were first seen."""
    dot = f" {style.symbol('·')} "
    rows = [
        (f"{tap.namespace.name}{dot}{tap.interface or '?'}", tap.direction, f"{tap.carries}", str(tap.packets))
        for tap in probe.taps
    ]
    wide = max((len(row[0]) for row in rows), default=0)
    for place, direction, carries, packets in rows:
        yield f"  {place:<{wide}}  {direction:<3}  {carries:<7}  {packets}"
