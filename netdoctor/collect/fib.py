"""An index over undecoded routes: which entries of a table cover an address, without decoding the others."""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import ip_address

from netdoctor.collect.netlink import each_attribute
from netdoctor.collect.requests import BODY

RTA_DST = 1
RTA_TABLE = 15
RTM_F_CLONED = 0x200

_ATTRIBUTES = BODY + 12


class Fib:
    """The raw routes of one family by table, prefix length and prefix."""

    def __init__(self, messages: list[bytes]) -> None:
        self._tables: dict[int, dict[int, dict[int, list[bytes]]]] = {}
        for message in messages:
            self._add(message)

    def _add(self, message: bytes) -> None:
        length, table, destination = message[BODY + 1], message[BODY + 4], b""
        # RTA_TABLE and RTA_DST are the first two attributes of every route the kernel prints (fib_dump_info(),
        # rt6_fill_node()), so this loop is short; it does not depend on it
        wanted = 2 if length else 1
        for kind, value in each_attribute(message, _ATTRIBUTES):
            if kind == RTA_TABLE:
                table = struct.unpack("=I", value)[0]
            elif kind == RTA_DST:
                destination = value
            else:
                continue
            wanted -= 1
            if not wanted:
                break
        prefix = int.from_bytes(destination, "big") >> (len(destination) * 8 - length) if destination else 0
        self._tables.setdefault(table, {}).setdefault(length, {}).setdefault(prefix, []).append(message)

    def covering(self, table: int, destination: str) -> list[bytes]:
        """Return the messages of the routes of `table` that cover `destination`, longest prefix first."""
        number, bits = _number(destination)
        lengths = self._tables.get(table, {})
        return [
            message
            for length in sorted(lengths, reverse=True)
            for message in lengths[length].get(number >> (bits - length), ())
        ]


@lru_cache(maxsize=64)
def _number(address: str) -> tuple[int, int]:
    ip = ip_address(address)
    return int(ip), ip.max_prefixlen
