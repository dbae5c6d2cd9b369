"""The page of the check that found a cause, as `netdoctor explain` prints it."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor_tui.model.rows import Row, Span, row, wrapped


def page_rows(code: str, page: str, width: int) -> list[Row]:
    """Return a check's page, its paragraphs broken anew; what is indented stays as it is."""
    rows = [row(Span(code, "accent"))]
    for block in page.strip().split("\n\n"):
        rows += [*_block(block.splitlines(), width), row("")]
    return rows[:-1]


def _block(lines: list[str], width: int) -> Iterator[Row]:
    if lines and lines[0].startswith("#"):
        yield row(Span(lines.pop(0).lstrip("# "), "bold"))
    if lines and all(line.startswith("    ") for line in lines):
        yield from (row(Span(line, "lit"), copy=line.strip()) for line in lines)
    elif lines:
        yield from wrapped(" ".join(line.strip() for line in lines), width)
