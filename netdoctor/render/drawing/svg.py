"""A drawing as SVG, drawn by ourselves: no program, no font and no file is needed to look at it."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import pairwise

from netdoctor.render.drawing.layout import (
    LANE,
    LINE,
    MARGIN,
    PILL_HEIGHT,
    PILL_WIDTH,
    Arc,
    Box,
    Placed,
    Row,
    place,
)
from netdoctor.render.drawing.look import SHEET
from netdoctor.render.drawing.model import WAYS, Diagram, shortened
from netdoctor.render.drawing.shapes import arrow, cross, line, rectangle, text
from netdoctor.render.drawing.side import SPOT_HEIGHT, STEP, Spot
from netdoctor.render.markup import escaped

#: Sign of a note → the class of its text.
_TONES = {"╳": "end", "✓": "arrived"}

#: Where the way goes on in a pill: requests leave left of its middle, replies right of it.
_ASIDE = 24


def render_svg(diagram: Diagram, *, embedded: bool = False) -> str:
    """Return the drawing as an SVG document, or without XML declaration and headline to be `embedded` in a page."""
    title = [] if embedded else textwrap.wrap(diagram.title, 84, break_on_hyphens=False)[:4]
    legend = MARGIN + 18 * len(title) + 8
    placed = place(diagram, legend + 24)
    height = placed.height + (18 if diagram.about else 0) + 4
    size = f'width="{placed.width}" height="{height}" viewBox="0 0 {placed.width} {height}"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="nd" {size} role="img">',
        f"<title>{escaped(diagram.title)}</title>",
        f"<style>{SHEET}</style>",
        f'<rect class="paper" width="{placed.width}" height="{height}"/>',
        *(text(MARGIN, MARGIN + 14 + 18 * number, words, "title") for number, words in enumerate(title)),
        *_legend(diagram, legend + 6),
        *(part for box in placed.boxes for part in _box(box, placed)),
        *(part for arc in placed.arcs for part in _arc(arc, placed)),
        *(part for row in placed.rows for part in _row(row, placed)),
        *([text(MARGIN, height - 8, diagram.about, "faint")] if diagram.about else []),
        "</svg>",
    ]
    declaration = "" if embedded else '<?xml version="1.0" encoding="UTF-8"?>\n'
    return declaration + "\n".join(parts) + "\n"


def _legend(diagram: Diagram, y: int) -> Iterator[str]:
    x = MARGIN
    present = {bond.way for bond in diagram.bonds}
    for way, words in WAYS.items():
        if way in present and way != "broken":  # its cross says it
            yield line([(x, y), (x + 34, y)], way)
            yield from arrow((x + 34, y), (1, 0), way)
            yield text(x + 42, y + 4, words, "faint")
            x += 58 + 8 * len(words)
    if any(vertex.state == "ended" for vertex in diagram.vertices):
        yield cross(x + 6, y)
        yield text(x + 18, y + 4, "ends here", "faint")


def _box(box: Box, placed: Placed) -> Iterator[str]:
    yield rectangle(MARGIN, box.top, placed.width - 2 * MARGIN, box.bottom - box.top, "box", 8)
    yield text(placed.notes, box.top + 20, shortened(box.label, 70), "head")
    if box.about:
        x = placed.notes + 12 + 8 * len(shortened(box.label, 70))
        yield text(x, box.top + 20, shortened(box.about, 60), "faint")


def _row(row: Row, placed: Placed) -> Iterator[str]:
    vertex = row.vertex
    yield rectangle(placed.left, row.y, PILL_WIDTH, PILL_HEIGHT, f"pill {vertex.state}", 14)
    yield text(placed.left + 14, row.y + 18, shortened(vertex.label, 15), "name")
    room = 15 - len(shortened(vertex.label, 15))
    if room >= 4:
        kind = shortened(vertex.kind, room + 3)
        yield text(placed.left + PILL_WIDTH - 12, row.y + 18, kind, "kind", anchor="end")
    if vertex.state == "ended":
        yield cross(placed.left + PILL_WIDTH - 2, row.y + 3)
    for number, (sign, words) in enumerate(row.lines):
        y = row.y + 18 + LINE * number
        tone = _TONES.get(_sign_of(row, number), "")
        if sign:
            yield text(placed.notes, y, sign, f"name {tone}".strip())
        yield text(placed.notes + 16, y, words, tone)
    yield from _side(row, placed)


def _sign_of(row: Row, number: int) -> str:
    """The sign of the note that a line belongs to."""
    return next((sign for sign, _ in row.lines[number::-1] if sign), "")


def _arc(arc: Arc, placed: Placed) -> Iterator[str]:
    way = arc.bond.way
    down = arc.start < arc.end
    begin, end = placed.rows[arc.start].y, placed.rows[arc.end].y
    if arc.lane == 0:
        x = placed.left + PILL_WIDTH // 2 + (_ASIDE if arc.right else -_ASIDE)
        tops = (begin + PILL_HEIGHT, end) if down else (begin, end + PILL_HEIGHT)
        points = [(x, tops[0]), (x, tops[1])]
    else:
        edge = placed.left + PILL_WIDTH if arc.right else placed.left
        out = edge + (LANE * arc.lane if arc.right else -LANE * arc.lane)
        leave, enter = begin + PILL_HEIGHT // 2 + 6, end + PILL_HEIGHT // 2 - 6
        if not down:
            leave, enter = begin + PILL_HEIGHT // 2 - 6, end + PILL_HEIGHT // 2 + 6
        points = [(edge, leave), (out, leave), (out, enter), (edge, enter)]
    yield line(points, way)
    (x0, y0), (x1, y1) = list(pairwise(points))[-1]
    yield from arrow((x1, y1), (_sign(x1 - x0), _sign(y1 - y0)), way)
    if way == "broken":
        (x0, y0), (x1, y1) = list(pairwise(points))[len(points) // 2 - 1]
        yield cross((x0 + x1) // 2, (y0 + y1) // 2)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def _side(row: Row, placed: Placed) -> Iterator[str]:
    top = row.y + row.height - row.side.height + 8
    for spot in row.side.spots:
        yield from _joined(spot, row, placed, top)
    for spot in row.side.spots:
        x, y = placed.notes + 16 + spot.x, top + spot.row * STEP
        if spot.vertex is None:
            yield text(x, y + 14, spot.label, "faint")
            continue
        yield rectangle(x, y, spot.width, SPOT_HEIGHT, f"pill {spot.vertex.state}", 10)
        yield text(x + 8, y + 14, spot.label, "spot")


def _joined(spot: Spot, row: Row, placed: Placed, top: int) -> Iterator[str]:
    """The line from the device before to this one: along the row, or down and then into it."""
    if spot.bond is None:
        return
    left = placed.notes + 16
    x, y = left + spot.x, top + spot.row * STEP + SPOT_HEIGHT // 2
    if spot.parent is None:
        stem = placed.left + PILL_WIDTH - 22
        points = [(stem, row.y + PILL_HEIGHT), (stem, y), (x, y)]
    else:
        before, width, above = spot.parent
        foot = (left + before + 8, top + above * STEP + SPOT_HEIGHT)
        points = [(left + before + width, y), (x, y)] if above == spot.row else [foot, (foot[0], y), (x, y)]
    yield line(points, spot.bond.way)
    yield from arrow((x, y), (1, 0), spot.bond.way)
