"""Words that identify nobody: of the kernel, of firewalls and container networks, and of netdoctor's own sentences.

A name made of nothing else (`br0`, `KUBE-SERVICES`, `filter_IN_public_allow`, "default/dns has no endpoints") stays.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

#: Letters with at most a short number behind them; a hash has more of both, mixed.
_PLAIN = re.compile(r"([A-Za-z]*)\d{0,4}")


@cache
def _words() -> frozenset[str]:
    return frozenset(files(__package__).joinpath("words.txt").read_text(encoding="ascii").split())


def common(piece: str) -> bool:
    """Tell whether a piece of a name (no separators in it) is a common word, a single letter or a number."""
    found = _PLAIN.fullmatch(piece)
    if found is None:
        return piece.isdigit()
    return len(found[1]) < 2 or found[1].lower() in _words()
