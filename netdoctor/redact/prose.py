"""Sentences and commands: every address, and every name that was replaced elsewhere, found in running text."""

from __future__ import annotations

import re

from netdoctor.redact.addresses import Addresses
from netdoctor.redact.known import ANY
from netdoctor.redact.names import Names

#: What runs on without a blank or a bracket; names hold none as a rule, and those that do are looked for as they are.
_RUN = re.compile(r"[^\s\"'`,;()\[\]{}<>|=!]+")
_UNITS = re.compile(r"[A-Za-z0-9-]+|[^A-Za-z0-9-]")
_PIECE = re.compile(r"[A-Za-z0-9]+")
_PROCESS = re.compile(r"\b(pid \d+ \()([^()]*)\)")
_ODD = re.compile(r"[\s\"'`,;()\[\]{}<>|=!]")

#: A name is made of so many units and separators at most; a longer one is replaced unit by unit.
_LONGEST = 32


class Prose:
    """Replaces what stands in running text by the aliases that facts got; names not known to them stay."""

    def __init__(self, addresses: Addresses, names: Names) -> None:
        self._addresses = addresses
        self._names = names

    def __call__(self, text: str) -> str:
        """Return `text` with addresses and known names replaced."""
        for name in self._odd():
            text = text.replace(name, self._names.whole[name])
        text = _PROCESS.sub(lambda match: f"{match[1]}{self._process(match[2])})", text)
        return _RUN.sub(lambda match: self._run(match[0]), text)

    def _odd(self) -> list[str]:
        """Names with blanks or brackets in them, the longest first."""
        return sorted((name for name in self._names.whole if _ODD.search(name)), key=len, reverse=True)

    def _process(self, name: str) -> str:
        return self._names.identifier(name)

    def _run(self, run: str) -> str:
        known = self._known(run)
        if known is not None:
            return known
        units = _UNITS.findall(run)
        starts = [0]
        for unit in units:
            starts.append(starts[-1] + len(unit))
        parts = []
        number = 0
        while number < len(units):
            replaced, number = self._next(run, units, starts, number)
            parts.append(replaced)
        return "".join(parts)

    def _next(self, run: str, units: list[str], starts: list[int], number: int) -> tuple[str, int]:
        """Return what stands for the longest known name, or the address, at a unit; and the number of the next unit."""
        for end in range(min(len(units), number + _LONGEST), number, -1):
            known = self._known(run[starts[number] : starts[end]])
            if known is not None:
                return known, end
        match = ANY.match(run, starts[number])
        if match is not None and match.end() in starts:
            return self._addresses.found(match), starts.index(match.end())
        unit, sign = units[number], run[starts[number + 1] : starts[number + 1] + 1]
        beginning = self._names.beginnings.get(unit)
        if beginning is not None and sign and sign in "+*":
            return beginning, number + 1
        return _PIECE.sub(self._piece, unit), number + 1

    def _piece(self, match: re.Match[str]) -> str:
        word = match[0]
        return self._known(word) or self._names.pieces.get(word) or self._names.part_of_id(word) or word

    def _known(self, text: str) -> str | None:
        return self._names.devices.get(text) or self._names.whole.get(text)
