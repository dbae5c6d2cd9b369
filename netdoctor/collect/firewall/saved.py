"""What an iptables-save prints, cut into tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: How iptables-nft-save says that it does not show a table, or not all of it.
_REFUSED = re.compile(r"^# Table `([^']+)' (?:is incompatible|contains incompatible)", re.MULTILINE)


def tables(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the lines of every table; each ends where the next begins."""
    starts = _starts(text)
    for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
        name, first = _name(text, start)
        commit = text.rfind("\nCOMMIT", first, end)
        yield name, text[first : commit + 1] if commit >= 0 else _without_comments(text[first:end])


def _starts(text: str) -> list[int]:
    """Return where tables begin: lines with an asterisk. Backwards, which is faster in megabytes of other lines."""
    starts = []
    at = text.rfind("\n*")
    while at >= 0:
        starts.append(at + 1)
        at = text.rfind("\n*", 0, at)
    if text.startswith("*"):
        starts.append(0)
    return starts[::-1]


def _name(text: str, start: int) -> tuple[str, int]:
    """Return the name of the table that begins there, and where its lines begin."""
    end = text.find("\n", start)
    end = end if end >= 0 else len(text)
    return text[start + 1 : end], end + 1


def _without_comments(lines: str) -> str:
    return "".join(line for line in lines.splitlines(keepends=True) if line.strip() and line[:1] != "#")


def refused(text: str) -> set[str]:
    """Return the tables that the tool shows not at all or not wholly."""
    return set(_REFUSED.findall(text)) if "incompatible" in text else set()


def complete(text: str) -> bool:
    """Tell whether the last table is ended. A tool that lacks an extension stops in mid-line."""
    last = text.rfind("\n*")
    if last < 0 and text.startswith("*"):
        last = 0
    return text.rfind("\nCOMMIT") >= last
