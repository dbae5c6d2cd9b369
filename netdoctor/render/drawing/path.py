"""The drawing of a report: the way of the request, that of the reply, and where the packet ends."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator

from netdoctor.render.drawing.model import Bond, Diagram, Group, Note, Vertex, Way, shortened
from netdoctor.render.path import place_codes
from netdoctor.render.sanitize import cleaned
from netdoctor.report import Edge, LegPart, Node, Report, StepPart

#: More than this nobody can look at; what is beyond is counted in the drawing's words.
MAX_NODES = 400
MAX_BONDS = 1500

#: A note that stands among the last so many beside a device is not said again.
MAX_BESIDE = 50

_SIGNS = {"request": "→", "reply": "←"}
_COMMENT = re.compile(r' -m comment --comment (?:"[^"]*"|\S+)')
_RULE = re.compile(r"(\brule \d+): -A \S+ ")
_SILENT = ("receive", "transmit")


def path_diagram(report: Report) -> Diagram:
    """Return the drawing of a report's path. What the report names is made safe to look at."""
    report = cleaned(report)
    nodes = _ordered(report)
    left_out = max(0, len(nodes) - MAX_NODES)
    nodes = nodes[:MAX_NODES]
    notes = _notes(report)
    several = len({node.host for node in nodes}) > 1
    missed = set(_missed(report))
    vertices = tuple(
        Vertex(
            node.id,
            _group_key(node),
            node.interface or "(socket)",
            node.kind if node.interface else "",
            node.state,
            node.state != "visited" or node.id in missed,
            tuple(notes[node.id]),
        )
        for node in nodes
    )
    about = f"{left_out} more devices are not drawn" if left_out else ""
    title = f"{report.verdict}: {report.summary}"
    return Diagram(title, about, _groups(nodes, several=several), vertices, _bonds(report, vertices))


def _ordered(report: Report) -> list[Node]:
    """The nodes as the legs come by them; then those not reached, in the report's order; copies last."""
    known = {node.id: node for node in report.path.nodes}
    walked = [step.node for leg in report.path.legs for step in leg.steps]
    order = dict.fromkeys(key for key in (*walked, *_missed(report), *known) if key in known)
    # a namespace that the packet left for good and one it comes back to are one box
    groups = dict.fromkeys(_group_key(known[key]) for key in order)
    by_group = {group: [key for key in order if _group_key(known[key]) == group] for group in groups}
    return [known[key] for keys in by_group.values() for key in keys]


def _missed(report: Report) -> list[str]:
    """The devices on the cabling not travelled, from where the packet ended to where it was meant."""
    on_it = [
        key for edge in report.path.edges if edge.state == "unused" for key in (edge.source, edge.target)
    ]
    return on_it + [node.id for node in report.path.nodes if node.state == "unreached"]


def _group_key(node: Node) -> str:
    return f"{node.host or ''}/{node.namespace.inode}/{node.namespace.name}"


def _groups(nodes: list[Node], *, several: bool) -> tuple[Group, ...]:
    found: dict[str, Group] = {}
    for node in nodes:
        about = f"on {node.host}" if several and node.host else ""
        found.setdefault(_group_key(node), Group(_group_key(node), node.namespace.name, about))
    return tuple(found.values())


def _notes(report: Report) -> defaultdict[str, list[Note]]:
    notes: defaultdict[str, list[Note]] = defaultdict(list)
    for leg in report.path.legs:
        for number, step in enumerate(leg.steps):
            last = number == len(leg.steps) - 1
            sign = _SIGNS[leg.direction]
            if last and leg.outcome != "delivered":
                notes[step.node].append(Note("╳" if leg.outcome == "dropped" else "?", _end(report, leg)))
            elif step.stage not in _SILENT and (text := told(step)):
                note = Note("✓" if last else sign, text)
                if note not in notes[step.node][-MAX_BESIDE:]:
                    notes[step.node].append(note)
    return notes


def _end(report: Report, leg: LegPart) -> str:
    codes = place_codes(leg.steps[-1:], report.causes, leg, last=True)
    word = "ends" if leg.outcome == "dropped" else "cannot be followed from"
    return f"the {leg.direction} {word} here: {leg.steps[-1].detail}{codes}"


def told(step: StepPart) -> str:
    """What happened at a step, in a line that fits beside a device."""
    if step.stage != "netfilter":
        return shortened(step.detail, 160)
    hook, _, rules = step.detail.partition(": ")
    # a rule says its chain twice, and its comment is not what decides
    parts = _RULE.sub(r"\1: ", _COMMENT.sub("", rules)).split("; ")
    many = f"{len(parts)} rules match, the last is " if len(parts) > 1 else ""
    return shortened(f"{hook}: {many}{parts[-1]}", 160)


def _bonds(report: Report, vertices: tuple[Vertex, ...]) -> tuple[Bond, ...]:
    drawn = {vertex.id for vertex in vertices}
    edges = [edge for edge in report.path.edges if {edge.source, edge.target} <= drawn][:MAX_BONDS]
    used = {frozenset((edge.source, edge.target)) for edge in edges if edge.state in ("used", "broken")}
    copied = {frozenset((edge.source, edge.target)) for edge in edges if edge.state == "visited"}
    found: dict[tuple[str, str, Way], Bond] = {}
    for edge in edges:
        ends = frozenset((edge.source, edge.target))
        if (edge.state == "visited" and ends in used) or (edge.state == "unused" and ends in copied):
            continue
        for way in _ways(edge):
            found.setdefault((edge.source, edge.target, way), Bond(edge.source, edge.target, way, edge.kind))
    # where a copy went there and back, one line is enough
    order = {key: number for number, key in enumerate(found)}
    return tuple(
        bond
        for (source, target, way), bond in found.items()
        if way != "copy" or order.get((target, source, way), len(order)) > order[source, target, way]
    )


def _ways(edge: Edge) -> Iterator[Way]:
    if edge.state == "used":
        yield from edge.legs or ("request",)
    elif edge.state == "broken":
        yield "broken"
    elif edge.state == "unused":
        yield "cable" if edge.kind == "wire" else "unused"
    else:
        yield "copy"
