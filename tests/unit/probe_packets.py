"""Packets as scapy builds them, for the tests of filters and of the recogniser: written by other hands than ours."""

from __future__ import annotations

import ctypes
import random
import socket
import struct
from typing import Any

from netdoctor.kernel.conversation import Ping
from netdoctor.probe.bpf import program
from netdoctor.probe.mark import Mark
from netdoctor.probe.message import echo
from netdoctor.probe.pattern import Sought, alternatives

MARK = Mark(b"\x01token\xfe\xff", 0xBEEF, 700, (0xFFFFFFFF, 7, 0x80000000))
SIZES = {"icmp": 56, "tcp": 0, "udp": 56}


def layers() -> Any:
    """scapy's own layers, imported as the probe imports scapy: without a cache."""
    echo(MARK, 0, 56)
    import scapy.layers.inet
    import scapy.layers.inet6
    import scapy.layers.vxlan

    names = {**vars(scapy.layers.inet6), **vars(scapy.layers.vxlan), **vars(scapy.layers.inet)}
    return type("Layers", (), names)


def sought(
    proto: str, size: int | None = None, six: bool = False, vxlan: tuple[int, ...] = (4789,)
) -> Sought:
    address = "2001:db8::2" if six else "10.0.0.2"
    ping = Ping(
        1,
        address,
        size=SIZES[proto] if size is None else size,
        proto=proto,
        port=80 if proto != "icmp" else 0,
    )
    return Sought(ping, MARK, 40001 if proto == "udp" else 0, (80, 8080) if proto == "udp" else (), vxlan)


def request(
    s: Any, what: Sought, number: int = 0, sport: int = 40001, dport: int = 80, ident: int = 0xBEEF
) -> Any:
    """The transport header and payload of probe `number`."""
    payload = MARK.payload(what.ping.size)
    if what.ping.proto == "tcp":
        return s.TCP(sport=sport, dport=dport, flags="S", seq=MARK.isns[number])
    if what.ping.proto == "udp":
        return s.UDP(sport=sport, dport=dport) / payload
    if what.six:
        return s.ICMPv6EchoRequest(id=ident, seq=700 + number, data=payload)
    return s.ICMP(type=8, id=ident, seq=700 + number) / payload


def answer(
    s: Any, what: Sought, number: int = 0, sport: int = 80, dport: int = 40001, ident: int = 0xBEEF
) -> Any:
    """The transport header and payload of its answer; a datagram's holds nothing of ours."""
    payload = MARK.payload(what.ping.size)
    if what.ping.proto == "tcp":
        return s.TCP(sport=sport, dport=dport, flags="SA", seq=99, ack=(MARK.isns[number] + 1) % 2**32)
    if what.ping.proto == "udp":
        return s.UDP(sport=sport, dport=dport) / b"an answer of its own"
    if what.six:
        return s.ICMPv6EchoReply(id=ident, seq=700 + number, data=payload)
    return s.ICMP(type=0, id=ident, seq=700 + number) / payload


def ip(s: Any, what: Sought, src: str = "", dst: str = "") -> Any:
    """The IP header around it."""
    if what.six:
        return s.IPv6(src=src or "2001:db8::1", dst=dst or "2001:db8::2")
    return s.IP(src=src or "10.0.0.1", dst=dst or "10.0.0.2")


def tunnelled(s: Any, inner: Any, port: int = 4789) -> Any:
    """A VXLAN packet around an IP packet."""
    outer = s.IP(src="192.168.0.1", dst="192.168.0.2") / s.UDP(sport=55555, dport=port, chksum=0)
    return outer / s.VXLAN(vni=7, flags=8) / s.Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / inner


class Filter:
    """The program of a tap, attached to a socket of this process: the kernel runs it, and no privilege is needed."""

    def __init__(self, what: Sought) -> None:
        self._in, self._out = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._in.setblocking(False)
        code = program(alternatives(what), 256)
        buffer = ctypes.create_string_buffer(code, len(code))
        attached = struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer))
        self._in.setsockopt(socket.SOL_SOCKET, 26, attached)

    def __enter__(self) -> Filter:
        return self

    def __exit__(self, *_: object) -> None:
        self._in.close()
        self._out.close()

    def takes(self, data: bytes) -> bool:
        """Whether the kernel lets the packet through."""
        try:
            self._out.send(data)
        except PermissionError:
            return False  # unix(7): the filter of the receiver refuses it
        try:
            return bool(self._in.recv(4096))
        except BlockingIOError:
            return False


def noise(count: int, seed: int) -> list[bytes]:
    """Packets of nobody: random ones, and random changes of nothing in particular."""
    randomness = random.Random(seed)
    return [randomness.randbytes(randomness.randrange(0, 200)) for _ in range(count)]
