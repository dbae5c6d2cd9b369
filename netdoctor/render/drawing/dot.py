"""A drawing in Graphviz's language (dot(1)): namespaces are clusters, ids are ours, every label is a quoted string."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.render.drawing.model import WAYS, Bond, Diagram, Vertex, Way, foremost, room, shortened
from netdoctor.render.sanitize import visible

_WAYS: dict[Way, str] = {
    "request": 'color="#0550ae", penwidth=2',
    "reply": 'color="#8250df", penwidth=2, style=dashed, arrowhead=onormal',
    "broken": 'color="#cf222e", penwidth=2, arrowhead=tee',
    "copy": 'color="#8c959f", style=dotted',
    "cable": 'color="#8c959f", dir=none',
    "tunnel": 'color="#8250df", style=dashed, dir=none',
    "unused": 'color="#8c959f", style=dashed, dir=none',
}

_STATES = {
    "ended": ', color="#cf222e", penwidth=3, peripheries=2',
    "unreached": ', style="rounded,dashed"',
    "visited": ', color="#8c959f"',
}

#: So many notes stand in a box; the report holds them all.
MAX_NOTES = 6


def render_dot(diagram: Diagram) -> str:
    """Return the drawing as a digraph."""
    ids = {vertex.id: f"n{number}" for number, vertex in enumerate(diagram.vertices)}
    lines = [
        "digraph netdoctor {",
        "  graph [rankdir=TB, labelloc=t, fontname=monospace, "
        f"label={_quoted(diagram.title, *filter(None, [diagram.about]))}];",
        '  node [shape=box, style="rounded", fontname=monospace, fontsize=11];',
        "  edge [fontname=monospace, fontsize=9];",
    ]
    for number, group in enumerate(diagram.groups):
        lines.append(f"  subgraph cluster_{number} {{")
        lines.append(f"    label={_quoted(f'{group.label} {group.about}'.strip())};")
        members = (vertex for vertex in diagram.vertices if vertex.group == group.key)
        lines += [f"    {ids[vertex.id]} [{_vertex(vertex)}];" for vertex in members]
        lines.append("  }")
    lines += _edges(diagram, ids)
    return "\n".join([*lines, "}"]) + "\n"


def _vertex(vertex: Vertex) -> str:
    notes = [
        f"{note.sign} {shortened(note.text, room(note))}".strip()
        for note in foremost(vertex.notes, MAX_NOTES)
    ]
    head = f"{vertex.label} ({vertex.kind})" if vertex.kind else vertex.label
    return f"label={_quoted(head, *notes)}{_STATES.get(vertex.state, '')}"


def _edges(diagram: Diagram, ids: dict[str, str]) -> Iterator[str]:
    for bond in diagram.bonds:
        if bond.source in ids and bond.target in ids:
            yield f"  {ids[bond.source]} -> {ids[bond.target]} [{_WAYS[bond.way]}{_label(bond)}];"


def _label(bond: Bond) -> str:
    return f", label={_quoted(WAYS[bond.way])}" if bond.way in ("request", "reply", "broken") else ""


def _quoted(*lines: str) -> str:
    """Return lines as one quoted string; a backslash of theirs means itself."""
    escaped = (visible(line).replace("\\", "\\\\").replace('"', '\\"') for line in lines)
    return '"' + "\\n".join(escaped) + '"'
