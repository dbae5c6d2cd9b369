"""Values of nftables as the kernel keeps them in registers, rules and sets, and as `nft -j` prints them."""

from __future__ import annotations

import socket
import sys
from typing import Any, NamedTuple

from netdoctor.collect.netlink import attributes

Json = Any

VERDICT = 0  # NFT_REG_VERDICT

#: Types of set keys by their number (enum datatypes of nftables), with their size.
TYPES = {
    7: ("ipv4_addr", 4),
    8: ("ipv6_addr", 16),
    12: ("inet_proto", 1),
    13: ("inet_service", 2),
    19: ("mark", 4),
    41: ("ifname", 16),
}
_SIZES = dict(TYPES.values())
_TYPE_BITS = 6
#: Types whose values are in the byte order of the machine.
_OF_THE_HOST = ("mark", "number", "ct_state", "ifname")
_PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "ipv6-icmp", 132: "sctp"}
_STATES = {1: "invalid", 2: "established", 4: "related", 8: "new", 64: "untracked"}
_VERDICTS = {0: "drop", 1: "accept", -1: "continue", -3: "jump", -4: "goto", -5: "return"}


class UntoldError(Exception):
    """This is not told here; nft tells it."""


class Value(NamedTuple):
    """A constant in a register."""

    data: bytes


def number(raw: bytes) -> int:
    """Return a number in network byte order, as attributes of nftables have them."""
    return int.from_bytes(raw, "big")


def string(raw: bytes) -> str:
    """Return a name that ends in a zero byte."""
    return raw.rstrip(b"\0").decode("utf-8", "backslashreplace")


def types_of(kind: int) -> tuple[str, ...]:
    """Return the types of a key's fields, six bits each, the last one lowest. Raises UntoldError for any other type."""
    found: list[str] = []
    while kind:
        name = TYPES.get(kind & (1 << _TYPE_BITS) - 1)
        if name is None:
            raise UntoldError(f"type {kind}")
        found.append(name[0])
        kind >>= _TYPE_BITS
    return tuple(reversed(found))


def fields_of(kind: int) -> int:
    """Return how many fields a key type has."""
    return -(-kind.bit_length() // _TYPE_BITS)


def told(kind: str, data: bytes) -> Json:
    """Return a value as nft prints it. Raises UntoldError where only nft knows how."""
    if kind in ("ipv4_addr", "ipv6_addr"):
        size = _SIZES[kind]
        return socket.inet_ntop(socket.AF_INET if size == 4 else socket.AF_INET6, data[:size])
    if kind == "inet_service":
        return number(data[:2])
    if kind in ("mark", "number"):
        return int.from_bytes(data[:4], sys.byteorder)
    if kind == "ifname":
        return _ifname(data)
    names = _STATES if kind == "ct_state" else _PROTOCOLS
    value = int.from_bytes(data[:4], sys.byteorder) if kind == "ct_state" else data[0]
    if value not in names:
        raise UntoldError(f"{kind} {value}")
    return names[value]


def _ifname(data: bytes) -> str:
    name = data.split(b"\0")[0]
    text = string(name)
    if "*" in text or "\\" in text:
        raise UntoldError(text)
    return text if len(name) < len(data) else f"{text}*"


def address_prefix(kind: str, data: bytes, length: int) -> Json:
    """Return an address of which the first bits count."""
    address = told(kind, data.ljust(_SIZES[kind], b"\0"))
    return address if length == 8 * _SIZES[kind] else {"prefix": {"addr": address, "len": length}}


def verdict(raw: bytes) -> Json:
    """Return a verdict (NFTA_DATA_VERDICT). Raises UntoldError for a queue."""
    attrs = attributes(raw, 0)
    name = _VERDICTS.get(int.from_bytes(attrs[1], "big", signed=True))
    if name is None:
        raise UntoldError("a verdict")
    return {name: {"target": string(attrs[2])} if 2 in attrs else None}


def key_of(types: tuple[str, ...], data: bytes) -> Json:
    """Return an element's key; each field begins at a word."""
    parts = []
    for kind in types:
        size = _size(kind)
        parts.append(told(kind, data[:size]))
        data = data[size + -size % 4 :]
    return {"concat": parts} if len(parts) > 1 else parts[0]


def order(types: tuple[str, ...], data: bytes) -> tuple[int, ...]:
    """Return by what nft sorts the elements of a set: their values as numbers."""
    fields = []
    for kind in types:
        size = _size(kind)
        fields.append(int.from_bytes(data[:size], sys.byteorder if kind in _OF_THE_HOST else "big"))
        data = data[size + -size % 4 :]
    return tuple(fields)


def _size(kind: str) -> int:
    return _SIZES.get(kind, 4)


def packed(types: tuple[str, ...], key: tuple[str, ...]) -> bytes | None:
    """Return a key as the kernel compares it; None where no element can have it."""
    fields = []
    try:
        for kind, text in zip(types, key, strict=True):
            raw = _packed(kind, text)
            fields.append(raw + bytes(-len(raw) % 4 if len(types) > 1 else 0))
    except (ValueError, OverflowError, OSError):
        return None
    return b"".join(fields)


def _packed(kind: str, text: str) -> bytes:
    if kind in ("ipv4_addr", "ipv6_addr"):
        return socket.inet_pton(socket.AF_INET if kind == "ipv4_addr" else socket.AF_INET6, text)
    if kind == "ifname":
        return text.encode()[:15].ljust(16, b"\0")
    return int(text).to_bytes(_SIZES[kind], sys.byteorder if kind == "mark" else "big")
