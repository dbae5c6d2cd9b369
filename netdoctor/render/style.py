"""How text looks: symbols with an ASCII form each, colours that only ever repeat what the words say."""

from __future__ import annotations

import textwrap

import msgspec

_COLORS = {"red": "31", "green": "32", "yellow": "33", "blue": "34", "bold": "1", "dim": "2"}

#: Symbol → what stands for it where the encoding is not UTF-8.
_ASCII = {"✓": "+", "╳": "x", "?": "?", "·": ".", "→": "->", "│": "|", "▼": "v"}


class Style(msgspec.Struct, frozen=True):
    """What the place where the text goes can show."""

    color: bool
    unicode: bool
    width: int

    def paint(self, text: str, *colors: str) -> str:
        """Return `text` in `colors`, or as it is where there are none."""
        if not self.color or not text:
            return text
        codes = ";".join(_COLORS[color] for color in colors)
        return f"\x1b[{codes}m{text}\x1b[0m"

    def symbol(self, symbol: str) -> str:
        """Return `symbol`, or what stands for it in ASCII."""
        return symbol if self.unicode else _ASCII[symbol]

    def wrap(self, text: str, indent: str = "", first: str | None = None) -> list[str]:
        """Return `text` broken into lines of the width, each indented; words are never broken."""
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=indent if first is None else first,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        ) or [first or indent]
