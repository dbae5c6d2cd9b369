"""A drawing in Mermaid's language, as tickets and wikis show it: a flowchart whose subgraphs are the namespaces."""

from __future__ import annotations

import re
from collections.abc import Iterator

from netdoctor.render.drawing.model import Diagram, Vertex, Way, foremost, room, shortened
from netdoctor.render.sanitize import visible

_WAYS: dict[Way, str] = {
    "request": '-->|"request"|',
    "reply": '-.->|"reply"|',
    "broken": '--x|"ends on this way"|',
    "copy": "-.->",
    "cable": "---",
    "tunnel": '-.-|"tunnel"|',
    "unused": '-.-|"not travelled"|',
}

_CLASSES = """  classDef ended stroke:#cf222e,stroke-width:4px
  classDef unreached stroke-dasharray:4 3
  classDef visited stroke:#8c959f"""

MAX_NOTES = 4
#: Everything but these is written as a character code: no label can end its quotes or begin markup.
_UNSAFE = re.compile(r"[^\w .,:/()+=→←✓╳…-]")


def render_mermaid(diagram: Diagram) -> str:
    """Return the drawing as a flowchart."""
    ids = {vertex.id: f"n{number}" for number, vertex in enumerate(diagram.vertices)}
    lines = [f"%% {_comment(diagram.title)}", "flowchart TB"]
    for number, group in enumerate(diagram.groups):
        lines.append(f"  subgraph g{number}[{_quoted(f'{group.label} {group.about}'.strip())}]")
        members = [vertex for vertex in diagram.vertices if vertex.group == group.key]
        lines += [f"    {ids[vertex.id]}[{_quoted(*_told(vertex))}]" for vertex in members]
        lines.append("  end")
    lines += (
        f"  {ids[bond.source]} {_WAYS[bond.way]} {ids[bond.target]}"
        for bond in diagram.bonds
        if bond.source in ids and bond.target in ids
    )
    return "\n".join([*lines, *_classes(diagram, ids)]) + "\n"


def _told(vertex: Vertex) -> Iterator[str]:
    mark = "╳ " if vertex.state == "ended" else ""
    yield f"{mark}{vertex.label} ({vertex.kind})" if vertex.kind else f"{mark}{vertex.label}"
    for note in foremost(vertex.notes, MAX_NOTES):
        yield f"{note.sign} {shortened(note.text, room(note))}".strip()


def _classes(diagram: Diagram, ids: dict[str, str]) -> Iterator[str]:
    yield _CLASSES
    for state in ("ended", "unreached", "visited"):
        members = [ids[vertex.id] for vertex in diagram.vertices if vertex.state == state]
        if members:
            yield f"  class {','.join(members)} {state}"


def _comment(text: str) -> str:
    """Return text for a comment line, without anything that a directive or markup is made of."""
    return _UNSAFE.sub(" ", visible(text))


def _quoted(*lines: str) -> str:
    coded = (_UNSAFE.sub(lambda match: f"#{ord(match.group())};", visible(line)) for line in lines)
    return '"' + "<br/>".join(coded) + '"'
