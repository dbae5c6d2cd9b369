"""The few shapes of which a drawing is made, as SVG elements."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdoctor.render.drawing.model import Way
from netdoctor.render.markup import escaped

Point = tuple[int, int]


def text(x: int, y: int, words: str, look: str = "", anchor: str = "") -> str:
    """Return a line of text, its spaces kept."""
    extra = (f' class="{look}"' if look else "") + (f' text-anchor="{anchor}"' if anchor else "")
    return f'<text x="{x}" y="{y}"{extra} xml:space="preserve">{escaped(words)}</text>'


def rectangle(x: int, y: int, width: int, height: int, look: str, round_: int) -> str:
    """Return a rectangle with round corners."""
    return f'<rect class="{look}" x="{x}" y="{y}" width="{width}" height="{height}" rx="{round_}"/>'


def line(points: Sequence[Point], way: Way) -> str:
    """Return a way through all `points`."""
    path = "M" + " L".join(f"{x} {y}" for x, y in points)
    return f'<path class="line {way}" d="{path}"/>'


def arrow(tip: Point, towards: Point, way: Way) -> Iterator[str]:
    """Yield the head of an arrow that points `towards`; cables have none."""
    if way in ("cable", "unused", "tunnel"):
        return
    (x, y), (dx, dy) = tip, towards
    size = 4 if way == "copy" else 6
    back = (x - 2 * size * dx, y - 2 * size * dy)
    wings = [(back[0] - size * dy, back[1] - size * dx), (back[0] + size * dy, back[1] + size * dx)]
    corners = " ".join(f"{a},{b}" for a, b in ((x, y), *wings))
    yield f'<polygon class="tip-{way}" points="{corners}"/>'


def cross(x: int, y: int) -> str:
    """Return the mark of an end."""
    return f'<path class="cross" d="M{x - 6} {y - 6} L{x + 6} {y + 6} M{x + 6} {y - 6} L{x - 6} {y + 6}"/>'
