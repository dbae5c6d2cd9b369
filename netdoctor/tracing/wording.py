"""The text of a rule without what changes from one print to the next: counters, the name of the table, spaces."""

from __future__ import annotations

import re

_COUNTER = re.compile(r"\bcounter packets \d+ bytes \d+")
_HANDLE = re.compile(r"\s*# handle \d+\s*$")
#: xtables-monitor(8) puts the family and the table before the rule.
_TABLE = re.compile(r"^\s*(?:-[46]\s+)?(?:-t \S+\s+)?(?=-A )")
_SPACE = re.compile(r"\s+")


def bare(text: str) -> str:
    """Return the text as it is the same in `iptables-save`, `nft list` and in a trace."""
    short = _COUNTER.sub("counter", _HANDLE.sub("", text))
    return _SPACE.sub(" ", _TABLE.sub("", short)).strip()
