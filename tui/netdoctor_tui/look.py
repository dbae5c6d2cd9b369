"""How things are drawn where the app runs: symbols, and what stands for them where the locale has only ASCII."""

from __future__ import annotations

from collections.abc import Mapping

from netdoctor.facts.links import Record

#: Symbol → what stands for it in an ASCII locale. What state they tell is always said in words or by the letter too.
ASCII = {
    "●": "o",
    "╳": "X",
    "?": "?",
    "○": ".",
    "◌": "~",
    "Δ": "*",
    "→": "->",
    "←": "<-",
    "·": "-",
    "│": "|",
    "─": "-",
    "▸": "+",
    "▾": "-",
    "└": "`-",
    "├": "|-",
    "▶": ">",
    "…": "..",
    "▲": "^",
    "▼": "v",
}


class Look(Record, frozen=True):
    """What the terminal can show. `unicode` is false in an ASCII locale."""

    unicode: bool = True

    def __call__(self, symbol: str) -> str:
        """Return the symbol, or what stands for it."""
        return symbol if self.unicode else ASCII[symbol]


def look_of(environment: Mapping[str, str]) -> Look:
    """Return the look for a process environment: the locale of characters decides (locale(7)), not Python's encoding.

    Python writes UTF-8 in the C locale too (PEP 540), where the terminal may not be able to draw it.
    """
    name = next((value for key in ("LC_ALL", "LC_CTYPE", "LANG") if (value := environment.get(key))), "")
    return Look("utf-8" in name.lower() or "utf8" in name.lower())
