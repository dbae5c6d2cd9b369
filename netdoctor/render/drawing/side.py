"""What branches off the way: the devices that only copies reach, or that hang at a device, as rows of small pills."""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

from netdoctor.render.drawing.model import Bond, Diagram, Vertex, shortened

SPOT_WIDTH = 162
CHARS = 23
SPOT_HEIGHT = 20
STEP = 26
COLUMNS = 3
#: More branches of one device are counted, not drawn.
MAX_BRANCHES = 60


class Spot(NamedTuple):
    """A small pill: its column and row below the device that it branches off, and the spot it is joined to."""

    vertex: Vertex | None
    label: str
    column: int
    row: int
    bond: Bond | None
    parent: tuple[int, int] | None


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
            rows = _grow(
                spots, (bond, child), (0, rows, None), children, vertices, names, vertices[key].group
            )
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
    at: tuple[int, int, tuple[int, int] | None],
    children: dict[str, list[tuple[Bond, str]]],
    vertices: dict[str, Vertex],
    names: dict[str, str],
    group: str,
) -> int:
    """Add a branch from its first device on, the first of several children beside it, the others below."""
    todo = [(first, at, group)]
    bottom = at[1]
    while todo:
        (bond, key), (column, row, parent), above = todo.pop()
        row = max(row, bottom) if parent is None or parent[1] != row else row
        vertex = vertices[key]
        spots.append(Spot(vertex, _label(vertex, above, names), column, row, bond, parent))
        bottom = max(bottom, row + 1)
        below = children.get(key, ())[:MAX_BRANCHES]
        for number, child in reversed(list(enumerate(below))):
            beside = not number and column + 1 < COLUMNS
            spot = (min(column + 1, COLUMNS - 1), row if beside else bottom, (column, row))
            todo.append((child, spot, vertex.group))
    return bottom


def _label(vertex: Vertex, above: str, names: dict[str, str]) -> str:
    """The device, with its namespace where that is another than that of the device before it."""
    label = shortened(vertex.label, CHARS)
    if vertex.group == above:
        return label
    room = CHARS - len(label) - 2
    return f"{shortened(names.get(vertex.group, ''), room)}: {label}" if room > 2 else label
