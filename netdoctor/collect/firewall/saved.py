"""What an iptables-save prints, cut into tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

#: It begins with the end of the line before, which is found faster than the beginning of a line.
_TABLE = re.compile(r"\n\*(\S+)(?=\n)")

#: How iptables-nft-save says that it does not show a table, or not all of it.
_REFUSED = re.compile(r"^# Table `([^']+)' (?:is incompatible|contains incompatible)", re.MULTILINE)


def tables(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name and the lines of every table; each ends where the next begins."""
    text = "\n" + text
    starts = list(_TABLE.finditer(text))
    ends = [found.start() + 1 for found in starts[1:]] + [len(text)]
    for found, end in zip(starts, ends, strict=False):
        lines = text[found.end() + 1 : end]
        commit = lines.rfind("\nCOMMIT")
        yield found[1], lines[: commit + 1] if commit >= 0 else _without_comments(lines)


def _without_comments(lines: str) -> str:
    return "".join(line for line in lines.splitlines(keepends=True) if line.strip() and line[:1] != "#")


def refused(text: str) -> set[str]:
    """Return the tables that the tool shows not at all or not wholly."""
    return set(_REFUSED.findall(text)) if "incompatible" in text else set()


def complete(text: str) -> bool:
    """Tell whether every table that begins is ended. A tool that lacks an extension stops in mid-line."""
    return text.count("\nCOMMIT") >= len(_TABLE.findall("\n" + text))
