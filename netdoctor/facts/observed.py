"""What was observed of real packets: facts with a time. Nothing here says what it means."""

from __future__ import annotations

from typing import Literal

from netdoctor.facts.host import Missing
from netdoctor.facts.links import Record

#: The probe; what its receiver answers (a TCP RST is `refusal`); an ICMP error about it.
Kind = Literal["request", "answer", "refusal", "error"]


class Sighting(Record, frozen=True):
    """One packet at one device. `time` is in nanoseconds of the kernel's clock, the same for all namespaces.

    `number` is the probe's, counted from 0, or -1 where the packet does not tell. `out` is the direction. `stray` marks
    a frame whose lladdr is not the device's (PACKET_OTHERHOST). `tunnel` tells that it was inside a VXLAN packet.
    `source` and `destination` are the addresses of the packet itself, not of what carries or what it quotes.
    """

    time: int
    inode: int
    ifindex: int
    out: bool
    kind: Kind
    number: int
    source: str
    destination: str
    stray: bool = False
    tunnel: bool = False
    detail: str = ""


class LinkLayer(Record, frozen=True):
    """What the kernel tells of a packet below its network header (struct sockaddr_ll, packet(7)).

    `ethertype` as in an Ethernet header, `arptype` the device's (ARPHRD_…), `kind` a packet type (PACKET_…), `lladdr`
    the sender's.
    """

    ethertype: int
    arptype: int
    kind: int
    lladdr: bytes


class Packet(Record, frozen=True):
    """A packet of the probe as a tap caught it: where it was seen, and its bytes from the network header on."""

    seen: Sighting
    link: LinkLayer
    data: bytes


class KernelDrop(Record, frozen=True):
    """The kernel's word for why it freed a packet of ours: enum skb_drop_reason, and the function that did it.

    `device` is the last device whose queue or receive path it was seen in, by name.
    """

    reason: str
    function: str
    device: str | None = None


class Observation(Record, frozen=True):
    """One run of probes. `began` is RFC 3339, `lasted` milliseconds.

    `refused` is what the socket was told, as an errno's name; `watched` are the namespaces that had a tap. `lost`
    counts packets that a tap had no room for.
    """

    began: str
    lasted: float
    sent: int
    answered: int
    refused: str | None
    sightings: tuple[Sighting, ...]
    watched: tuple[int, ...]
    drop: KernelDrop | None = None
    lost: int = 0
    missing: tuple[Missing, ...] = ()
