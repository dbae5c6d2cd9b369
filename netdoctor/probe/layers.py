"""The layers that are put together with scapy. Imported only where a probe is made, and only through `message`.

Nothing but scapy's packet and field modules is needed: `scapy.layers.inet` would read all interfaces and routes of the
host on import, which costs more than the probe itself.
"""

from __future__ import annotations

from scapy.fields import ByteField, ShortField, XShortField
from scapy.packet import Packet, Raw
from scapy.utils import checksum

__all__ = ["Echo", "Raw"]

ECHO_REQUEST = 8
ECHO_REQUEST_V6 = 128


class Echo(Packet):  # type: ignore[misc, unused-ignore]
    """An echo request (RFC 792; RFC 4443, 4.1)."""

    name = "echo request"
    fields_desc = [
        ByteField("type", ECHO_REQUEST),
        ByteField("code", 0),
        XShortField("chksum", 0),
        XShortField("id", 0),
        ShortField("seq", 0),
    ]

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Put in the checksum; ICMPv6's covers addresses that the kernel knows, and so puts in (RFC 3542, 3.1)."""
        whole: bytes = pkt + pay
        if self.type == ECHO_REQUEST_V6:
            return whole
        return whole[:2] + int(checksum(whole)).to_bytes(2, "big") + whole[4:]
