"""What the keys do where one is: a page made of the vocabulary of actions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from netdoctor_tui.actions import Action, written
from netdoctor_tui.look import Look
from netdoctor_tui.model.path import STATES
from netdoctor_tui.model.rows import Row, Span, row, wrapped


def help_rows(
    topic: str, groups: Iterable[tuple[str, Sequence[Action]]], width: int, look: Look
) -> list[Row]:
    """Return the page: a group of actions under each heading, then what the symbols mean."""
    rows = [row(Span(topic, "accent"))]
    for heading, actions in groups:
        rows += [row(""), row(Span(heading, "bold"))]
        for one in actions:
            keys = ", ".join(written(key) for key in one.keys)
            rows += wrapped(one.told, width, first=f"  {keys:<16} ", indent=" " * 19, key=one.name)
    rows += [row(""), row(Span("Symbols in the path", "bold"))]
    for symbol, role, word in STATES.values():
        rows.append(row("  ", Span(look(symbol), role), f"  {word}"))
    return rows
