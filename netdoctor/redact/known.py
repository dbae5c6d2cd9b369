"""The addresses, prefixes and ranges that facts speak of: what a replacement has to keep in relation."""

from __future__ import annotations

import re
from collections.abc import Iterable
from ipaddress import ip_address
from typing import NamedTuple

from netdoctor.redact.bits import BitMap
from netdoctor.redact.blocks import V4_CLASSES, V4_KEPT, V6_CLASSES, V6_KEPT

LLADDR = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![0-9A-Za-z:])"
V4 = r"\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)"
V6 = r"(?=[0-9A-Fa-f:]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]+(?::\d{1,3}(?:\.\d{1,3}){3})?(?![0-9A-Za-z])"

#: An address, with the length of a prefix behind it where one stands there; and the same at the beginning of a word.
ANY = re.compile(rf"(?:(?P<lladdr>{LLADDR})|(?P<ip>{V4}|{V6}))(?:/(?P<length>\d{{1,3}})(?![\d.]))?")
TEXT = re.compile(r"(?<![A-Za-z0-9.])" + ANY.pattern)

_RANGE = re.compile(rf"(?<![\w.])({V4}|{V6})-({V4}|{V6})")
_JSON_RANGE = re.compile(r'"range": ?\["([0-9A-Fa-f:.]+)", ?"([0-9A-Fa-f:.]+)"\]')
_JSON_PREFIX = re.compile(r'"addr": ?"([0-9A-Fa-f:.]+)", ?"len": ?(\d+)')
#: Rules that give each host of one network the address of the same number in another.
_WHOLE_NETS = re.compile(r'NETMAP|"netmap"|"type_flags"')

#: A known prefix keeps its lowest and highest address where so many of its bits are free to change.
_FREE_BITS = 4


class Number(NamedTuple):
    """An address as a number, with its IP version."""

    version: int
    value: int


def number(text: str) -> Number | None:
    """Return the address that `text` is, or None."""
    try:
        ip = ip_address(text)
    except ValueError:
        return None
    return Number(ip.version, int(ip))


def maps(secret: bytes) -> dict[int, BitMap]:
    """Return a permutation of the addresses of each IP version."""
    return {4: BitMap(32, secret, V4_KEPT, V4_CLASSES), 6: BitMap(128, secret, V6_KEPT, V6_CLASSES)}


class Known:
    """Everything that `texts` and the `subnets` of interfaces speak of."""

    def __init__(self, texts: Iterable[str], subnets: Iterable[tuple[str, int]]) -> None:
        self._plain = maps(b"")
        self.addresses: set[Number] = set()
        self._ranges: set[tuple[int, int, int]] = set()
        self._whole: set[tuple[int, int]] = set()
        for text, length in set(subnets):
            self._network(text, length, whole=True)
        for text in texts:
            self._read(text)

    def _read(self, text: str) -> None:
        whole = _WHOLE_NETS.search(text) is not None
        for match in TEXT.finditer(text):
            found = number(match["ip"]) if match["ip"] is not None else None
            if found is None:
                continue
            if not self._special(found):
                self.addresses.add(found)
            if match["length"] is not None:
                self._network(match["ip"], int(match["length"]), whole=whole)
        for net, length in _JSON_PREFIX.findall(text):
            self._network(net, int(length), whole=whole)
        for first, last in (*_RANGE.findall(text), *_JSON_RANGE.findall(text)):
            low, high = number(first), number(last)
            if low is not None and high is not None and low.version == high.version and low <= high:
                self._ranges.add((low.version, low.value, high.value))

    def _special(self, found: Number) -> bool:
        bits = self._plain[found.version]
        length = bits.class_length(found.value)
        block = length > 0 and not found.value & ((1 << (bits.width - length)) - 1)
        return bits.keeps(found.value) or block

    def _network(self, text: str, length: int, *, whole: bool) -> None:
        """Note a network; of a `whole` one the hosts keep their numbers."""
        found = number(text)
        if found is None or not 0 < length <= self._plain[found.version].width - 2:
            return
        bits = self._plain[found.version]
        if length - bits.class_length(found.value) < _FREE_BITS:
            return
        rest = (1 << (bits.width - length)) - 1
        self._ranges.add((found.version, found.value & ~rest, found.value | rest))
        if whole and found.version == 4:
            self._whole.add((found.value & ~rest, length))

    def kept_by(self, secret: bytes) -> dict[int, BitMap]:
        """Return permutations under `secret` that keep all relations."""
        made = maps(secret)
        for value, length in self._whole:
            made[4].copy_below(value, length)
        for version, low, high in self._ranges:
            made[version].keep_range(low, high)
        return made

    def survivors(self, made: dict[int, BitMap]) -> int:
        """Return how many addresses are the image of one of them."""
        return sum(
            Number(one.version, made[one.version](one.value)) in self.addresses for one in self.addresses
        )
