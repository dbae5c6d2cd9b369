"""Addresses, prefixes, ranges and lladdrs: found in text, and replaced so that they keep their relations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from netdoctor.redact.bits import BitMap
from netdoctor.redact.blocks import (
    LLADDR_CLASSES,
    LLADDR_KEPT,
    V4_CLASSES,
    V4_KEPT,
    V6_CLASSES,
    V6_KEPT,
)

LLADDR = r"[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5}(?![0-9A-Za-z:])"
V4 = r"\d{1,3}(?:\.\d{1,3}){3}(?!\w|\.\d)"
V6 = r"(?=[0-9A-Fa-f:]*:[0-9A-Fa-f]*:)[0-9A-Fa-f:]+(?::\d{1,3}(?:\.\d{1,3}){3})?(?![0-9A-Za-z])"
ANY = re.compile(rf"(?:(?P<lladdr>{LLADDR})|(?P<ip>{V4}|{V6}))(?:/(?P<length>\d{{1,3}})(?![\d.]))?")

_RANGE = re.compile(rf"(?<![\w.])({V4}|{V6})-({V4}|{V6})")
_JSON_RANGE = re.compile(r'"range": ?\["([0-9A-Fa-f:.]+)", ?"([0-9A-Fa-f:.]+)"\]')
_JSON_PREFIX = re.compile(r'"addr": ?"([0-9A-Fa-f:.]+)", ?"len": ?(\d+)')
_WHOLE_NETS = re.compile(r'NETMAP|"netmap"|"type_flags"')
_START = r"(?<![A-Za-z0-9.])"
_TEXT = re.compile(_START + ANY.pattern)

#: Docker and others write an IPv4 address into an lladdr behind 02:42, and the fix for such a one that is there twice
#: takes 02:43 and on: the lladdr goes on to agree with the address.
_GENERATED = range(0x0242, 0x0250)
#: A known prefix keeps its lowest and highest address where so many of its bits are free to change.
_FREE_BITS = 4
#: So many keys are tried until no replaced address is one that there was before.
_TRIES = 64


class Addresses:
    """Replaces addresses. What `known` texts, networks and ranges say is kept; `secret` makes it irreversible."""

    def __init__(self, secret: bytes, known: Iterable[str], subnets: Iterable[tuple[str, int]]) -> None:
        texts, attached = list(known), list(subnets)
        for attempt in range(_TRIES):
            self._make(secret + bytes([attempt]), texts, attached)
            if not self._survivors(texts):
                break

    def _make(self, secret: bytes, texts: list[str], attached: list[tuple[str, int]]) -> None:
        self._v4 = BitMap(32, secret, V4_KEPT, V4_CLASSES)
        self._v6 = BitMap(128, secret, V6_KEPT, V6_CLASSES)
        self._lladdr = BitMap(48, secret, LLADDR_KEPT, LLADDR_CLASSES)
        self.used: dict[str, str] = {}
        # each host of one network becomes the host of the same number in another
        alike = [found for text in texts if _WHOLE_NETS.search(text) for found in _known_prefixes(text)]
        attached = attached + [(net, int(length)) for net, length in alike]
        for text, length in attached:
            self._keep_subnet(text, length)
        for text in texts:
            for first, last in (*_RANGE.findall(text), *_JSON_RANGE.findall(text)):
                self._keep_range(first, last)
            for found in _known_prefixes(text):
                self._keep_prefix(*found)

    def _survivors(self, texts: list[str]) -> bool:
        """Tell whether an address that is replaced is the image of another, or its own."""
        before = {match["ip"] for text in texts for match in _TEXT.finditer(text) if match["ip"]}
        before = {text for text in before if self._number(text) is not None and not self._special(text)}
        return any(self.ip(text) in before for text in before)

    def _special(self, text: str) -> bool:
        number, bits = self._number(text) or (0, self._v4)
        length = bits.class_length(number)
        return bits.keeps(number) or (length > 0 and not number & ((1 << (bits.width - length)) - 1))

    def _number(self, text: str) -> tuple[int, BitMap] | None:
        try:
            ip = ip_address(text)
        except ValueError:
            return None
        return int(ip), self._v4 if ip.version == 4 else self._v6

    def _keep_subnet(self, text: str, length: int) -> None:
        found = self._number(text)
        if (
            found is not None
            and found[1] is self._v4
            and length - self._v4.class_length(found[0]) >= _FREE_BITS
        ):
            self._v4.copy_below(found[0], length)
        self._keep_prefix(text, str(length))

    def _keep_prefix(self, text: str, digits: str) -> None:
        found, length = self._number(text), int(digits)
        if found is None or not 0 < length < found[1].width - 1:
            return
        number, bits = found
        if length - bits.class_length(number) >= _FREE_BITS:
            rest = (1 << (bits.width - length)) - 1
            bits.keep_range(number & ~rest, number | rest)

    def _keep_range(self, first: str, last: str) -> None:
        low, high = self._number(first), self._number(last)
        if low is not None and high is not None and low[1] is high[1] and low[0] <= high[0]:
            low[1].keep_range(low[0], high[0])

    def ip(self, text: str, length: int | None = None) -> str:
        """Return what stands for an address; where it is that of a network of `length` bits, a network again."""
        found = self._number(text.partition("%")[0])
        if found is None:
            return text
        number, bits = found
        image = bits(number)
        rest = (1 << (bits.width - length)) - 1 if length is not None and length <= bits.width else 0
        if rest and not number & rest:
            image &= ~rest
        if bits is self._v6 and number >> 32 == 0xFFFF:
            image = 0xFFFF << 32 | self._v4(number & 0xFFFFFFFF)
        shown = str(ip_address(image.to_bytes(bits.width // 8)))
        if shown != text:
            self.used[text] = shown
        return shown

    def lladdr(self, text: str) -> str:
        """Return what stands for a link-layer address. Those of tunnels are IP addresses in hexadecimal."""
        octets = bytes.fromhex(text.replace(":", ""))
        number = int.from_bytes(octets)
        if len(octets) == 6:
            head = number >> 32
            image = head << 32 | self._v4(number & 0xFFFFFFFF) if head in _GENERATED else self._lladdr(number)
        elif len(octets) in (4, 16):
            image = (self._v4 if len(octets) == 4 else self._v6)(number)
        else:
            return text
        shown = image.to_bytes(len(octets)).hex(":")
        if shown != text:
            self.used[text] = shown
        return shown

    def found(self, match: re.Match[str]) -> str:
        """Return what stands for a match of `ANY`."""
        tail = f"/{match['length']}" if match["length"] is not None else ""
        if match["lladdr"] is not None:
            return self.lladdr(match["lladdr"]) + tail
        return self.ip(match["ip"], int(match["length"]) if tail else None) + tail

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """Return the addresses in `text`, for `found`."""
        return _TEXT.finditer(text)

    def text(self, text: str) -> str:
        """Return `text` with every address in it replaced."""
        return _TEXT.sub(self.found, text)


def _known_prefixes(text: str) -> list[tuple[str, str]]:
    found = (
        (match["ip"], match["length"]) for match in _TEXT.finditer(text) if match["ip"] and match["length"]
    )
    return [*_JSON_PREFIX.findall(text), *found]
