"""The one place where text that comes from the system is made safe for a terminal.

A namespace, an interface alias or a process can be named to look like something else: with escape sequences that move
the cursor, or with bidirectional controls that reorder what is read. All of them become visible escapes.
Source: ECMA-48 (C0, C1), Unicode TR 36 (bidirectional controls).
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import TypeVar

import msgspec

from netdoctor.report import Part

T = TypeVar("T", bound=Part)

# C0, DEL and C1; soft hyphen; zero-width and bidirectional controls; line and paragraph separator; byte order mark;
# interlinear annotation; tag characters; lone surrogates.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def visible(text: str) -> str:
    r"""Return `text` on one line, with every control character replaced by its escape (`\x1b`, `\u202e`)."""
    return _UNSAFE.sub(_escape, text)


def shell_line(argv: Sequence[str]) -> str:
    """Return the command as one line to paste into bash, safe to look at.

    An argument with control characters is written in ANSI-C quotes (bash(1), QUOTING), where their escapes mean them.
    """
    return " ".join(_quoted(word) for word in argv)


def _quoted(word: str) -> str:
    if _UNSAFE.search(word) is None:
        return shlex.quote(word)
    escaped = word.replace("\\", "\\\\").replace("'", "\\'")
    # A byte that is no UTF-8 reached us as a lone surrogate (PEP 383); it is pasted as that byte.
    escaped = re.sub("[\udc80-\udcff]", lambda m: f"\\x{ord(m.group()) - 0xDC00:02x}", escaped)
    return f"$'{visible(escaped)}'"


def cleaned(report: T) -> T:
    """Return a report (or map) with every text in it made visible, except commands, which `shell_line` writes."""
    return msgspec.convert(_cleaned(msgspec.to_builtins(report)), type(report))


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return visible(" ".join(value.split("\n")))
    if isinstance(value, dict):
        return {k: v if k in ("command", "commands") else _cleaned(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item) for item in value]
    return value
