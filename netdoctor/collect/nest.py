"""Attributes of a netlink message by number, read as what the caller knows them to be."""

from __future__ import annotations

from ipaddress import ip_address
from sys import byteorder

from netdoctor.collect.netlink import each_attribute


class Nest(dict[int, bytes]):
    """The attributes of `data` from `offset` on; of a repeated one, the last."""

    def __init__(self, data: bytes, offset: int = 0) -> None:
        super().__init__(each_attribute(data, offset))

    def number(self, kind: int, signed: bool = False) -> int | None:
        """Return an integer in the machine's byte order, or None where it is absent."""
        value = self.get(kind)
        return None if value is None else int.from_bytes(value, byteorder, signed=signed)

    def big(self, kind: int) -> int | None:
        """Return an integer in network byte order, or None."""
        value = self.get(kind)
        return None if value is None else int.from_bytes(value, "big")

    def text(self, kind: int) -> str | None:
        """Return a NUL-terminated string, or None. What is no UTF-8 in a name is escaped, never an error."""
        value = self.get(kind)
        return None if value is None else value.rstrip(b"\0").decode("utf-8", "backslashreplace")

    def ip(self, kind: int) -> str | None:
        """Return an IP address, or None."""
        value = self.get(kind, b"")
        return str(ip_address(value)) if len(value) in (4, 16) else None

    def lladdr(self, kind: int) -> str | None:
        """Return a link layer address as iproute2 prints it (an IP address for IP tunnels), or None."""
        return self.ip(kind) or self.get(kind, b"").hex(":") or None

    def nest(self, kind: int) -> Nest:
        """Return the attributes inside an attribute: none where it is absent."""
        return Nest(self.get(kind, b""))
