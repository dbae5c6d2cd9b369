"""Facts about network devices: what RTM_GETLINK says, in the kernel's own words.

Source of every field: include/uapi/linux/if_link.h, if.h and ip-link(8).
"""

from __future__ import annotations

import msgspec

IFF_UP = 0x1
IFF_BROADCAST = 0x2
IFF_LOOPBACK = 0x8
IFF_POINTOPOINT = 0x10
IFF_RUNNING = 0x40
IFF_NOARP = 0x80
IFF_PROMISC = 0x100
IFF_LOWER_UP = 0x10000


class Record(msgspec.Struct, frozen=True, gc=False, omit_defaults=True, forbid_unknown_fields=False):
    """The base of all facts: immutable, comparable, and written to a snapshot as plain JSON."""


class Bridge(Record, frozen=True):
    """IFLA_INFO_DATA of a bridge (net/bridge/br_netlink.c). Times are in centiseconds (USER_HZ)."""

    stp_state: int = 0
    forward_delay: int = 1500
    ageing_time: int = 30000
    vlan_filtering: bool = False
    vlan_default_pvid: int = 1
    vlan_protocol: int = 0x8100
    mcast_snooping: bool = True
    mcast_querier: bool = False
    group_fwd_mask: int = 0
    nf_call_iptables: bool = False
    nf_call_ip6tables: bool = False
    nf_call_arptables: bool = False


class BridgePort(Record, frozen=True):
    """IFLA_INFO_SLAVE_DATA of a bridge port. `state`: 0 disabled, 1 listening, 2 learning, 3 forwarding, 4 blocking."""

    state: int = 3
    hairpin: bool = False
    learning: bool = True
    unicast_flood: bool = True
    mcast_flood: bool = True
    bcast_flood: bool = True
    isolated: bool = False
    locked: bool = False
    mab: bool = False
    neigh_suppress: bool = False
    neigh_vlan_suppress: bool = False
    proxyarp: bool = False
    proxyarp_wifi: bool = False
    backup_port: int = 0


class Vxlan(Record, frozen=True):
    """IFLA_INFO_DATA of a VXLAN device. `link` is an ifindex in the namespace of the underlay, 0 for none."""

    vni: int = 0
    group: str | None = None
    local: str | None = None
    link: int = 0
    port: int = 8472
    learning: bool = True
    proxy: bool = False
    rsc: bool = False
    l2miss: bool = False
    l3miss: bool = False
    collect_metadata: bool = False
    gbp: bool = False
    gpe: bool = False
    ttl: int = 0
    df: int = 0
    ageing: int = 300
    localbypass: bool = True
    udp_csum: bool = True


class Tunnel(Record, frozen=True):
    """IFLA_INFO_DATA of ipip, sit, gre, gretap (include/uapi/linux/if_tunnel.h) and geneve.

    `link` is an ifindex in the namespace of the underlay, 0 for none; `protocol` what ipip and sit carry (0: any).
    `ikey` and `okey` are GRE's keys, None for none; `iflags` and `oflags` the flags of its header. `encap` is a further
    header (FOU, GUE). `df`, `vni` and `port` are geneve's; it has no `local`.
    """

    local: str | None = None
    remote: str | None = None
    link: int = 0
    protocol: int = 0
    ttl: int = 0
    tos: int = 0
    pmtudisc: bool = False
    ignore_df: bool = False
    fwmark: int = 0
    iflags: int = 0
    oflags: int = 0
    ikey: int | None = None
    okey: int | None = None
    encap: int = 0
    vni: int = 0
    port: int = 0
    df: int = 0
    ttl_inherit: bool = False
    collect_metadata: bool = False


class Tun(Record, frozen=True):
    """IFLA_INFO_DATA of a TUN or TAP device. `mode` is tun or tap; `persist` keeps it without a process behind it."""

    mode: str = "tun"
    persist: bool = False


class Macvlan(Record, frozen=True):
    """IFLA_INFO_DATA of a macvlan. `mode` is one of private, vepa, bridge, passthru, source."""

    mode: str = "bridge"
    nodst: bool = False
    sources: tuple[str, ...] = ()


class Vlan(Record, frozen=True):
    """IFLA_INFO_DATA of a VLAN device. `protocol` is the tag's EtherType: 0x8100 (802.1Q) or 0x88a8 (802.1ad)."""

    vid: int = 0
    protocol: int = 0x8100
    reorder_hdr: bool = True
    loose_binding: bool = False
    bridge_binding: bool = False


class Ipvlan(Record, frozen=True):
    """IFLA_INFO_DATA of an ipvlan, the same for all of one parent.

    `mode` is l2, l3 or l3s; `flag` bridge, private or vepa.
    """

    mode: str = "l2"
    flag: str = "bridge"


class Bond(Record, frozen=True):
    """IFLA_INFO_DATA of a bond. `mode` is ip-link(8)'s word; `miimon` and `arp_interval` in ms, 0 for no monitoring.

    `active` and `primary` are ifindexes, 0 for none; `aggregator` is the one in use of 802.3ad.
    """

    mode: str = "balance-rr"
    active: int = 0
    miimon: int = 0
    arp_interval: int = 0
    primary: int = 0
    all_slaves_active: bool = False
    min_links: int = 0
    aggregator: int = 0


class BondSlave(Record, frozen=True):
    """IFLA_INFO_SLAVE_DATA of a bond's slave. `mii_status`: 0 up, 1 going down, 2 down, 3 coming back."""

    backup: bool = False
    mii_status: int = 0
    aggregator: int = 0


class Vrf(Record, frozen=True):
    """IFLA_INFO_DATA of a VRF: the routing table of its domain."""

    table: int = 0


class Link(Record, frozen=True):
    """One network device. `mtu` in bytes; `iflink` is relative to the namespace `link_netnsid` names (None: its own).

    `kind` is IFLA_INFO_KIND, or None for a device without one (a NIC). `slave_kind` is that of its `master`.
    `promiscuity` counts who asked for promiscuous mode: a veth that is a macvlan's parent always has one.
    """

    index: int
    name: str
    flags: int
    mtu: int
    kind: str | None = None
    address: str | None = None
    broadcast: str | None = None
    operstate: str = "UNKNOWN"
    iflink: int | None = None
    link_netnsid: int | None = None
    master: int | None = None
    slave_kind: str | None = None
    qdisc: str | None = None
    xdp: bool = False
    promiscuity: int | None = None
    group: int = 0
    arp_type: int = 1
    altnames: tuple[str, ...] = ()
    bridge: Bridge | None = None
    port: BridgePort | None = None
    vxlan: Vxlan | None = None
    macvlan: Macvlan | None = None
    tunnel: Tunnel | None = None
    tun: Tun | None = None
    vlan: Vlan | None = None
    ipvlan: Ipvlan | None = None
    bond: Bond | None = None
    slave: BondSlave | None = None
    vrf: Vrf | None = None

    @property
    def up(self) -> bool:
        """Administratively up (IFF_UP)."""
        return bool(self.flags & IFF_UP)

    @property
    def carrier(self) -> bool:
        """The lower layer is up (IFF_LOWER_UP); meaningful only while the device is up."""
        return bool(self.flags & IFF_LOWER_UP)

    @property
    def loopback(self) -> bool:
        """The loopback device of its namespace."""
        return bool(self.flags & IFF_LOOPBACK)

    @property
    def ethernet(self) -> bool:
        """Its frames have an Ethernet header (ARPHRD_ETHER, ARPHRD_LOOPBACK); those of a tunnel for IP have none."""
        return self.arp_type in (1, 772)

    @property
    def noarp(self) -> bool:
        """No address resolution on this device (IFF_NOARP)."""
        return bool(self.flags & IFF_NOARP)
