"""What a probe looks like on the wire: the conditions that a tap's filter puts to a packet.

Offsets count from the network header, where a packet socket of type SOCK_DGRAM begins on every kind of device (net/
packet/af_packet.c packet_rcv()). Neither our probes nor the answers carry IP options, so every offset is fixed.
NAT may change addresses, ports and an echo's id; the token in the payload and TCP's sequence numbers stay.
"""

from __future__ import annotations

from collections.abc import Iterable

from netdoctor.facts.links import Record
from netdoctor.kernel.conversation import Ping
from netdoctor.probe.bpf import Alternative, Equal
from netdoctor.probe.mark import MOST, TOKEN, Mark

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
ECHOES = {ICMP: (8, 0), ICMP6: (128, 129)}
#: ICMP messages that quote the packet they are about: RFC 792; RFC 4443.
ERRORS = {ICMP: (3, 4, 5, 11, 12), ICMP6: (1, 2, 3, 4)}
SYN, RST = 0x02, 0x04
#: UDP, VXLAN (RFC 7348) and the inner Ethernet header.
VXLAN = 8 + 8 + 14
#: A tunnel in a tunnel is looked into, a third one is not.
DEEPEST = 2


class Sought(Record, frozen=True):
    """What the taps look for: the probe's marks and the ports by which it is known without them.

    `sport` is that of a datagram, 0 for others; `ports` are those to which it may be sent on its way, `vxlan` the UDP
    ports of tunnels.
    """

    ping: Ping
    mark: Mark
    sport: int = 0
    ports: tuple[int, ...] = ()
    vxlan: tuple[int, ...] = ()

    @property
    def six(self) -> bool:
        """Whether the probe is an IPv6 packet."""
        return ":" in self.ping.address

    @property
    def marked(self) -> bool:
        """Whether the payload has room for the token."""
        return self.ping.size >= TOKEN

    @property
    def heads(self) -> tuple[int, ...]:
        """Id and sequence number of the echoes, as the four bytes that they are."""
        return tuple(self.mark.ident << 16 | self.mark.sequence(number) for number in range(MOST))

    @property
    def acknowledged(self) -> tuple[int, ...]:
        """What a SYN-ACK or RST to each of the SYNs acknowledges (RFC 9293, 3.4)."""
        return tuple((isn + 1) & 0xFFFFFFFF for isn in self.mark.isns)


def alternatives(sought: Sought) -> list[Alternative]:
    """Return all forms in which the probe, its answer or an error about it may come by, tunnels included."""
    found: list[Alternative] = []
    for start, outside in _starts(sought):
        head = (*outside, *_header(start, sought.six))
        above = start + (40 if sought.six else 20)
        found += [(*head, *tests) for tests in _packets(sought, start, above)]
    return found


def _starts(sought: Sought) -> Iterable[tuple[int, Alternative]]:
    """Where the network header of the probe may begin, with what must stand before it."""
    layers: list[tuple[int, Alternative]] = [(0, ())]
    yield from layers
    ethertype = 0x86DD if sought.six else 0x0800
    for _ in range(DEEPEST if sought.vxlan else 0):
        outer, layers = layers, []
        for start, outside in outer:
            for six in (False, True):
                udp = start + (40 if six else 20)
                tunnel = (
                    *_header(start, six),
                    _protocol(start, six, UDP),
                    Equal(2, udp + 2, sought.vxlan),
                )
                yield udp + VXLAN, (*outside, *tunnel, Equal(2, udp + VXLAN - 2, (ethertype,)))
                if not six:  # what carries a tunnel in a tunnel is IPv4
                    layers.append((udp + VXLAN, (*outside, *tunnel, Equal(2, udp + VXLAN - 2, (0x0800,)))))


def _header(start: int, six: bool) -> Alternative:
    """An IP header without options; of a fragmented packet the first fragment, which has the marks."""
    if six:
        return (Equal(1, start, (0x60,), 0xF0),)
    return (Equal(1, start, (0x45,)), Equal(2, start + 6, (0,), 0x1FFF))


def _protocol(start: int, six: bool, number: int) -> Equal:
    return Equal(1, start + (6 if six else 9), (number,))


def _packets(sought: Sought, start: int, above: int) -> Iterable[Alternative]:
    proto = {"tcp": TCP, "udp": UDP, "icmp": ICMP6 if sought.six else ICMP}[sought.ping.proto]
    this = _protocol(start, sought.six, proto)
    for tests in _transports(sought, above):
        yield (this, *tests)
    icmp = ICMP6 if sought.six else ICMP
    inner = above + 8
    error = (_protocol(start, sought.six, icmp), Equal(1, above, ERRORS[icmp]))
    quoted = (*_header(inner, sought.six), _protocol(inner, sought.six, proto))
    for tests in _quoted(sought, inner + (40 if sought.six else 20)):
        yield (*error, *quoted, *tests)


def _transports(sought: Sought, at: int) -> Iterable[Alternative]:
    """The probe and its answer from the transport header on."""
    if sought.ping.proto == "icmp":
        echo = Equal(1, at, ECHOES[ICMP6 if sought.six else ICMP])
        yield (echo, *_token(sought, at)) if sought.marked else (echo, Equal(4, at + 4, sought.heads))
    elif sought.ping.proto == "tcp":
        yield (Equal(4, at + 4, sought.mark.isns), Equal(1, at + 13, (SYN,), SYN))
        answer = sought.acknowledged
        yield (Equal(4, at + 8, answer), Equal(1, at + 13, (SYN,), SYN))
        yield (Equal(4, at + 8, answer), Equal(1, at + 13, (RST,), RST))
    else:
        if sought.marked:
            yield _token(sought, at)
        # An answer need not repeat the token: by its ports it is known, held against the datagrams seen.
        yield (Equal(2, at, (sought.sport, *sought.ports)),)
        yield (Equal(2, at + 2, (sought.sport,)),)


def _quoted(sought: Sought, at: int) -> Iterable[Alternative]:
    """The probe as an ICMP error quotes it: its first eight bytes at least."""
    if sought.ping.proto == "icmp":
        yield (Equal(4, at + 4, sought.heads),)
    elif sought.ping.proto == "tcp":
        yield (Equal(4, at + 4, sought.mark.isns),)
    else:
        yield (Equal(2, at, (sought.sport,)),)
    if sought.ping.proto != "tcp" and sought.marked:
        yield _token(sought, at)


def _token(sought: Sought, at: int) -> Alternative:
    token = sought.mark.token
    return tuple(
        Equal(4, at + 8 + offset, (int.from_bytes(token[offset : offset + 4], "big"),)) for offset in (0, 4)
    )
