"""RTM_NEWLINK to `Link`, with what hangs on it: bridge, bridge port, VXLAN, macvlan.

The numbers below stand for attributes that pyroute2 0.9.7 does not name (include/uapi/linux/if_link.h).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address
from sys import byteorder
from typing import Any

from netdoctor.collect.netlink import attributes, each_attribute
from netdoctor.collect.pyroute import Attributes, decoded, link_message
from netdoctor.facts.links import Bridge, BridgePort, Link, Macvlan, Vxlan
from netdoctor.facts.records import BridgeVlan

IFLA_VXLAN_LOCALBYPASS = 31
IFLA_MACVLAN_MACADDR = 4
MACVLAN_FLAG_NODST = 2
BRIDGE_VLAN_INFO_PVID = 2
BRIDGE_VLAN_INFO_UNTAGGED = 4

#: ifinfomsg behind the netlink header: where the attributes of a raw link message start.
LINK_ATTRIBUTES = 32


def link(message: bytes) -> Link:
    """Decode one RTM_NEWLINK message (family AF_UNSPEC)."""
    header, attrs = decoded(link_message(), message)
    info = attrs.nested("IFLA_LINKINFO")
    kind, slave_kind = info.text("IFLA_INFO_KIND"), info.text("IFLA_INFO_SLAVE_KIND")
    return Link(
        index=header["index"],
        name=attrs.text("IFLA_IFNAME") or "",
        flags=header["flags"],
        mtu=attrs.value("IFLA_MTU", 0),
        kind=kind,
        address=attrs.lladdr("IFLA_ADDRESS"),
        broadcast=attrs.lladdr("IFLA_BROADCAST"),
        operstate=attrs.value("IFLA_OPERSTATE", "UNKNOWN"),
        iflink=attrs.value("IFLA_LINK"),
        link_netnsid=_netnsid(attrs),
        master=attrs.value("IFLA_MASTER"),
        slave_kind=slave_kind,
        qdisc=attrs.text("IFLA_QDISC"),
        xdp=attrs.nested("IFLA_XDP").raw("IFLA_XDP_ATTACHED") not in (b"", b"\0"),
        group=attrs.value("IFLA_GROUP", 0),
        arp_type=header["ifi_type"],
        altnames=_altnames(attrs),
        bridge=_bridge(info.nested("IFLA_INFO_DATA")) if kind == "bridge" else None,
        port=_port(info.nested("IFLA_INFO_SLAVE_DATA")) if slave_kind == "bridge" else None,
        vxlan=_vxlan(info) if kind == "vxlan" else None,
        macvlan=_macvlan(info) if kind in ("macvlan", "macvtap") else None,
    )


def _netnsid(attrs: Attributes) -> int | None:
    """The signed id; -1 says that the other namespace has no id here (NETNSA_NSID_NOT_ASSIGNED)."""
    raw = attrs.raw("IFLA_LINK_NETNSID")
    return int.from_bytes(raw, byteorder, signed=True) if raw else None


def _altnames(attrs: Attributes) -> tuple[str, ...]:
    return tuple(
        value.rstrip(b"\0").decode("utf-8", "backslashreplace")
        for _, value in each_attribute(attrs.raw("IFLA_PROP_LIST"))
    )


def _numbers(attrs: Attributes, names: dict[str, str]) -> dict[str, Any]:
    """The integer fields whose attribute is there; the others keep the record's default."""
    return {field: attrs.value(name) for field, name in names.items() if name in attrs}


def _switches(attrs: Attributes, names: dict[str, str]) -> dict[str, Any]:
    """The boolean fields whose attribute (one byte) is there."""
    return {field: any(attrs.raw(name)) for field, name in names.items() if name in attrs}


def _bridge(data: Attributes) -> Bridge:
    return Bridge(
        **_numbers(
            data,
            {
                "stp_state": "IFLA_BR_STP_STATE",
                "forward_delay": "IFLA_BR_FORWARD_DELAY",
                "ageing_time": "IFLA_BR_AGEING_TIME",
                "vlan_default_pvid": "IFLA_BR_VLAN_DEFAULT_PVID",
                "vlan_protocol": "IFLA_BR_VLAN_PROTOCOL",
                "group_fwd_mask": "IFLA_BR_GROUP_FWD_MASK",
            },
        ),
        **_switches(
            data,
            {
                "vlan_filtering": "IFLA_BR_VLAN_FILTERING",
                "mcast_snooping": "IFLA_BR_MCAST_SNOOPING",
                "mcast_querier": "IFLA_BR_MCAST_QUERIER",
                "nf_call_iptables": "IFLA_BR_NF_CALL_IPTABLES",
                "nf_call_ip6tables": "IFLA_BR_NF_CALL_IP6TABLES",
                "nf_call_arptables": "IFLA_BR_NF_CALL_ARPTABLES",
            },
        ),
    )


def _port(data: Attributes) -> BridgePort:
    return BridgePort(
        **_numbers(data, {"state": "IFLA_BRPORT_STATE", "backup_port": "IFLA_BRPORT_BACKUP_PORT"}),
        **_switches(
            data,
            {
                "hairpin": "IFLA_BRPORT_MODE",
                "learning": "IFLA_BRPORT_LEARNING",
                "unicast_flood": "IFLA_BRPORT_UNICAST_FLOOD",
                "mcast_flood": "IFLA_BRPORT_MCAST_FLOOD",
                "bcast_flood": "IFLA_BRPORT_BCAST_FLOOD",
                "isolated": "IFLA_BRPORT_ISOLATED",
                "locked": "IFLA_BRPORT_LOCKED",
                "mab": "IFLA_BRPORT_MAB",
                "neigh_suppress": "IFLA_BRPORT_NEIGH_SUPPRESS",
                "neigh_vlan_suppress": "IFLA_BRPORT_NEIGH_VLAN_SUPPRESS",
                "proxyarp": "IFLA_BRPORT_PROXYARP",
                "proxyarp_wifi": "IFLA_BRPORT_PROXYARP_WIFI",
            },
        ),
    )


def _address(data: Attributes, *names: str) -> str | None:
    raws = (data.raw(name) for name in names)
    return next((str(ip_address(raw)) for raw in raws if raw), None)


def _vxlan(info: Attributes) -> Vxlan:
    data = info.nested("IFLA_INFO_DATA")
    local_bypass = attributes(info.raw("IFLA_INFO_DATA"), 0).get(IFLA_VXLAN_LOCALBYPASS)
    return Vxlan(
        group=_address(data, "IFLA_VXLAN_GROUP", "IFLA_VXLAN_GROUP6"),
        local=_address(data, "IFLA_VXLAN_LOCAL", "IFLA_VXLAN_LOCAL6"),
        gbp="IFLA_VXLAN_GBP" in data,
        gpe="IFLA_VXLAN_GPE" in data,
        localbypass=local_bypass != b"\0",
        **_numbers(
            data,
            {
                "vni": "IFLA_VXLAN_ID",
                "link": "IFLA_VXLAN_LINK",
                "port": "IFLA_VXLAN_PORT",
                "ttl": "IFLA_VXLAN_TTL",
                "df": "IFLA_VXLAN_DF",
                "ageing": "IFLA_VXLAN_AGEING",
            },
        ),
        **_switches(
            data,
            {
                "learning": "IFLA_VXLAN_LEARNING",
                "proxy": "IFLA_VXLAN_PROXY",
                "rsc": "IFLA_VXLAN_RSC",
                "l2miss": "IFLA_VXLAN_L2MISS",
                "l3miss": "IFLA_VXLAN_L3MISS",
                "collect_metadata": "IFLA_VXLAN_COLLECT_METADATA",
                "udp_csum": "IFLA_VXLAN_UDP_CSUM",
            },
        ),
    )


def _macvlan(info: Attributes) -> Macvlan:
    """Read by number: macvlan and macvtap number their attributes alike, and pyroute2 names them differently."""
    data = attributes(info.raw("IFLA_INFO_DATA"), 0)
    modes = {1: "private", 2: "vepa", 4: "bridge", 8: "passthru", 16: "source"}
    mode, flags, sources = data.get(1, b""), data.get(2, b""), data.get(5, b"")
    return Macvlan(
        mode=modes.get(int.from_bytes(mode, byteorder), "unknown"),
        nodst=bool(int.from_bytes(flags, byteorder) & MACVLAN_FLAG_NODST),
        sources=tuple(mac.hex(":") for kind, mac in each_attribute(sources) if kind == IFLA_MACVLAN_MACADDR),
    )


def vlans(message: bytes) -> tuple[BridgeVlan, ...]:
    """Decode the VLAN membership in one RTM_NEWLINK message of family AF_BRIDGE (IFLA_BRIDGE_VLAN_INFO)."""
    header, attrs = decoded(link_message(), message)
    return tuple(
        BridgeVlan(
            ifindex=header["index"],
            vid=info["vid"],
            pvid=bool(info["flags"] & BRIDGE_VLAN_INFO_PVID),
            untagged=bool(info["flags"] & BRIDGE_VLAN_INFO_UNTAGGED),
        )
        for info in _vlan_infos(attrs)
    )


def _vlan_infos(attrs: Attributes) -> Iterator[Any]:
    value = attrs.value("IFLA_AF_SPEC")
    if isinstance(value, dict):
        for slot in value["attrs"]:
            if slot.name == "IFLA_BRIDGE_VLAN_INFO":
                yield slot.value
