"""Addresses, masks, ranges and lladdrs as the tools print them, as numbers. All raise UndecodedError."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from netdoctor.kernel.netfilter.names import TCP_FLAGS, UndecodedError, named, number

Range = tuple[int, int]


@lru_cache(maxsize=4096)
def address(text: str) -> tuple[int, int]:
    """Return an address as a number, and its version."""
    try:
        ip = ip_address(text)
    except ValueError as error:
        raise UndecodedError(text) from error
    return int(ip), ip.version


@lru_cache(maxsize=4096)
def network(text: str) -> tuple[Range, int]:
    """Return the first and last address of `10.0.0.0/8`, `10.0.0.0/255.0.0.0` or `10.0.0.1`, and the version."""
    head, _, tail = text.partition("/")
    first, version = address(head)
    bits = 32 if version == 4 else 128
    if not tail:
        return (first, first), version
    length = prefix_length(tail, bits)
    size = 1 << (bits - length)
    first &= ~(size - 1)
    return (first, first + size - 1), version


def prefix_length(text: str, bits: int) -> int:
    """Return the length of a prefix that is given as such or as a mask; a mask with holes is not decoded."""
    if text.isdigit():
        length = int(text)
    else:
        mask = address(text)[0]
        length = mask.bit_count()
        if mask != ((1 << bits) - 1) ^ ((1 << (bits - length)) - 1):
            raise UndecodedError(text)
    if length > bits:
        raise UndecodedError(text)
    return length


def address_range(text: str) -> tuple[Range, int]:
    """Return `10.0.0.1-10.0.0.9`, a prefix or a single address as first and last, and the version."""
    first, dash, last = text.partition("-")
    if not dash:
        return network(text)
    low, version = address(first)
    high, _ = address(last)
    return (low, high), version


def number_range(text: str, separator: str = ":", most: int = 0xFFFF) -> Range:
    """Return `80`, `80:90`, `:90` or `80:` as first and last."""
    first, found, last = text.partition(separator)
    if not found:
        return number(text), number(text)
    return (number(first) if first else 0), (number(last) if last else most)


def number_ranges(text: str) -> tuple[Range, ...]:
    """Return the members of `22,80:90`."""
    return tuple(number_range(part) for part in text.split(","))


def value_and_mask(text: str) -> tuple[int, int]:
    """Return `0x1/0xff` as value and mask; without a mask, all bits."""
    value, _, mask = text.partition("/")
    return number(value), number(mask) if mask else 0xFFFFFFFF


def flags(text: str) -> int:
    """Return TCP flags: `SYN,ACK`, NONE or ALL."""
    names = {**TCP_FLAGS, "none": 0, "all": 63}
    bits = 0
    for name in text.split(","):
        bits |= named(names, name)
    return bits


def lladdr(text: str) -> str:
    """Return an lladdr with two digits a byte, in small letters."""
    parts = text.split(":")
    try:
        if len(parts) != 6:
            raise ValueError(text)
        return ":".join(f"{int(part, 16):02x}" for part in parts)
    except ValueError as error:
        raise UndecodedError(text) from error


def tos_ranges(value: int, mask: int) -> tuple[Range, ...]:
    """Return the bytes whose bits under `mask` are `value`, as ranges."""
    ranges: list[Range] = []
    for byte in range(256):
        if byte & mask != value & mask:
            continue
        if ranges and ranges[-1][1] == byte - 1:
            ranges[-1] = (ranges[-1][0], byte)
        else:
            ranges.append((byte, byte))
    return tuple(ranges)
