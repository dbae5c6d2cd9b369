"""Facts about addresses, routes, rules, neighbours and forwarding databases.

Source: include/uapi/linux/{if_addr,rtnetlink,fib_rules,neighbour,nexthop,if_bridge}.h.
Addresses are text in their canonical form; a prefix is an address beside its length in bits.
"""

from __future__ import annotations

from netdoctor.facts.links import Record

AF_INET = 2
AF_INET6 = 10

IFA_F_SECONDARY = 0x01
IFA_F_DADFAILED = 0x08
IFA_F_TENTATIVE = 0x40

RT_TABLE_DEFAULT = 253
RT_TABLE_MAIN = 254
RT_TABLE_LOCAL = 255

RT_SCOPE_UNIVERSE = 0
RT_SCOPE_LINK = 253
RT_SCOPE_HOST = 254

RTNH_F_DEAD = 1
RTNH_F_ONLINK = 4
RTNH_F_LINKDOWN = 16

NTF_SELF = 0x02
NTF_MASTER = 0x04
NTF_PROXY = 0x08
NTF_EXT_LEARNED = 0x10
NTF_STICKY = 0x40
NTF_ROUTER = 0x80

#: States in which a neighbour entry is used as it is (NUD_VALID), and those in which it never changes by itself.
NUD_VALID = ("REACHABLE", "STALE", "DELAY", "PROBE", "PERMANENT", "NOARP")
NUD_FIXED = ("PERMANENT", "NOARP")


class Address(Record, frozen=True):
    """An address of an interface. `local` is its own, `address` the prefix's (on point-to-point, the peer's)."""

    ifindex: int
    family: int
    local: str
    prefixlen: int
    address: str | None = None
    broadcast: str | None = None
    scope: int = 0
    flags: int = 0
    label: str | None = None

    @property
    def secondary(self) -> bool:
        """An address that the kernel does not pick as a source for its subnet (IFA_F_SECONDARY)."""
        return bool(self.flags & IFA_F_SECONDARY)


class NextHop(Record, frozen=True):
    """One way out of a route: RTA_OIF and RTA_GATEWAY, or one leg of RTA_MULTIPATH. `weight` counts from 1.

    `encap` is RTA_ENCAP_TYPE: 0 for none, else a lightweight tunnel (LWTUNNEL_ENCAP_*) wraps the packet here.
    """

    oif: int | None = None
    gateway: str | None = None
    flags: int = 0
    weight: int = 1
    encap: int = 0


class Route(Record, frozen=True):
    """One FIB entry. `type` is iproute2's name: unicast, local, broadcast, blackhole, unreachable, prohibit, throw."""

    family: int
    table: int
    dst: str
    prefixlen: int
    type: str = "unicast"
    nexthops: tuple[NextHop, ...] = ()
    prefsrc: str | None = None
    priority: int = 0
    tos: int = 0
    scope: int = 0
    protocol: int = 0
    nh_id: int | None = None
    mtu: int | None = None


class NexthopObject(Record, frozen=True):
    """A nexthop object (ip-nexthop(8)): a way out, a blackhole, or a weighted group of others."""

    id: int
    oif: int | None = None
    gateway: str | None = None
    flags: int = 0
    blackhole: bool = False
    fdb: bool = False
    group: tuple[tuple[int, int], ...] = ()


class Rule(Record, frozen=True):
    """One policy rule. `action` is table, goto, nop, blackhole, unreachable or prohibit; `goto` is a priority."""

    family: int
    priority: int
    action: str = "table"
    table: int = 0
    src: str | None = None
    src_len: int = 0
    dst: str | None = None
    dst_len: int = 0
    iif: str | None = None
    oif: str | None = None
    fwmark: int = 0
    fwmask: int = 0
    tos: int = 0
    invert: bool = False
    goto: int | None = None
    suppress_prefixlength: int | None = None
    suppress_ifgroup: int | None = None
    ip_proto: int = 0
    sport: tuple[int, int] | None = None
    dport: tuple[int, int] | None = None
    uid_range: tuple[int, int] | None = None
    l3mdev: bool = False
    tun_id: int = 0


class Neighbour(Record, frozen=True):
    """A neighbour entry. `state` is the NUD state's name; `proxy` marks a proxy entry (NTF_PROXY)."""

    ifindex: int
    family: int
    dst: str
    state: str = "NONE"
    lladdr: str | None = None
    flags: int = 0

    @property
    def proxy(self) -> bool:
        """An address this namespace answers for on behalf of another (`ip neigh add proxy`)."""
        return bool(self.flags & NTF_PROXY)


class FdbEntry(Record, frozen=True):
    """A forwarding database entry of a bridge (`master` set) or of the device itself (NTF_SELF; VXLAN remotes).

    `state` keeps the NUD bits: NUD_PERMANENT 0x80 is a local entry of a bridge, NUD_NOARP 0x40 a static one.
    """

    ifindex: int
    lladdr: str
    state: int = 0
    flags: int = 0
    master: int | None = None
    vlan: int = 0
    dst: str | None = None
    port: int | None = None
    vni: int | None = None
    via: int = 0
    nh_id: int | None = None

    @property
    def local(self) -> bool:
        """The bridge's own: the frame goes up to the host (BR_FDB_LOCAL is shown as NUD_PERMANENT)."""
        return bool(self.state & 0x80)

    @property
    def static(self) -> bool:
        """Set by hand, never ages (BR_FDB_STATIC is shown as NUD_NOARP)."""
        return bool(self.state & 0xC0)

    @property
    def sticky(self) -> bool:
        """Does not move with traffic from another port (NTF_STICKY)."""
        return bool(self.flags & NTF_STICKY)


class BridgeVlan(Record, frozen=True):
    """VLAN membership of a bridge port, or of the bridge itself (`bridge vlan show`)."""

    ifindex: int
    vid: int
    pvid: bool = False
    untagged: bool = False
    state: int = 3


#: Kinds of ruleset that are tables of rules: those that could not be read, and in old snapshots all.
TABLES = ("nft", "iptables")


class Ruleset(Record, frozen=True):
    """Something on a packet's way that is loaded and not modelled: what it is, where it applies, how to see it.

    `hooks` names the hooks or devices concerned (empty: any). `kind` is nft, iptables, tc, xfrm, xdp, bpf, ipvs or
    nfqueue (a program that takes packets from a queue: `family` is the queue's number).
    """

    kind: str
    family: str
    detail: str
    command: tuple[str, ...]
    ifindex: int | None = None
