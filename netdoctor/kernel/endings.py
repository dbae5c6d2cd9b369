"""Every way a packet can end: the glossary of the twin.

The set is closed. An ending is a record of the facts that decided it; what it means to a person is the business of the
checks. `flow` says which part of the conversation ended, `at` the device where, `step` the last step walked.
"""

from __future__ import annotations

from netdoctor.facts.links import Record
from netdoctor.facts.records import FdbEntry, Route, Rule
from netdoctor.facts.sockets import Socket
from netdoctor.kernel.packet import Arp, Asker, Flow, Frame, Ip, Place


class Ending(Record, frozen=True):
    """The base: where and for which flow. `quiet` endings are copies that nobody expected to arrive."""

    flow: Flow
    at: Place
    step: int


class Answered(Ending, frozen=True):
    """The echo reply reached the namespace that asked."""


class NoAddress(Ending, frozen=True):
    """The endpoint has no address of that family, so there is nothing to send to (or from)."""

    family: int


class NoRoute(Ending, frozen=True):
    """The FIB has no entry (ENETUNREACH; without `tables` the asked-for source is not this namespace's own).

    `forwarding` tells the hop from the sender; `tables` are those searched; `route` or `rule` is what rejected.
    """

    destination: str
    source: str | None
    error: str
    forwarding: bool
    tables: tuple[int, ...] = ()
    route: Route | None = None
    rule: Rule | None = None
    packet: Ip | None = None


class LinkDown(Ending, frozen=True):
    """The device that should send or receive is administratively down."""

    frame: Frame | None = None


class NoCarrier(Ending, frozen=True):
    """The device is up without carrier; its queue discards (noop_qdisc). `peer` is the other end of its pair."""

    peer: Place | None = None


class NeighbourUnresolved(Ending, frozen=True):
    """No answer to the ARP requests; the packet queue is discarded and EHOSTUNREACH reported."""

    asker: Asker
    packet: Ip
    probes_off: bool = False


class NotForMe(Ending, frozen=True):
    """The frame's destination is another lladdr: PACKET_OTHERHOST, dropped above layer 2."""

    frame: Frame


class NotForwardedByBridge(Ending, frozen=True):
    """The bridge does not pass the frame to or from `at`.

    `why` is one of state, isolated, locked, unicast-flood, multicast-flood, broadcast-flood, same-port, vlan-ingress,
    vlan-egress, local-entry, proxyarp, no-port. `entry` is the FDB entry that decided, `vid` the VLAN.
    """

    why: str
    bridge: Place
    frame: Frame
    ingress: Place | None = None
    entry: FdbEntry | None = None
    vid: int = 0


class TooBig(Ending, frozen=True):
    """A frame larger than the MTU of the device that must take it; nobody is told (is_skb_forwardable())."""

    mtu: int
    length: int


class FragNeeded(Ending, frozen=True):
    """A packet larger than the MTU of its route with DF set; ICMP 3/4 goes back (or EMSGSIZE for the sender)."""

    mtu: int
    packet: Ip


class ForwardingOff(Ending, frozen=True):
    """The packet is for another namespace and forwarding is off on the device it came in by."""

    packet: Ip


class ReversePath(Ending, frozen=True):
    """rp_filter: the route back to the source does not use the device (`mode` 1), or there is none (2).

    `arp` tells an ARP request that is not answered from an IP packet that is dropped.
    """

    source: str
    mode: int
    route: Route | None
    arp: bool
    mark: int = 0


class MartianSource(Ending, frozen=True):
    """The packet came from outside with a source that is this namespace's own (or broadcast) address."""

    source: str
    arp: bool


class MartianAddress(Ending, frozen=True):
    """An address that may not stand there: loopback without route_localnet, zero, or multicast source."""

    address: str


class TtlExceeded(Ending, frozen=True):
    """The TTL ran out in a forwarding namespace."""

    packet: Ip


class DeliveredElsewhere(Ending, frozen=True):
    """The packet was delivered locally where nobody waits for it. `broadcast` as a subnet broadcast."""

    packet: Ip
    broadcast: bool = False


class AnswerFromAnother(Ending, frozen=True):
    """The answer arrived from another than was asked, or at another address or port than asked: no socket knows it.

    TCP answers with a RST, UDP with port unreachable.
    """

    packet: Ip
    asked: str


class EchoIgnored(Ending, frozen=True):
    """icmp_echo_ignore_all (or _broadcasts) swallows the request."""

    sysctl: str


class ArpNotAnswered(Ending, frozen=True):
    """An ARP request arrived and nobody here answers it.

    `why` is one of not-owner, arp_ignore, arp_filter, noarp, no-route, forwarding-off, no-proxy, same-device, martian,
    proxy-no-neighbour.
    """

    why: str
    address: str
    sender: str


class NoVtep(Ending, frozen=True):
    """The VXLAN device knows no remote for the lladdr, and has no default entry."""

    lladdr: str
    frame: Frame


class VxlanRefused(Ending, frozen=True):
    """The receiving VTEP drops the packet.

    `why` is one of port-closed, vni, own-lladdr, learning-conflict, device-down, gbp. `packet` is the outer one.
    """

    why: str
    packet: Ip
    entry: FdbEntry | None = None


class VxlanNotSent(Ending, frozen=True):
    """The VXLAN device could not send the outer packet: loop, local-address, self, down, remote-any, multicast."""

    why: str
    remote: str
    inner: Frame | None = None
    entry: FdbEntry | None = None


class TunnelNotSent(Ending, frozen=True):
    """A tunnel for IP (or GRE) could not send the outer packet.

    `why` is one of no-route, local-address, loop, no-remote, protocol. `packet` is the inner one.
    """

    why: str
    remote: str
    inner: Frame


class TunnelRefused(Ending, frozen=True):
    """An outer packet came to a namespace where no tunnel takes it.

    `why` is one of no-device (none fits its addresses and key), down (the one that fits is down), flags (the one that
    fits wants checksums or sequence numbers), protocol, own-lladdr. `packet` is the outer one, `device` the
    tunnel that fits.
    """

    why: str
    packet: Ip
    device: Place | None = None


class WgNotSent(Ending, frozen=True):
    """WireGuard has nobody to send to: `why` is no-peer (no allowed IPs cover `address`) or no-endpoint (of `peer`)."""

    why: str
    address: str
    peer: str | None
    inner: Frame


class WgRefused(Ending, frozen=True):
    """A WireGuard packet came to a namespace and is not taken.

    `why` is one of port-closed, down, key (it is for another private key), unknown-peer, source (not among the sender's
    allowed IPs). `device` is the one that has the port.
    """

    why: str
    packet: Ip
    device: Place | None = None


class MacvlanKept(Ending, frozen=True):
    """macvlan hands the frame to no child: mode (private, vepa, source, passthru) or nobody there has the lladdr."""

    why: str
    frame: Frame


class IpvlanKept(Ending, frozen=True):
    """ipvlan hands the frame to nobody: `why` is private (siblings), or multicast (modes L3 and L3S send no group)."""

    why: str
    frame: Frame


class BondKept(Ending, frozen=True):
    """A bond has no slave that may send (no-active-slave), or an inactive slave took the frame in (inactive-slave)."""

    why: str
    frame: Frame


class Swallowed(Ending, frozen=True):
    """A dummy device discards whatever is sent through it, and so does an ifb what nobody redirected to it."""


class Looped(Ending, frozen=True):
    """The same frame came by here before: a layer-2 loop."""

    frame: Frame


class LeavesHost(Ending, frozen=True):
    """The frame leaves what is visible: a NIC, or a pair whose other end no known namespace holds."""

    frame: Frame
    why: str = "nic"


class RuleDropped(Ending, frozen=True):
    """A rule, or (`number` None) the policy of a base chain, drops the packet; `reject` is the answer it sends, if any.

    `before` are the rules that led there, outermost first, as (chain, number, text). `bridged` tells a bridge's frame,
    `later` that it is a further fragment: the first one goes on.
    """

    hook: str
    backend: str
    family: str
    table: str
    chain: str
    number: int | None
    text: str
    packet: Ip | Arp
    reject: str | None = None
    before: tuple[tuple[str, int | None, str], ...] = ()
    bridged: bool = False
    state: str = ""
    later: bool = False


class TableFull(Ending, frozen=True):
    """Connection tracking takes no new connection: the table holds `count` entries, and `limit` is the most."""

    packet: Ip
    count: int
    limit: int


class NotListening(Ending, frozen=True):
    """No socket takes the packet: a TCP sender gets a RST, a UDP sender ICMP port unreachable.

    `near` are sockets on that port that do not take it (bound elsewhere, IPv6 only); `full` one whose backlog is full,
    which lets the SYN vanish.
    """

    proto: str
    port: int
    packet: Ip
    near: tuple[Socket, ...] = ()
    full: Socket | None = None


class NotModelled(Ending, frozen=True):
    """A device or state that the twin does not know: the honest unknown. `why` says more where the packet stays."""

    what: str
    why: str = ""


class ObservedLoss(Ending, frozen=True):
    """A real packet was lost where the walk foresaw no loss. `out` tells whether it left or entered the device there.

    `out` is None where no device saw it at all. `reason` and `function` are the kernel's word for the drop, `refused`
    what the sender was told (an errno's name).
    """

    out: bool | None = None
    reason: str | None = None
    function: str | None = None
    refused: str | None = None


class Undecided(Record, frozen=True):
    """Something on the way that is not modelled and may drop the packet; the walk went on as if it did not.

    `command` shows it, inside the namespace of `at`; `device` tells what hangs on the device from what is the
    namespace's.
    """

    at: Place
    what: str
    command: tuple[str, ...]
    device: bool
