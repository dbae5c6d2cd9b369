"""What the twin moves: frames, the ARP messages and IP packets in them, and the flow each belongs to."""

from __future__ import annotations

from typing import Literal

from msgspec.structs import replace

from netdoctor.facts.links import Record

BROADCAST = "ff:ff:ff:ff:ff:ff"
ZERO_MAC = "00:00:00:00:00:00"
ETH_HLEN = 14
VLAN_HLEN = 4
IP_HLEN = 20
ICMP_HLEN = 8
#: Outer IPv4, UDP, VXLAN and the inner Ethernet header: what VXLAN adds to an inner IP packet.
VXLAN_HEADROOM = 50

IPPROTO_ICMP = 1
IPPROTO_TCP = 6
IPPROTO_UDP = 17
IPPROTO_IPIP = 4
IPPROTO_GRE = 47

Leg = Literal["request", "reply"]


class Place(Record, frozen=True):
    """A device: the inode of its namespace and its ifindex there."""

    inode: int
    ifindex: int


class Asker(Record, frozen=True):
    """Who resolves which address: the namespace and device that ask, and the address asked for."""

    inode: int
    ifindex: int
    address: str


class Flow(Record, frozen=True):
    """Which part of the conversation a frame belongs to: the echo of a leg, or a neighbour resolution made for it."""

    leg: Leg
    asker: Asker | None = None

    @property
    def arp(self) -> bool:
        """A neighbour resolution, not the echo itself."""
        return self.asker is not None


class CtRef(Record, frozen=True):
    """A packet's place in the conntrack table of the namespace that it is in: entry (-1: none), direction, state."""

    entry: int
    replying: bool
    state: str


class Arp(Record, frozen=True):
    """An ARP message (RFC 826): addresses as text."""

    flow: Flow
    request: bool
    sip: str
    tip: str
    sha: str
    tha: str = ZERO_MAC

    @property
    def length(self) -> int:
        """Bytes after the Ethernet header."""
        return 28


class IcmpError(Record, frozen=True):
    """What an ICMP error says, and the packet that it is about, as whoever sent the error saw it."""

    type: int
    code: int
    proto: int
    src: str
    dst: str
    sport: int
    dport: int


class Ip(Record, frozen=True):
    """An IPv4 packet. `size` is the datagram's length in bytes, `length` that of its largest fragment.

    `inner` is set on a tunnel's outer packet, and `tunnel` says which kind of device it is for; `vni` is that of VXLAN
    and geneve, `key` that of GRE, `keys` are the public ones of WireGuard's sender and receiver. A tunnel for IP
    carries a frame without lladdrs.
    `echo` tells a request from a reply; `mark` is the skb's
    mark, which does not leave the namespace; `tos` is the whole byte, DSCP and ECN.
    `ephemeral` is the port that stands for one the kernel will pick, with the first and last it picks from.
    `owner` are user and group of the socket that sent it (the group None where not known); the kernel's own have none.
    `rerouted` is the mark by which an OUTPUT chain had it routed anew. `error` makes it an ICMP error.
    """

    flow: Flow
    src: str
    dst: str
    ttl: int
    length: int
    proto: int = IPPROTO_ICMP
    echo: Literal["request", "reply"] | None = "request"
    df: bool = False
    mark: int = 0
    dport: int = 0
    vni: int | None = None
    gbp: int = 0
    inner: Frame | None = None
    tunnel: str = ""
    key: int | None = None
    keys: tuple[str, str] | None = None
    size: int = 0
    sport: int = 0
    flags: int = 0
    prerouted: bool = False
    physin: str | None = None
    macs: tuple[str, str] | None = None
    ct: CtRef | None = None
    zone: int = 0
    rerouted: int | None = None
    tos: int = 0
    ephemeral: tuple[int, int, int] | None = None
    owner: tuple[int, int | None] | None = None
    error: IcmpError | None = None

    @property
    def dscp(self) -> int:
        """The bits of `tos` that routing compares (INET_DSCP_MASK)."""
        return self.tos & 0xFC


PacketType = Literal["unicast", "broadcast", "multicast", "other"]


class Frame(Record, frozen=True):
    """An Ethernet frame. `vlan` is the VLAN of its outermost tag, None where it is untagged.

    `tpid` is that tag's EtherType; `stack` are VLAN and EtherType of the tags within it, outermost first.
    `pkttype` is the skb's packet type, as the device that took it in says: unicast is to that device (or is what this
    namespace sends, whomever to), other is somebody else's.
    """

    src: str
    dst: str
    payload: Arp | Ip
    vlan: int | None = None
    pkttype: PacketType = "unicast"
    tpid: int = 0x8100
    stack: tuple[tuple[int, int], ...] = ()

    @property
    def flow(self) -> Flow:
        """The flow of what it carries."""
        return self.payload.flow

    @property
    def multicast(self) -> bool:
        """Group bit of the destination (broadcast included)."""
        return is_group(self.dst)


def tagged(frame: Frame, vlan: int, tpid: int) -> Frame:
    """The frame with one more tag around it."""
    within = ((frame.vlan, frame.tpid),) if frame.vlan is not None else ()
    return replace(frame, vlan=vlan, tpid=tpid, stack=within + frame.stack)


def untagged(frame: Frame) -> Frame:
    """The frame without its outermost tag."""
    if not frame.stack:
        return replace(frame, vlan=None, tpid=0x8100)
    (vlan, tpid), *rest = frame.stack
    return replace(frame, vlan=vlan, tpid=tpid, stack=tuple(rest))


def arriving(frame: Frame, own: str | None) -> Frame:
    """eth_type_trans(): the frame with the packet type that it has for a device of that lladdr."""
    kind: PacketType = "unicast" if frame.dst == own else "other"
    if frame.multicast:
        kind = "broadcast" if frame.dst == BROADCAST else "multicast"
    return frame if kind == frame.pkttype else replace(frame, pkttype=kind)


def is_group(lladdr: str) -> bool:
    """The group bit of an lladdr: multicast or broadcast."""
    return bool(int(lladdr[:2] or "0", 16) & 1)


def is_multicast(address: str) -> bool:
    """224.0.0.0/4."""
    return ":" not in address and 224 <= int(address.split(".", 1)[0]) <= 239


def is_loopback(address: str) -> bool:
    """127.0.0.0/8."""
    return address.startswith("127.")


def is_zeronet(address: str) -> bool:
    """0.0.0.0/8."""
    return address.startswith("0.")


def multicast_mac(address: str) -> str:
    """Map a group address to its Ethernet address (RFC 1112, section 6.4)."""
    octets = [int(part) for part in address.split(".")]
    return f"01:00:5e:{octets[1] & 0x7F:02x}:{octets[2]:02x}:{octets[3]:02x}"
