"""RTM_NEWLINK to `Link`, with what hangs on it: bridge, bridge port, VXLAN, macvlan (include/uapi/linux/if_link.h).

The kinds that stand on other devices or hold them together are in `stacked`.

Links are the one kind of message read without pyroute2: it cuts all sixty attributes of a link into objects first,
which takes 0.39 ms a link against 0.03 here, and a frame flooded by a bridge meets all of its ports. The tests hold
both readers against each other.
"""

from __future__ import annotations

import struct
from typing import Any

from netdoctor.collect.decode import stacked
from netdoctor.collect.decode.tunnels import tun, tunnel
from netdoctor.collect.nest import Nest
from netdoctor.collect.netlink import each_attribute
from netdoctor.facts.links import Bridge, BridgePort, Link, Macvlan, Vxlan
from netdoctor.facts.records import BridgeVlan

IFLA_ADDRESS = 1
IFLA_BROADCAST = 2
IFLA_IFNAME = 3
IFLA_MTU = 4
IFLA_LINK = 5
IFLA_QDISC = 6
IFLA_MASTER = 10
IFLA_OPERSTATE = 16
IFLA_LINKINFO = 18
IFLA_AF_SPEC = 26
IFLA_GROUP = 27
AF_INET, IFLA_INET_CONF = 2, 1  # below IFLA_AF_SPEC; the first value there is `forwarding`
IFLA_PROMISCUITY = 30
IFLA_LINK_NETNSID = 37
IFLA_XDP = 43
IFLA_PROP_LIST = 52

IFLA_XDP_ATTACHED = 2
IFLA_INFO_KIND, IFLA_INFO_DATA, IFLA_INFO_SLAVE_KIND, IFLA_INFO_SLAVE_DATA = 1, 2, 4, 5
IFLA_BRIDGE_VLAN_INFO = 2
BRIDGE_VLAN_INFO_PVID, BRIDGE_VLAN_INFO_UNTAGGED = 2, 4

#: RFC 2863 states in the kernel's numbering (include/uapi/linux/if.h), as iproute2 prints them.
OPERSTATES = ("UNKNOWN", "NOTPRESENT", "DOWN", "LOWERLAYERDOWN", "TESTING", "DORMANT", "UP")

_HEADER = struct.Struct("=BxHiI")  # ifinfomsg without `change`
_BODY, _ATTRIBUTES = 16, 32

#: Fields of a record by the attribute they come from. A kernel leaves out what it does not know; the record's default
#: stands for that.
_BRIDGE_NUMBERS = {
    "forward_delay": 1,
    "ageing_time": 4,
    "stp_state": 5,
    "group_fwd_mask": 9,
    "vlan_default_pvid": 39,
}
_BRIDGE_SWITCHES = {
    "vlan_filtering": 7,
    "mcast_snooping": 23,
    "mcast_querier": 25,
    "nf_call_iptables": 36,
    "nf_call_ip6tables": 37,
    "nf_call_arptables": 38,
}
IFLA_BR_VLAN_PROTOCOL = 8

_PORT_NUMBERS = {"state": 1, "backup_port": 34}
_PORT_SWITCHES = {
    "hairpin": 4,
    "learning": 8,
    "unicast_flood": 9,
    "proxyarp": 10,
    "proxyarp_wifi": 12,
    "mcast_flood": 27,
    "bcast_flood": 30,
    "neigh_suppress": 32,
    "isolated": 33,
    "locked": 39,
    "mab": 40,
    "neigh_vlan_suppress": 43,
}

_VXLAN_NUMBERS = {"vni": 1, "link": 3, "ttl": 5, "ageing": 8, "df": 29}
_VXLAN_SWITCHES = {
    "learning": 7,
    "proxy": 11,
    "rsc": 12,
    "l2miss": 13,
    "l3miss": 14,
    "udp_csum": 18,
    "collect_metadata": 25,
    "localbypass": 31,
}
IFLA_VXLAN_GROUP, IFLA_VXLAN_LOCAL, IFLA_VXLAN_PORT = 2, 4, 15
IFLA_VXLAN_GROUP6, IFLA_VXLAN_LOCAL6 = 16, 17
IFLA_VXLAN_GBP, IFLA_VXLAN_GPE = 23, 27

#: macvtap shares these numbers.
IFLA_MACVLAN_MODE, IFLA_MACVLAN_FLAGS, IFLA_MACVLAN_MACADDR, IFLA_MACVLAN_MACADDR_DATA = 1, 2, 4, 5
MACVLAN_FLAG_NODST = 2
_MACVLAN_MODES = {1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}


def link(message: bytes) -> Link:
    """Decode one RTM_NEWLINK message (family AF_UNSPEC)."""
    _, arp_type, index, flags = _HEADER.unpack_from(message, _BODY)
    attrs = Nest(message, _ATTRIBUTES)
    info = attrs.nest(IFLA_LINKINFO)
    kind, slave_kind = info.text(IFLA_INFO_KIND), info.text(IFLA_INFO_SLAVE_KIND)
    operstate = attrs.number(IFLA_OPERSTATE) or 0
    return Link(
        index=index,
        name=attrs.text(IFLA_IFNAME) or "",
        flags=flags,
        mtu=attrs.number(IFLA_MTU) or 0,
        kind=kind,
        address=attrs.lladdr(IFLA_ADDRESS),
        broadcast=attrs.lladdr(IFLA_BROADCAST),
        operstate=OPERSTATES[operstate] if operstate < len(OPERSTATES) else "UNKNOWN",
        iflink=attrs.number(IFLA_LINK),
        # signed: -1 says that the other namespace has no id here (NETNSA_NSID_NOT_ASSIGNED)
        link_netnsid=attrs.number(IFLA_LINK_NETNSID, signed=True),
        master=attrs.number(IFLA_MASTER),
        slave_kind=slave_kind,
        qdisc=attrs.text(IFLA_QDISC),
        promiscuity=attrs.number(IFLA_PROMISCUITY),
        xdp=bool(attrs.nest(IFLA_XDP).number(IFLA_XDP_ATTACHED)),
        group=attrs.number(IFLA_GROUP) or 0,
        arp_type=arp_type,
        altnames=tuple(_text(value) for _, value in each_attribute(attrs.get(IFLA_PROP_LIST, b""))),
        bridge=_bridge(info.nest(IFLA_INFO_DATA)) if kind == "bridge" else None,
        port=_port(info.nest(IFLA_INFO_SLAVE_DATA)) if slave_kind == "bridge" else None,
        vxlan=_vxlan(info.nest(IFLA_INFO_DATA)) if kind == "vxlan" else None,
        macvlan=_macvlan(info.nest(IFLA_INFO_DATA)) if kind in ("macvlan", "macvtap") else None,
        tunnel=tunnel(kind, info.nest(IFLA_INFO_DATA)) if kind is not None else None,
        tun=tun(info.nest(IFLA_INFO_DATA)) if kind == "tun" else None,
        **stacked.fields(kind, info.nest(IFLA_INFO_DATA), slave_kind, info.nest(IFLA_INFO_SLAVE_DATA)),
    )


def forwards(message: bytes) -> bool:
    """Tell whether IPv4 forwarding is on for the device (its own `forwarding`), from the link message alone."""
    values = Nest(message, _ATTRIBUTES).nest(IFLA_AF_SPEC).nest(AF_INET).get(IFLA_INET_CONF)
    return not values or bool(struct.unpack_from("=I", values)[0])


def _text(value: bytes) -> str:
    return value.rstrip(b"\0").decode("utf-8", "backslashreplace")


def _fields(data: Nest, numbers: dict[str, int], switches: dict[str, int]) -> dict[str, Any]:
    """The fields whose attribute is there: integers, and one-byte switches."""
    fields: dict[str, Any] = {name: data.number(kind) for name, kind in numbers.items() if kind in data}
    for name, kind in switches.items():
        if kind in data:
            fields[name] = any(data[kind])
    return fields


def _bridge(data: Nest) -> Bridge:
    fields = _fields(data, _BRIDGE_NUMBERS, _BRIDGE_SWITCHES)
    if IFLA_BR_VLAN_PROTOCOL in data:
        fields["vlan_protocol"] = data.big(IFLA_BR_VLAN_PROTOCOL)
    return Bridge(**fields)


def _port(data: Nest) -> BridgePort:
    return BridgePort(**_fields(data, _PORT_NUMBERS, _PORT_SWITCHES))


def _vxlan(data: Nest) -> Vxlan:
    fields = _fields(data, _VXLAN_NUMBERS, _VXLAN_SWITCHES)
    if IFLA_VXLAN_PORT in data:
        fields["port"] = data.big(IFLA_VXLAN_PORT)
    return Vxlan(
        group=data.ip(IFLA_VXLAN_GROUP) or data.ip(IFLA_VXLAN_GROUP6),
        local=data.ip(IFLA_VXLAN_LOCAL) or data.ip(IFLA_VXLAN_LOCAL6),
        gbp=IFLA_VXLAN_GBP in data,
        gpe=IFLA_VXLAN_GPE in data,
        **fields,
    )


def _macvlan(data: Nest) -> Macvlan:
    sources = each_attribute(data.get(IFLA_MACVLAN_MACADDR_DATA, b""))
    return Macvlan(
        mode=_MACVLAN_MODES.get(data.number(IFLA_MACVLAN_MODE) or 0, "unknown"),
        nodst=bool((data.number(IFLA_MACVLAN_FLAGS) or 0) & MACVLAN_FLAG_NODST),
        sources=tuple(mac.hex(":") for kind, mac in sources if kind == IFLA_MACVLAN_MACADDR),
    )


def vlans(message: bytes) -> tuple[BridgeVlan, ...]:
    """Decode the VLAN membership in one RTM_NEWLINK message of family AF_BRIDGE (IFLA_BRIDGE_VLAN_INFO)."""
    _, _, index, _ = _HEADER.unpack_from(message, _BODY)
    spec = Nest(message, _ATTRIBUTES).get(IFLA_AF_SPEC, b"")
    infos = (struct.unpack("=HH", v) for kind, v in each_attribute(spec) if kind == IFLA_BRIDGE_VLAN_INFO)
    return tuple(
        BridgeVlan(
            ifindex=index,
            vid=vid,
            pvid=bool(flags & BRIDGE_VLAN_INFO_PVID),
            untagged=bool(flags & BRIDGE_VLAN_INFO_UNTAGGED),
        )
        for flags, vid in infos
    )
