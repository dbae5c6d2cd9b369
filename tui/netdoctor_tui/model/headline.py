"""The top of the screen: the question, the state of the app, and the verdict in words."""

from __future__ import annotations

import textwrap
from typing import NamedTuple

from netdoctor.report import Report
from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Role, Row, Span, row

VERDICTS: dict[str, tuple[str, Role]] = {
    "reachable": ("●", "good"),
    "unreachable": ("╳", "bad"),
    "unknown": ("?", "doubt"),
}


class Status(NamedTuple):
    """What the first line says of the app: the source's name, words like `read only`, and what is being done."""

    source: str
    words: tuple[str, ...]
    doing: str = ""


def question_text(report: Report, look: Look) -> str:
    """Return the question in a few words."""
    asked = report.question
    port = f" port {asked.port}" if asked.port is not None else ""
    return f"{asked.source.name} {look('→')} {asked.destination.name} {asked.protocol}{port}"


def top_row(status: Status, question: str, width: int, look: Look) -> Row:
    """Return the first line, what is least needed cut off where it does not fit."""
    dot = f" {look('·')} "
    right = status.doing or dot.join(status.words)
    left = dot.join(part for part in ("netdoctor", status.source, question) if part)
    room = width - len(right) - 2
    if len(left) > room:
        left = question if 0 < len(question) <= room else left[: max(room - 2, 0)] + look("…")
    return row(Span(left.ljust(max(room, 0)), "bold"), "  ", Span(right, "accent" if status.doing else ""))


def verdict_rows(report: Report, width: int, look: Look, before: str | None = None) -> list[Row]:
    """Return the verdict and the summary in two lines, the second one ending in … where there is more.

    `before` is the verdict of the answer before, where it was another one.
    """
    symbol, role = VERDICTS[report.verdict]
    was = f" ({look('Δ')} was {before})" if before is not None else ""
    label = f"{look(symbol)} {report.verdict.upper()}{was}  "
    lines = textwrap.wrap(report.summary, width, initial_indent=" " * len(label), subsequent_indent="  ")
    more = len(lines) > 2
    lines = [*lines[:2], "", ""][:2]
    if more:
        lines[1] = lines[1][: width - 2] + look("…")
    return [row(Span(label, role), lines[0][len(label) :]), *(row(line) for line in lines[1:] if line)]
