"""Which rules of a long chain concern a packet: a service chain names one address in each of its thousands of rules.

A rule that asks for another single address cannot match, so it need not even be parsed.
"""

from __future__ import annotations

import re

_ADDRESSES = re.compile(r"(?:\[\d+:\d+\] )?-A \S+ (?:-s (\S+) )?(?:-d (\S+) )?")

#: A chain that is not longer than this is taken as a whole.
SHORT = 64


class AddressIndex:
    """The lines of one chain by the single destination, else the single source, that they ask for."""

    def __init__(self, lines: list[str]) -> None:
        self._by_destination: dict[str, list[int]] = {}
        self._by_source: dict[str, list[int]] = {}
        self._others: list[int] = []
        for number, line in enumerate(lines, 1):
            found = _ADDRESSES.match(line)
            source, destination = found.groups() if found is not None else (None, None)
            if single := _single(destination):
                self._by_destination.setdefault(single, []).append(number)
            elif single := _single(source):
                self._by_source.setdefault(single, []).append(number)
            else:
                self._others.append(number)

    def numbers(self, src: str, dst: str) -> list[int]:
        """Return the numbers of the rules that may match a packet with these addresses, in order."""
        named = self._by_destination.get(dst, []) + self._by_source.get(src, [])
        return sorted(self._others + named) if named else self._others


def _single(text: str | None) -> str | None:
    if text is None:
        return None
    address, _, length = text.partition("/")
    return address if length in ("32", "128") and (length == "128") == (":" in address) else None
