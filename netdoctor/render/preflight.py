"""What this host allows, as text: a line for each thing, and what it costs where something is lacking."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from netdoctor.preflight.records import Item, Preflight
from netdoctor.render.sanitize import cleaned
from netdoctor.render.style import Style

_MARKS = {"ok": ("✓", "green"), "limited": ("?", "yellow"), "missing": ("╳", "red")}


def render_preflight(answer: Preflight, style: Style) -> str:
    """Return the answer as text."""
    answer = cleaned(answer)
    system = f"Linux {answer.kernel}, Python {answer.python}, as {answer.user}"
    head = f"netdoctor {answer.tool.version} on {answer.host}: {system}"
    sections = [list(style.wrap(head, "  ", first=""))]
    for area, items in groupby(answer.items, key=lambda item: item.area):
        listed = list(items)
        wide = min(24, max(len(item.what) for item in listed))
        lines = [line for item in listed for line in _item(item, wide, style)]
        sections.append([style.paint(area.capitalize(), "bold"), *lines])
    sections.append(list(_end(answer, style)))
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _item(item: Item, wide: int, style: Style) -> Iterator[str]:
    symbol, color = _MARKS[item.state]
    mark = style.symbol(symbol)
    state = "" if item.state == "ok" else f"{item.state}: "
    text = f"{item.what:<{wide}}  {state}{item.found}"
    first, *rest = style.wrap(text, " " * (wide + 6), first=f"  {mark} ")
    yield first.replace(mark, style.paint(mark, color), 1)
    yield from rest
    indent = " " * 6
    if item.cost is not None:
        yield from style.wrap(f"costs: {item.cost}", indent + "  ", first=indent)
    if item.remedy is not None:
        yield from style.wrap(f"to change that: {item.remedy}", indent + "  ", first=indent)


def _end(answer: Preflight, style: Style) -> Iterator[str]:
    lacking = [item.what for item in answer.items if item.needed and item.state != "ok"]
    if not lacking:
        yield f"{style.symbol('✓')} a diagnosis finds here all that it needs"
        return
    text = f"{style.symbol('?')} limited: of what a diagnosis needs here it lacks {', '.join(lacking)}"
    yield from style.wrap(text, "  ", first="")
