"""Where everything of a drawing stands: one row a device, down the page, in the box of its namespace.

The way is a line from top to bottom, as on the plan of a tram line: what happens at a device stands beside it, copies
branch off to the right below it. Ways between rows that are not neighbours run in lanes of their own at both sides.
Units are pixels; nothing here knows how it is drawn.
"""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import NamedTuple

from netdoctor.render.drawing.model import Bond, Diagram, Note, Vertex, foremost
from netdoctor.render.drawing.side import Side, branches

MARGIN = 14
LANE = 12
PILL_WIDTH = 150
PILL_HEIGHT = 28
NOTE_CHARS = 70
NOTE_WIDTH = 528
LINE = 16
GAP = 16
HEADER = 30
#: So many notes of so many lines each stand beside a device; the report itself holds the rest.
MAX_NOTES = 12
MAX_LINES = 4


class Row(NamedTuple):
    """A device on the way: its pill's top, the lines beside it, and what branches off."""

    vertex: Vertex
    y: int
    lines: tuple[tuple[str, str], ...]
    side: Side
    height: int


class Box(NamedTuple):
    """A namespace: its frame from `top` to `bottom`."""

    label: str
    about: str
    top: int
    bottom: int


class Arc(NamedTuple):
    """A way between two rows. `lane` 0 is straight down between neighbours, else counts from the pills outwards."""

    bond: Bond
    start: int
    end: int
    lane: int
    right: bool


class Placed(NamedTuple):
    """A whole drawing with places. `left` and `notes` are the x of the pills and of the notes beside them."""

    rows: tuple[Row, ...]
    boxes: tuple[Box, ...]
    arcs: tuple[Arc, ...]
    left: int
    notes: int
    width: int
    height: int


def place(diagram: Diagram, top: int) -> Placed:
    """Give every part of the drawing its place; it begins `top` pixels below the upper edge."""
    trunk = [vertex for vertex in diagram.vertices if vertex.trunk]
    numbers = {vertex.id: number for number, vertex in enumerate(trunk)}
    sides, taken = branches(diagram, numbers)
    free = [bond for bond in diagram.bonds if (bond.source, bond.target) not in taken]
    arcs = _arcs((bond for bond in free if {bond.source, bond.target} <= numbers.keys()), numbers)
    lanes = [max((arc.lane for arc in arcs if arc.right == right), default=0) for right in (False, True)]
    left = 2 * MARGIN + LANE * lanes[0] + 6
    notes = left + PILL_WIDTH + LANE * lanes[1] + 22
    rows, boxes, bottom = _rows(diagram, trunk, sides, top)
    return Placed(
        tuple(rows), tuple(boxes), tuple(arcs), left, notes, notes + NOTE_WIDTH + 2 * MARGIN, bottom
    )


def _rows(
    diagram: Diagram, trunk: list[Vertex], sides: dict[str, Side], top: int
) -> tuple[list[Row], list[Box], int]:
    groups = {group.key: group for group in diagram.groups}
    rows: list[Row] = []
    boxes = []
    y = top
    for key, members in groupby(trunk, key=lambda vertex: vertex.group):
        begin, y = y, y + HEADER
        for vertex in members:
            lines = _lines(vertex.notes)
            side = sides.get(vertex.id, Side((), 0))
            beside = max(PILL_HEIGHT, LINE * len(lines) + 2) + side.height
            rows.append(Row(vertex, y, lines, side, beside))
            y += beside + GAP
        label, about = (groups[key].label, groups[key].about) if key in groups else (key, "")
        boxes.append(Box(label, about, begin, y))
        y += GAP
    return rows, boxes, y


def _lines(notes: Sequence[Note]) -> tuple[tuple[str, str], ...]:
    """Notes broken into lines; the sign stands on the first line of each."""
    lines: list[tuple[str, str]] = []
    for note in foremost(notes, MAX_NOTES):
        broken = textwrap.wrap(note.text, NOTE_CHARS, break_on_hyphens=False) or [""]
        lines += [(note.sign if not number else "", line) for number, line in enumerate(broken[:MAX_LINES])]
    if len(notes) > MAX_NOTES:
        lines.append(("", f"… and {len(notes) - MAX_NOTES} more"))
    return tuple(lines)


def _arcs(bonds: Iterable[Bond], numbers: dict[str, int]) -> list[Arc]:
    """Give each way its lane: neighbours are joined straight, the longer a way the farther out."""
    spans = [(bond, numbers[bond.source], numbers[bond.target]) for bond in bonds]
    spans.sort(key=lambda item: (abs(item[1] - item[2]), min(item[1], item[2])))
    taken: dict[bool, list[list[tuple[int, int]]]] = defaultdict(list)
    straight: set[tuple[int, bool]] = set()
    arcs = []
    for bond, start, end in spans:
        right = bond.way in ("reply", "tunnel")
        low, high = min(start, end), max(start, end)
        if high - low == 1 and (low, right) not in straight:
            straight.add((low, right))
            arcs.append(Arc(bond, start, end, 0, right))
            continue
        arcs.append(Arc(bond, start, end, 1 + _lane(taken[right], low, high), right))
    return arcs


def _lane(lanes: list[list[tuple[int, int]]], low: int, high: int) -> int:
    """The first lane in which no other way runs between these rows."""
    for number, held in enumerate(lanes):
        if all(high <= begin or low >= end for begin, end in held):
            held.append((low, high))
            return number
    lanes.append([(low, high)])
    return len(lanes) - 1
