"""Blocks of addresses with a meaning of their own (RFC 6890, IEEE 802): kept whole, or permuted inside only."""

from __future__ import annotations

from ipaddress import ip_network

from netdoctor.redact.bits import Block


def _blocks(*networks: str) -> tuple[Block, ...]:
    found = []
    for text in networks:
        network = ip_network(text)
        width = network.max_prefixlen
        found.append((int(network.network_address) >> (width - network.prefixlen), network.prefixlen))
    return tuple(found)


#: This network, loopback, link-local, multicast, and what is a mask or the broadcast address; documentation.
V4_KEPT = _blocks(
    "0.0.0.0/8",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "128.0.0.0/32",
    "192.0.0.0/32",
)
#: Private, shared (RFC 6598) and benchmark addresses.
V4_CLASSES = _blocks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "198.18.0.0/15")

V6_KEPT = _blocks("::/127", "ff00::/9", "ff80::/9")
V6_CLASSES = _blocks("fe80::/64", "fc00::/8", "fd00::/8", "2000::/3", "64:ff9b::/96")


def _lladdr_block(text: str) -> Block:
    octets = bytes.fromhex(text.replace(":", ""))
    return int.from_bytes(octets), 8 * len(octets)


#: No address, broadcast and masks, and the groups of IPv4, IPv6 and IEEE 802.1.
LLADDR_KEPT = tuple(
    _lladdr_block(text)
    for text in ("00:00:00:00:00:00", "01:00:00:00:00:00", "ff", "01:00:5e", "33:33", "01:80:c2")
)
#: The first octet holds the multicast bit and the local bit.
LLADDR_CLASSES = tuple((octet, 8) for octet in range(256))
