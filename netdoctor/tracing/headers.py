"""Packet headers, as much of them as a trace gives, read into fields (RFC 791, 792, 793, 768, 7348, 8200)."""

from __future__ import annotations

import struct
from ipaddress import ip_address

from netdoctor.facts.traced import TracedPacket

_ICMP, _TCP, _UDP, _ICMPV6 = 1, 6, 17, 58
#: A VXLAN header begins with a flags byte whose I bit says that the VNI is valid.
_VXLAN_I = 0x08
VXLAN_PORTS = (4789, 8472)
_ECHO = (0, 8, 128, 129)
ETH_HLEN = 14


def network(header: bytes) -> tuple[dict[str, object], int]:
    """Return the fields of an IP header, and its length in bytes (0 where it is none)."""
    if len(header) >= 20 and header[0] >> 4 == 4:
        length, ident, fragment, ttl, proto = struct.unpack_from("!2xHHHBB", header)
        fields: dict[str, object] = {
            "src": str(ip_address(header[12:16])),
            "dst": str(ip_address(header[16:20])),
            "proto": proto,
            "ttl": ttl,
            "ip_id": ident,
            "length": length,
            "fragment": bool(fragment & 0x1FFF),
        }
        return fields, (header[0] & 15) * 4
    if len(header) >= 40 and header[0] >> 4 == 6:
        length, proto, ttl = struct.unpack_from("!4xHBB", header)
        fields = {
            "src": str(ip_address(header[8:24])),
            "dst": str(ip_address(header[24:40])),
            "proto": proto,
            "ttl": ttl,
            "length": length + 40,
        }
        return fields, 40
    return {}, 0


def transport(header: bytes, proto: object) -> dict[str, object]:
    """Return the fields of a transport header of that protocol, as far as the bytes go."""
    if proto in (_ICMP, _ICMPV6) and len(header) >= 8:
        ident, seq = struct.unpack_from("!4xHH", header)
        if header[0] not in _ECHO:
            return {"icmp_type": header[0]}
        return {"icmp_type": header[0], "icmp_id": ident, "icmp_seq": seq, "payload": header[8:]}
    if proto == _TCP and len(header) >= 16:
        sport, dport, seq, ack, offset, flags = struct.unpack_from("!HHIIBB", header)
        payload = header[(offset >> 4) * 4 :]
        return {
            "sport": sport, "dport": dport, "tcp_seq": seq, "tcp_ack": ack, "tcp_flags": flags, "payload": payload,
        }  # fmt: skip
    if proto == _UDP and len(header) >= 8:
        sport, dport = struct.unpack_from("!HH", header)
        vni = None
        if len(header) >= 16 and header[8] & _VXLAN_I and not any(header[9:12]):
            vni = int.from_bytes(header[12:15], "big")
        return {"sport": sport, "dport": dport, "payload": header[8:], "vni": vni}
    return {}


def packet(data: bytes) -> dict[str, object]:
    """Return the fields of an IP packet from its first byte."""
    fields, length = network(data)
    if length and not fields.get("fragment"):
        fields.update(transport(data[length:], fields["proto"]))
    return fields


def inner(payload: bytes) -> TracedPacket | None:
    """Return the packet in the payload of a VXLAN datagram, where enough of it is there."""
    fields = packet(payload[8 + ETH_HLEN :])
    return TracedPacket(**fields) if fields else None  # type: ignore[arg-type]
