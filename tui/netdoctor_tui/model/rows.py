"""Rows of text in roles: what every list on the screen is made of."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

#: What a piece of text is, which decides how it looks. None says anything that the text does not say as well.
Role = Literal["", "bold", "dim", "good", "bad", "doubt", "accent", "lit"]


class Span(NamedTuple):
    """A piece of text in one role."""

    text: str
    role: Role = ""


class Row(NamedTuple):
    """A line: its text, what it stands for, and what is copied from it (empty: its text)."""

    spans: tuple[Span, ...]
    key: Hashable = None
    copy: str = ""

    @property
    def text(self) -> str:
        """The whole line."""
        return "".join(span.text for span in self.spans)


def row(*parts: str | Span, key: Hashable = None, copy: str = "") -> Row:
    """Return a row of texts and spans."""
    spans = tuple(part if isinstance(part, Span) else Span(part) for part in parts)
    return Row(spans, key, copy)


def wrapped(
    text: str,
    width: int,
    *,
    first: str = "",
    indent: str = "",
    role: Role = "",
    key: Hashable = None,
    copy: str = "",
) -> Iterator[Row]:
    """Yield a text as rows of at most `width` columns; what does not fit into a line by itself is broken."""
    width = max(width, len(indent) + 8, len(first) + 8)
    lines = textwrap.wrap(
        text, width, initial_indent=first, subsequent_indent=indent, break_on_hyphens=False
    ) or [first]
    for number, line in enumerate(lines):
        head = first if number == 0 else indent
        yield Row((Span(head), Span(line[len(head) :], role)), key, copy)


def matching(rows: Sequence[Row], wanted: str) -> Sequence[Row]:
    """Return the rows that hold every word of `wanted`, in any case; a word after `!` must not be there."""
    words = wanted.lower().split()
    with_ = [word for word in words if not word.startswith("!")]
    without = [word[1:] for word in words if word.startswith("!") and len(word) > 1]
    if not with_ and not without:
        return rows
    return [one for one in rows if _fits(one.text.lower(), with_, without)]


def _fits(text: str, wanted: Iterable[str], unwanted: Iterable[str]) -> bool:
    return all(word in text for word in wanted) and not any(word in text for word in unwanted)
