"""Addresses, prefixes, ranges and lladdrs: found in text, and replaced so that they keep their relations."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from ipaddress import ip_address

from netdoctor.redact.bits import BitMap
from netdoctor.redact.blocks import LLADDR_CLASSES, LLADDR_KEPT
from netdoctor.redact.known import TEXT, Known, number

#: Docker and others write an IPv4 address into an lladdr behind 02:42, and the fix for such a one that is there twice
#: takes 02:43 and on: the lladdr goes on to agree with the address.
_GENERATED = range(0x0242, 0x0250)
#: So many keys are tried until no replaced address is one that there was before; else the best of them is taken.
_TRIES = 24


class Addresses:
    """Replaces addresses. What `known` texts and `subnets` relate stays related; `secret` makes it irreversible."""

    def __init__(self, secret: bytes, known: Iterable[str], subnets: Iterable[tuple[str, int]]) -> None:
        found = Known(known, subnets)
        fewest = -1
        for attempt in range(_TRIES):
            maps = found.kept_by(secret + bytes([attempt]))
            survivors = found.survivors(maps)
            if fewest < 0 or survivors < fewest:
                fewest, self._v4, self._v6 = survivors, maps[4], maps[6]
            if not survivors:
                break
        self._lladdr = BitMap(48, secret, LLADDR_KEPT, LLADDR_CLASSES)
        self.used: dict[str, str] = {}

    def ip(self, text: str, length: int | None = None) -> str:
        """Return what stands for an address; where it is that of a network of `length` bits, a network again."""
        found = number(text.partition("%")[0])
        if found is None:
            return text
        bits, value = (self._v4 if found.version == 4 else self._v6), found.value
        image = bits(value)
        rest = (1 << (bits.width - length)) - 1 if length is not None and length <= bits.width else 0
        if rest and not value & rest:
            image &= ~rest
        if found.version == 6 and value >> 32 == 0xFFFF:
            image = 0xFFFF << 32 | self._v4(value & 0xFFFFFFFF)
        shown = str(ip_address(image.to_bytes(bits.width // 8)))
        if shown != text:
            self.used[text] = shown
        return shown

    def lladdr(self, text: str) -> str:
        """Return what stands for a link-layer address. Those of tunnels are IP addresses, as text or in hexadecimal."""
        if "." in text:
            return self.ip(text)
        octets = bytes.fromhex(text.replace(":", ""))
        value = int.from_bytes(octets)
        if len(octets) == 6:
            head = value >> 32
            image = head << 32 | self._v4(value & 0xFFFFFFFF) if head in _GENERATED else self._lladdr(value)
        elif len(octets) in (4, 16):
            image = (self._v4 if len(octets) == 4 else self._v6)(value)
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
        return TEXT.finditer(text)

    def text(self, text: str) -> str:
        """Return `text` with every address in it replaced."""
        return TEXT.sub(self.found, text)
