"""The blocks of a pcapng file, as bytes (IETF draft-ietf-opsawg-pcapng).

scapy's writer knows microseconds only, which are longer than a hop through a veth pair, puts a nameless interface
before the named ones, and names no writer; so the blocks are made here.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from netdoctor.facts.observed import LinkLayer

#: Linux cooked capture v2 (LINKTYPE_LINUX_SLL2): what `tcpdump -i any` writes, for devices of every kind.
COOKED = 276
_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_MAGIC = 0x1A2B3C4D
_COMMENT, _IF_NAME, _IF_DESCRIPTION, _IF_RESOLUTION, _FLAGS, _APPLICATION = 1, 2, 3, 9, 2, 4
_NANOSECONDS = b"\x09"
_IN, _OUT = 1, 2


def section(application: str, comment: str) -> bytes:
    """Return the block that a file begins with: who wrote it, and what it is about."""
    head = struct.pack("<IHHq", _MAGIC, 1, 0, -1)
    return _block(_SECTION, head, [(_COMMENT, comment.encode()), (_APPLICATION, application.encode())])


def interface(name: str, description: str, longest: int) -> bytes:
    """Return the block of an interface, of whose packets at most `longest` bytes are kept. They count from 0."""
    options = [
        (_IF_NAME, name.encode()),
        (_IF_DESCRIPTION, description.encode()),
        (_IF_RESOLUTION, _NANOSECONDS),
    ]
    return _block(_INTERFACE, struct.pack("<HHI", COOKED, 0, longest), options)


def packet(number: int, time: int, data: bytes, length: int, out: bool, comments: Iterable[str]) -> bytes:
    """Return the block of a packet at interface `number`; `time` in nanoseconds, `length` what it had on the wire."""
    head = struct.pack("<IIIII", number, time >> 32, time & 0xFFFFFFFF, len(data), length)
    options = [(_COMMENT, comment.encode()) for comment in comments]
    options.append((_FLAGS, struct.pack("<I", _OUT if out else _IN)))
    return _block(_PACKET, head + _padded(data), options)


def cooked(link: LinkLayer, ifindex: int) -> bytes:
    """Return the header that stands before the network header (https://www.tcpdump.org/linktypes, LINUX_SLL2)."""
    widths = link.kind, len(link.lladdr)
    return struct.pack(">HHIHBB8s", link.ethertype, 0, ifindex, link.arptype, *widths, link.lladdr)


def _block(kind: int, body: bytes, options: Iterable[tuple[int, bytes]]) -> bytes:
    for code, value in options:
        body += struct.pack("<HH", code, len(value)) + _padded(value)
    body += struct.pack("<HH", 0, 0)
    length = struct.pack("<I", len(body) + 12)
    return struct.pack("<I", kind) + length + body + length


def _padded(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)
