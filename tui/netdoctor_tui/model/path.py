"""The path as rows: request and reply, namespace by namespace, a device a line, its state before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import groupby
from types import MappingProxyType
from typing import NamedTuple

from netdoctor.render.path import place_codes
from netdoctor.report import Cause, Direction, LegPart, NamespaceRef, Node, Report, StepPart, TapPart
from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Role, Row, Span, row

#: State → symbol, role and word. The word stands in the details of a device.
STATES: dict[str, tuple[str, Role, str]] = {
    "passed": ("●", "good", "passed"),
    "dropped": ("╳", "bad", "ends here"),
    "unknown": ("?", "doubt", "cannot be told from here on"),
    "unreached": ("○", "dim", "not reached"),
    "visited": ("◌", "dim", "a copy came by"),
}

#: So many of the devices that only copies came by are named.
COPIES = 3


class Place(NamedTuple):
    """What a line of the path stands for: a device (or a namespace, with no interface) on one of the legs."""

    leg: Direction
    host: str | None
    namespace: NamespaceRef
    interface: str | None = None
    node: str = ""


class Stop(NamedTuple):
    """A device on a leg with all that happened there in a row."""

    place: Place
    state: str
    steps: tuple[StepPart, ...]
    codes: str = ""


def stops(report: Report, leg: LegPart) -> list[Stop]:
    """Return the devices of a leg in the order of the packet, and those that it did not get to."""
    failed = "dropped" if leg.outcome == "dropped" else "unknown"
    kept = [step for step in leg.steps[:-1] if step.interface is not None] + list(leg.steps[-1:])
    runs = [list(run) for _, run in groupby(kept, key=lambda step: (step.node, step.interface))]
    found = []
    for number, run in enumerate(runs):
        last = number == len(runs) - 1
        step = run[-1]
        place = Place(leg.direction, step.host, step.namespace, step.interface, step.node)
        state = failed if last and leg.outcome != "delivered" else "passed"
        codes = place_codes(run, report.causes, leg, last=last).strip(" []")
        found.append(Stop(place, state, tuple(run), codes))
    return found + [_beyond(leg.direction, node) for node in _unreached(report, leg)]


def _unreached(report: Report, leg: LegPart) -> list[Node]:
    """The cabling between where a leg ends and where it was meant to end, in order."""
    if leg.outcome == "delivered" or not leg.steps:
        return []
    seen = {step.node for step in leg.steps}
    return [node for node in report.path.nodes if node.state == "unreached" and node.id not in seen]


def _beyond(leg: Direction, node: Node) -> Stop:
    return Stop(Place(leg, node.host, node.namespace, node.interface, node.id), "unreached", ())


#: Where packets of ours are just now: leg, the namespace's inode and device → what to say of it.
Passing = Mapping[tuple[Direction, int | None, str | None], str]


def path_rows(
    report: Report, look: Look, changed: frozenset[Place] = frozenset(), passing: Passing = MappingProxyType({})
) -> list[Row]:
    """Return the path of a cleaned report. `changed` are places at which something else happened than before."""
    several = len({node.host for node in report.path.nodes}) > 1
    copies = _copies(report)
    rows: list[Row] = []
    for number, leg in enumerate(report.path.legs):
        if number:
            rows.append(row(""))
        rows.append(_title(report, leg, look))
        rows += [_passed(line, passing, look) for line in _leg(report, leg, look, changed, copies, several)]
    return rows or [row("there is no path: ", Span(report.summary, "doubt"))]


def _passed(line: Row, passing: Passing, look: Look) -> Row:
    """The line of a device, with the packet that is there just now."""
    place = line.key
    if not isinstance(place, Place) or place.interface is None:
        return line
    said = passing.get((place.leg, place.namespace.inode, place.interface))
    return line if said is None else line._replace(spans=(*line.spans, Span(f"  {look('◀')} {said}", "lit")))


def _title(report: Report, leg: LegPart, look: Look) -> Row:
    marks: dict[str, tuple[str, Role, str]] = {
        "delivered": ("●", "good", "arrives"),
        "dropped": ("╳", "bad", "does not arrive"),
        "unknown": ("?", "doubt", "cannot be told"),
    }
    symbol, role, word = marks[leg.outcome]
    if not leg.steps:
        before = leg.direction == "reply" and report.path.legs[0].outcome != "delivered"
        symbol, role, word = "○", "dim", "not sent" if before else "was not walked"
    return row(Span(leg.direction, "bold"), "  ", Span(f"{look(symbol)} {word}", role), key=leg.direction)


def _leg(
    report: Report,
    leg: LegPart,
    look: Look,
    changed: frozenset[Place],
    copies: dict[str, list[str]],
    several: bool,
) -> Iterator[Row]:
    seen = _seen(report, leg.direction)
    for _, here in groupby(stops(report, leg), key=lambda stop: (stop.place.host, stop.place.namespace)):
        group = list(here)
        first = group[0].place
        host = f" on {first.host}" if several and first.host else ""
        name = Span(f"{first.namespace.name}{host}", "dim" if group[0].state == "unreached" else "bold")
        yield row(" ", name, key=first._replace(interface=None, node=""))
        for stop in group:
            yield _device(stop, look, seen, stop.place in changed)
            for line in copies.pop(stop.place.node, ()):
                yield row("     ", Span(f"{look('└')} {line}", "dim"), key=stop.place)


def _device(
    stop: Stop, look: Look, seen: dict[tuple[int | None, str | None], str] | None, changed: bool
) -> Row:
    symbol, role, _ = STATES[stop.state]
    place = stop.place
    name = place.interface or (f"({stop.steps[-1].stage})" if stop.steps else "(namespace)")
    spans = [
        Span("  "),
        Span(look(symbol), role),
        Span(f" {name}", "dim" if stop.state == "unreached" else ""),
    ]
    if seen is not None and place.interface is not None:
        observed = seen.get((place.namespace.inode, place.interface), "")
        spans.append(Span(f"  {observed}" if observed else "  not seen", "" if observed else "dim"))
    if stop.codes:
        spans.append(Span(f"  {stop.codes}", role if stop.state != "passed" else "bad"))
    if changed:
        spans.append(Span(f"  {look('Δ')} changed", "accent"))
    return Row(tuple(spans), place)


def _copies(report: Report) -> dict[str, list[str]]:
    """Of each device, what it also sent copies to, or an ARP request: what was visited and is not on a leg."""
    nodes = {node.id: node for node in report.path.nodes}
    found: defaultdict[str, list[str]] = defaultdict(list)
    for edge in report.path.edges:
        target = nodes.get(edge.target)
        if edge.state == "visited" and target is not None and target.state == "visited":
            found[edge.source].append(target.interface or target.namespace.name)
    return {
        source: [
            f"copies to {', '.join(names[:COPIES])}"
            + (f" +{len(names) - COPIES}" if len(names) > COPIES else "")
        ]
        for source, names in found.items()
    }


def _seen(report: Report, leg: Direction) -> dict[tuple[int | None, str | None], str] | None:
    """What the taps saw of a leg's packets at each device; None where nothing was sent."""
    if report.probe is None:
        return None
    counted: defaultdict[tuple[int | None, str | None], list[TapPart]] = defaultdict(list)
    for tap in report.probe.taps:
        if (tap.carries == "request") == (leg == "request"):
            counted[tap.namespace.inode, tap.interface].append(tap)
    return {key: f"{max(tap.packets for tap in taps)} seen" for key, taps in counted.items()}


def where_it_ends(report: Report) -> Place | None:
    """Return the place to look at first: that of the first cause, else where a leg ends."""
    every = [stop for leg in report.path.legs for stop in stops(report, leg)]
    if report.causes:
        for stop in every:
            if stop.state != "unreached" and _at(stop.place, report.causes[0]):
                return stop.place
    ended = next((stop.place for stop in every if stop.state in ("dropped", "unknown")), None)
    return ended or (every[0].place if every else None)


def _at(place: Place, cause: Cause) -> bool:
    location = cause.location
    return (
        location.namespace == place.namespace
        and location.interface == place.interface
        and cause.leg == place.leg
    )
