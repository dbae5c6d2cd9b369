"""A daemon that does what flanneld's udp backend does: a program of its own, with the standard library alone.

`tunneld.py tunnel DEVICE ADDRESS:PORT PREFIX=ADDRESS…` opens a TUN device and a UDP socket. A packet that comes out of
the device is sent, in a datagram, to the node whose prefix it is for; what comes in a datagram is written to the
device. Each way costs it one of its TTL (flannel: dist/udp/proxy_amd64.c).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import struct
import sys
from ipaddress import IPv4Network, ip_address

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
_LONGEST = 65535

#: Prefix, its mask, and where to send what it covers.
Way = tuple[int, int, tuple[str, int]]


def check(words: list[str]) -> None:
    """Raise ValueError where `words` are not DEVICE ADDRESS:PORT PREFIX=ADDRESS…."""
    if len(words) < 3 or not 0 < len(words[0]) < 16:
        raise ValueError("tunnel takes DEVICE, ADDRESS:PORT and PREFIX=ADDRESS…")
    parse(words[1], words[2:])


def parse(where: str, prefixes: list[str]) -> tuple[tuple[str, int], list[Way]]:
    """Return the address and port of the socket, and the table. Raises ValueError."""
    address, _, port = where.rpartition(":")
    ways: list[Way] = []
    for each in prefixes:
        prefix, equals, peer = each.partition("=")
        if not equals:
            raise ValueError(f"not of the form PREFIX=ADDRESS: {each!r}")
        network = IPv4Network(prefix)
        ways.append((int(network.network_address), int(network.netmask), (str(ip_address(peer)), int(port))))
    return (str(ip_address(address)), int(port)), ways


def opened(name: str) -> int:
    """Open the device. Raises OSError."""
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TUN | IFF_NO_PI))
    return device


def aged(packet: bytes) -> bytes | None:
    """Return an IPv4 packet with a TTL one less and its checksum mended (RFC 1624), or None where it is no more."""
    if len(packet) < 20 or packet[0] >> 4 != 4 or packet[8] <= 1:
        return None
    total = int.from_bytes(packet[10:12], "big") + 0x100
    summed = ((total & 0xFFFF) + (total >> 16)).to_bytes(2, "big")
    return packet[:8] + bytes((packet[8] - 1,)) + packet[9:10] + summed + packet[12:]


def forward(device: int, own: socket.socket, ways: list[Way]) -> None:
    """Pass packets on between device and socket, for ever."""
    while True:
        ready, _, _ = select.select([device, own.fileno()], [], [])
        with contextlib.suppress(OSError):
            if device in ready and (packet := aged(os.read(device, _LONGEST))) is not None:
                destination = int.from_bytes(packet[16:20], "big")
                for prefix, mask, peer in ways:
                    if destination & mask == prefix:
                        own.sendto(packet, peer)
                        break
        with contextlib.suppress(OSError):
            if own.fileno() in ready and (packet := aged(own.recv(_LONGEST))) is not None:
                os.write(device, packet)


def main(words: list[str]) -> None:
    """Open device and socket, tell so on stdout, and pass packets on."""
    where, ways = parse(words[1], words[2:])
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(where)
    device = opened(words[0])
    print("tunnel", flush=True)
    forward(device, own, ways)


if __name__ == "__main__":
    main(sys.argv[2:])
