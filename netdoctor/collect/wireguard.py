"""WireGuard devices over generic netlink (include/uapi/linux/wireguard.h, genetlink.h). Secret keys are left alone."""

from __future__ import annotations

import socket
import struct
from base64 import b64encode
from ipaddress import ip_address

from msgspec.structs import replace

from netdoctor.collect.access import Access
from netdoctor.collect.nest import Nest
from netdoctor.collect.netlink import Conversation, attribute, each_attribute
from netdoctor.facts.wireguard import AllowedIp, WgPeer, WireGuard

NETLINK_GENERIC = 16
GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_ID, CTRL_ATTR_FAMILY_NAME = 16, 3, 1, 2
WG_CMD_GET_DEVICE = 0
WGDEVICE_A_IFINDEX, WGDEVICE_A_PUBLIC_KEY, WGDEVICE_A_LISTEN_PORT = 1, 4, 6
WGDEVICE_A_FWMARK, WGDEVICE_A_PEERS = 7, 8
WGPEER_A_PUBLIC_KEY, WGPEER_A_PRESHARED_KEY, WGPEER_A_ENDPOINT = 1, 2, 4
WGPEER_A_LAST_HANDSHAKE_TIME, WGPEER_A_ALLOWEDIPS = 6, 9
WGALLOWEDIP_A_IPADDR, WGALLOWEDIP_A_CIDR_MASK = 2, 3

_GENL = struct.Struct("=BBxx")
_ATTRIBUTES = 20  # netlink's header and generic netlink's


def read_wireguard(access: Access, ifindex: int) -> WireGuard:
    """Return one device of the namespace. Raises OSError: ENOENT without the module, EOPNOTSUPP for another kind."""
    conversation = access.run(lambda: Conversation(NETLINK_GENERIC))
    try:
        name = attribute(CTRL_ATTR_FAMILY_NAME, b"wireguard\0")
        family = Nest(conversation.get(GENL_ID_CTRL, _GENL.pack(CTRL_CMD_GETFAMILY, 1) + name), _ATTRIBUTES)
        asked = _GENL.pack(WG_CMD_GET_DEVICE, 1) + attribute(WGDEVICE_A_IFINDEX, struct.pack("=I", ifindex))
        messages = conversation.dump(family.number(CTRL_ATTR_FAMILY_ID) or 0, asked).messages()
    finally:
        conversation.close()
    return device(ifindex, messages)


def device(ifindex: int, messages: list[bytes]) -> WireGuard:
    """Decode a dump of one device: a peer with many prefixes goes on in the next message."""
    found = WireGuard(ifindex)
    peers: dict[str, WgPeer] = {}
    for message in messages:
        attrs = Nest(message, _ATTRIBUTES)
        if WGDEVICE_A_LISTEN_PORT in attrs:
            found = WireGuard(
                ifindex,
                _key(attrs.get(WGDEVICE_A_PUBLIC_KEY, b"")),
                attrs.number(WGDEVICE_A_LISTEN_PORT) or 0,
                attrs.number(WGDEVICE_A_FWMARK) or 0,
            )
        for _, nested in each_attribute(attrs.get(WGDEVICE_A_PEERS, b"")):
            peer = _peer(Nest(nested))
            if (known := peers.get(peer.public_key)) is not None:
                peer = replace(known, allowed=(*known.allowed, *peer.allowed))
            peers[peer.public_key] = peer
    return replace(found, peers=tuple(peers.values()))


def _peer(attrs: Nest) -> WgPeer:
    endpoint, port = _endpoint(attrs.get(WGPEER_A_ENDPOINT, b""))
    allowed = (Nest(nested) for _, nested in each_attribute(attrs.get(WGPEER_A_ALLOWEDIPS, b"")))
    return WgPeer(
        public_key=_key(attrs.get(WGPEER_A_PUBLIC_KEY, b"")) or "",
        endpoint=endpoint,
        port=port,
        allowed=tuple(
            AllowedIp(item.ip(WGALLOWEDIP_A_IPADDR) or "", item.number(WGALLOWEDIP_A_CIDR_MASK) or 0)
            for item in allowed
        ),
        shaken=any(attrs.get(WGPEER_A_LAST_HANDSHAKE_TIME, b"")),
        preshared=any(attrs.get(WGPEER_A_PRESHARED_KEY, b"")),
    )


def _key(value: bytes) -> str | None:
    return b64encode(value).decode() if value else None


def _endpoint(value: bytes) -> tuple[str | None, int]:
    """A struct sockaddr_in or sockaddr_in6."""
    if len(value) < 16:
        return None, 0
    family, port = struct.unpack_from("=H", value)[0], int.from_bytes(value[2:4], "big")
    return str(ip_address(value[4:8] if family == socket.AF_INET else value[8:24])), port
