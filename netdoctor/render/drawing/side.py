"""What branches off the way: the devices that only copies reach, or that hang at a device, as rows of small pills."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from netdoctor.render.drawing.model import Bond, Diagram, Vertex, shortened

SPOT_HEIGHT = 20
STEP = 26
CHARS = 36
#: A character of a small pill, and what stands around its label and between two.
CHAR_WIDTH = 6.4
AROUND = 16
BETWEEN = 16
#: A branch that comes to here goes on in a row of its own.
ROOM = 500
#: More branches of one device are counted, not drawn.
MAX_BRANCHES = 60


class Spot(NamedTuple):
    """A small pill: where it stands below the device that it branches off, and the spot it is joined to.

    A `parent` is the x, width and row of the spot before.
    """

    vertex: Vertex | None
    label: str
    x: int
    row: int
    bond: Bond | None
    parent: tuple[int, int, int] | None

    @property
    def width(self) -> int:
        """How wide the pill is."""
        return round(len(self.label) * CHAR_WIDTH) + AROUND


class Side(NamedTuple):
    """Everything that branches off one device."""

    spots: tuple[Spot, ...]
    height: int


def branches(diagram: Diagram, trunk: dict[str, int]) -> tuple[dict[str, Side], set[tuple[str, str]]]:
    """Return the branches of each device on the way, and the pairs of devices that they join."""
    names = {group.key: group.label for group in diagram.groups}
    vertices = {vertex.id: vertex for vertex in diagram.vertices}
    children, taken = _tree(diagram, trunk)
    sides = {}
    for key in trunk:
        spots: list[Spot] = []
        rows = 0
        for bond, child in children.get(key, ())[:MAX_BRANCHES]:
            rows = _grow(spots, (bond, child), rows, children, vertices, names, vertices[key].group)
        hidden = len(children.get(key, ())) - MAX_BRANCHES
        if hidden > 0:
            spots.append(Spot(None, f"… and {hidden} more", 0, rows, None, None))
            rows += 1
        if spots:
            sides[key] = Side(tuple(spots), rows * STEP + 8)
    return sides, taken


def _tree(
    diagram: Diagram, trunk: dict[str, int]
) -> tuple[dict[str, list[tuple[Bond, str]]], set[tuple[str, str]]]:
    """Hang each device at the side on the one through which it is reached first."""
    joined: defaultdict[str, list[tuple[Bond, str]]] = defaultdict(list)
    for bond in diagram.bonds:
        joined[bond.source].append((bond, bond.target))
        joined[bond.target].append((bond, bond.source))
    known = {vertex.id for vertex in diagram.vertices}
    children: dict[str, list[tuple[Bond, str]]] = {}
    taken: set[tuple[str, str]] = set()
    done = set(trunk)
    queue = list(trunk)
    for key in queue:
        for bond, other in joined.get(key, ()):
            if other not in done and other in known:
                done.add(other)
                queue.append(other)
                children.setdefault(key, []).append((bond, other))
                taken.add((bond.source, bond.target))
    return children, taken


def _grow(
    spots: list[Spot],
    first: tuple[Bond, str],
    row: int,
    children: dict[str, list[tuple[Bond, str]]],
    vertices: dict[str, Vertex],
    names: dict[str, str],
    group: str,
) -> int:
    """Add a branch from its first device on; the first of several children stands beside it, the others below."""
    bottom = row
    todo: list[tuple[tuple[Bond, str], Spot | None, bool, str]] = [(first, None, False, group)]
    while todo:
        (bond, key), before, beside, above = todo.pop()
        vertex = vertices[key]
        label = _label(vertex, above, names)
        parent = (before.x, before.width, before.row) if before is not None else None
        spot = Spot(vertex, label, before.x + BETWEEN if before is not None else 0, bottom, bond, parent)
        if before is not None and beside and before.x + before.width + BETWEEN + spot.width <= ROOM:
            spot = spot._replace(x=before.x + before.width + BETWEEN, row=before.row)
        elif spot.x + spot.width > ROOM:
            spot = spot._replace(x=0)
        spots.append(spot)
        bottom = max(bottom, spot.row + 1)
        below = children.get(key, ())[:MAX_BRANCHES]
        todo += [(child, spot, number == 0, vertex.group) for number, child in enumerate(below)][::-1]
    return bottom


def _label(vertex: Vertex, above: str, names: dict[str, str]) -> str:
    """The device, with its namespace where that is another than that of the device before it."""
    label = shortened(vertex.label, CHARS)
    if vertex.group == above:
        return label
    room = CHARS - len(label) - 2
    return f"{shortened(names.get(vertex.group, ''), room)}: {label}" if room > 2 else label
