"""What a tap has caught: the probe, its answer, a refusal, or an error about it. Bytes in, a word out.

The filter in the kernel has let through little else; this says which it is, and holds the answers to a datagram, which
carry no mark, against the datagrams seen before.
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from netdoctor.facts.links import Record
from netdoctor.facts.observed import Kind
from netdoctor.probe.mark import TOKEN
from netdoctor.probe.pattern import DEEPEST, ECHOES, ERRORS, RST, SYN, TCP, UDP, VXLAN, Sought

Ports = tuple[str, int, str, int]


class Packet(Record, frozen=True):
    """An IP packet cut open: addresses as text, protocol number, and what is above."""

    source: str
    destination: str
    proto: int
    above: bytes


class Caught(Record, frozen=True):
    """What a packet is; see `Sighting` for the fields."""

    kind: Kind
    number: int
    source: str
    destination: str
    tunnel: bool
    detail: str = ""


class Recogniser:
    """Tells what packets are; give it those of all taps in the order of their time."""

    def __init__(self, sought: Sought) -> None:
        self._sought = sought
        self._datagrams: set[Ports] = set()

    def recognise(self, data: bytes) -> Caught | None:
        """Return what `data`, from its network header on, is to this probe; None for other traffic."""
        for depth, packet in enumerate(_unpacked(data, self._sought.vxlan)):
            found = self._kind(packet)
            if found is not None:
                kind, number, detail = found
                return Caught(kind, number, packet.source, packet.destination, depth > 0, detail)
        return None

    def _kind(self, packet: Packet) -> tuple[Kind, int, str] | None:
        if packet.proto in ERRORS and packet.above[:1] and packet.above[0] in ERRORS[packet.proto]:
            quoted = _cut(packet.above[8:])
            number = None if quoted is None else self._mine(quoted)
            told = f"ICMP type {packet.above[0]} code {packet.above[1]} from {packet.source}"
            return None if number is None else ("error", number, told)
        if packet.proto == UDP and self._sought.ping.proto == "udp":
            return self._datagram(packet)
        if packet.proto == TCP and self._sought.ping.proto == "tcp" and len(packet.above) >= 20:
            return self._segment(packet)
        if packet.proto in ECHOES and self._sought.ping.proto == "icmp" and packet.above[:1]:
            number, (asks, answers) = self._mine(packet), ECHOES[packet.proto]
            kind: Kind | None = {asks: "request", answers: "answer"}.get(packet.above[0])  # type: ignore[assignment]
            return (kind, number, "") if kind is not None and number is not None else None
        return None

    def _mine(self, packet: Packet) -> int | None:
        """The number of the probe that this is (-1: one of them), None where it is none."""
        sought, above = self._sought, packet.above
        token = above[8 : 8 + TOKEN] == sought.mark.token and sought.marked
        if sought.ping.proto == "tcp":
            isn = int.from_bytes(above[4:8], "big")
            return sought.mark.isns.index(isn) if packet.proto == TCP and isn in sought.mark.isns else None
        if sought.ping.proto == "udp":
            return (
                -1
                if packet.proto == UDP and (token or above[:2] == sought.sport.to_bytes(2, "big"))
                else None
            )
        if packet.proto not in ECHOES:
            return None
        head = int.from_bytes(above[4:8], "big")
        if not token and (head not in sought.heads or sought.marked and len(above) >= 8 + TOKEN):
            return None
        return (head & 0xFFFF) - sought.mark.first

    def _segment(self, packet: Packet) -> tuple[Kind, int, str] | None:
        flags = packet.above[13]
        sequence = int.from_bytes(packet.above[4:8], "big")
        acknowledged = int.from_bytes(packet.above[8:12], "big")
        if flags & SYN and sequence in self._sought.mark.isns:
            return "request", self._sought.mark.isns.index(sequence), ""
        if flags & (SYN | RST) and acknowledged in self._sought.acknowledged:
            number = self._sought.acknowledged.index(acknowledged)
            return ("refusal" if flags & RST else "answer"), number, ""
        return None

    def _datagram(self, packet: Packet) -> tuple[Kind, int, str] | None:
        ports = int.from_bytes(packet.above[:2], "big"), int.from_bytes(packet.above[2:4], "big")
        back = packet.destination, ports[1], packet.source, ports[0]
        if back in self._datagrams:
            return "answer", -1, ""
        if self._mine(packet) is None:
            return None
        self._datagrams.add((packet.source, ports[0], packet.destination, ports[1]))
        return "request", -1, ""


def _unpacked(data: bytes, tunnels: tuple[int, ...]) -> Iterator[Packet]:
    """The packet, then what is inside it, if it is VXLAN's, and so on."""
    packet = _cut(data)
    for _ in range(DEEPEST + 1):
        if packet is None:
            return
        yield packet
        if packet.proto != UDP or int.from_bytes(packet.above[2:4], "big") not in tunnels:
            return
        packet = _cut(packet.above[VXLAN:])


def _cut(data: bytes) -> Packet | None:
    """Take an IP header off; None for what is none, and for all fragments but the first."""
    if len(data) >= 28 and data[0] == 0x45:
        if int.from_bytes(data[6:8], "big") & 0x1FFF:
            return None
        return Packet(str(ip_address(data[12:16])), str(ip_address(data[16:20])), data[9], data[20:])
    if len(data) >= 48 and data[0] >> 4 == 6:
        return Packet(str(ip_address(data[8:24])), str(ip_address(data[24:40])), data[6], data[40:])
    return None
