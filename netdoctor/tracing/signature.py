"""What tells the probe and its answer from all other packets, whatever NAT makes of them, as bytes at their offsets.

NAT changes addresses, ports and the id of an echo; what the probe carries behind them, it leaves alone. Only the answer
to a datagram carries nothing of the probe: it is known by its addresses and ports.
"""

from __future__ import annotations

from netdoctor.facts.links import Record
from netdoctor.facts.traced import Leg, TracedPacket

ICMP, TCP, UDP = 1, 6, 17
PROTOCOLS = {"icmp": ICMP, "tcp": TCP, "udp": UDP}
SYN, RST = 0x02, 0x04
#: From an outer UDP header to the transport header of the IPv4 packet inside: UDP, VXLAN, Ethernet, IPv4 (RFC 7348).
INSIDE = 8 + 8 + 14 + 20
_INNER_TYPE = 8 + 8 + 12
_INNER_PROTO = 8 + 8 + 14 + 9


class Bytes(Record, frozen=True):
    """Bytes at an offset from the transport header. With `any_of`, at least one of these bits of the byte is set."""

    offset: int
    value: bytes = b""
    any_of: int = 0

    def inside(self) -> Bytes:
        """The same in a packet that VXLAN carries."""
        return Bytes(self.offset + INSIDE, self.value, self.any_of)


class Alternative(Record, frozen=True):
    """One way in which a packet is the probe or its answer: all of it holds. Empty addresses are not asked for."""

    leg: Leg
    proto: int
    bytes: tuple[Bytes, ...]
    src: str = ""
    dst: str = ""

    def inside(self) -> Alternative:
        """The same in a packet that VXLAN carries."""
        head = (Bytes(_INNER_TYPE, b"\x08\x00"), Bytes(_INNER_PROTO, self.proto.to_bytes(1, "big")))
        return Alternative(self.leg, UDP, (*head, *(part.inside() for part in self.bytes)))


class Answer(Record, frozen=True):
    """A datagram that answers the probe, as it may look in one place of its way back."""

    src: str
    dst: str
    sport: int
    dport: int


class Signature(Record, frozen=True):
    """The marks of one probe.

    `token` is the begin of the payload of an echo or datagram, `ident` the id of the echoes, `isns` the initial
    sequence numbers of the connections; `answers` is what a datagram's answer may look like.
    """

    proto: int
    token: bytes = b""
    ident: int = 0
    isns: tuple[int, ...] = ()
    answers: tuple[Answer, ...] = ()

    def alternatives(self) -> tuple[Alternative, ...]:
        """All the ways in which a packet is the probe or its answer."""
        if self.proto == TCP:
            return tuple(way for isn in self.isns for way in _segment(isn))
        if self.proto == UDP:
            there = Alternative("request", UDP, (Bytes(8, self.token),))
            return (there, *(_datagram(answer) for answer in self.answers))
        marks: tuple[Bytes, ...] = (Bytes(8, self.token),) if self.token else ()
        if len(self.token) < 8:
            marks = (Bytes(4, self.ident.to_bytes(2, "big")), *marks)
        return (
            Alternative("request", ICMP, (Bytes(0, b"\x08"), *marks)),
            Alternative("reply", ICMP, (Bytes(0, b"\x00"), *marks)),
        )

    def leg(self, packet: TracedPacket) -> tuple[Leg, int] | None:
        """Return whether a packet is the probe or its answer, and the number that tells probes of one run apart."""
        if packet.proto != self.proto or packet.fragment:
            return None
        if self.proto == TCP:
            return self._segment_leg(packet)
        if self.proto == UDP:
            # An answer may echo the token.
            if Answer(packet.src, packet.dst, packet.sport or 0, packet.dport or 0) in self.answers:
                return "reply", 0
            return ("request", 0) if self.token and packet.payload.startswith(self.token) else None
        if packet.icmp_type not in (0, 8) or packet.icmp_seq is None:
            return None
        if len(self.token) < 8 and packet.icmp_id != self.ident:
            return None
        if not packet.payload.startswith(self.token):
            return None
        return ("request" if packet.icmp_type == 8 else "reply"), packet.icmp_seq

    def _segment_leg(self, packet: TracedPacket) -> tuple[Leg, int] | None:
        flags = packet.tcp_flags or 0
        if packet.tcp_seq in self.isns and flags & SYN:
            return "request", self.isns.index(packet.tcp_seq)
        asked = [(isn + 1) & 0xFFFFFFFF for isn in self.isns]
        if packet.tcp_ack in asked and flags & (SYN | RST):
            return "reply", asked.index(packet.tcp_ack)
        return None


def _segment(isn: int) -> tuple[Alternative, Alternative]:
    """The SYN, and what answers it: a SYN-ACK or a reset."""
    syn = Alternative("request", TCP, (Bytes(4, isn.to_bytes(4, "big")), Bytes(13, any_of=SYN)))
    acknowledged = ((isn + 1) & 0xFFFFFFFF).to_bytes(4, "big")
    return syn, Alternative("reply", TCP, (Bytes(8, acknowledged), Bytes(13, any_of=SYN | RST)))


def _datagram(answer: Answer) -> Alternative:
    ports = answer.sport.to_bytes(2, "big") + answer.dport.to_bytes(2, "big")
    return Alternative("reply", UDP, (Bytes(0, ports),), answer.src, answer.dst)
