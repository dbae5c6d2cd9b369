"""Address, route, rule, nexthop, neighbour and FDB messages to facts."""

from __future__ import annotations

import struct
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from netdoctor.collect.pyroute import (
    Attributes,
    address_message,
    decoded,
    neighbour_message,
    nexthop_message,
    route_message,
    rule_message,
)
from netdoctor.facts.records import (
    AF_INET,
    Address,
    FdbEntry,
    Neighbour,
    NextHop,
    NexthopObject,
    Route,
    Rule,
)

#: include/uapi/linux/rtnetlink.h, RTN_*: the names iproute2 prints.
ROUTE_TYPES = (
    "unspec",
    "unicast",
    "local",
    "broadcast",
    "anycast",
    "multicast",
    "blackhole",
    "unreachable",
    "prohibit",
    "throw",
    "nat",
    "xresolve",
)
#: include/uapi/linux/fib_rules.h, FR_ACT_*.
RULE_ACTIONS = {1: "table", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}
#: include/uapi/linux/neighbour.h, NUD_*.
STATES = {
    0x00: "NONE",
    0x01: "INCOMPLETE",
    0x02: "REACHABLE",
    0x04: "STALE",
    0x08: "DELAY",
    0x10: "PROBE",
    0x20: "FAILED",
    0x40: "NOARP",
    0x80: "PERMANENT",
}
FIB_RULE_INVERT = 2
NO_SUPPRESSION = 0xFFFFFFFF
NHA_GROUP_ENTRY = struct.Struct("=IBBH")

#: Decoded messages kept: a walk with many forks asks for the same few again and again.
_KEPT = 4096


@lru_cache(maxsize=_KEPT)
def address(message: bytes) -> Address:
    """Decode one RTM_NEWADDR message. IPv6 gives IFA_LOCAL only beside a peer; else IFA_ADDRESS is the own address."""
    header, attrs = decoded(address_message(), message)
    prefix = attrs.value("IFA_ADDRESS")
    local = attrs.value("IFA_LOCAL", prefix)
    return Address(
        ifindex=header["index"],
        family=header["family"],
        local=local,
        prefixlen=header["prefixlen"],
        address=prefix,
        broadcast=attrs.value("IFA_BROADCAST"),
        scope=header["scope"],
        flags=attrs.value("IFA_FLAGS", header["flags"]),
        label=attrs.text("IFA_LABEL"),
    )


def route(message: bytes) -> Route:
    """Decode one RTM_NEWROUTE message of the FIB."""
    header, attrs = decoded(route_message(), message)
    family = header["family"]
    return Route(
        family=family,
        table=attrs.value("RTA_TABLE", header["table"]),
        dst=attrs.value("RTA_DST") or ("0.0.0.0" if family == AF_INET else "::"),
        prefixlen=header["dst_len"],
        type=ROUTE_TYPES[header["type"]] if header["type"] < len(ROUTE_TYPES) else "unspec",
        nexthops=_nexthops(header, attrs),
        prefsrc=attrs.value("RTA_PREFSRC"),
        priority=attrs.value("RTA_PRIORITY", 0),
        tos=header["tos"],
        scope=header["scope"],
        protocol=header["proto"],
        nh_id=attrs.value("RTA_NH_ID"),
        mtu=attrs.nested("RTA_METRICS").value("RTAX_MTU"),
    )


def _nexthops(header: Any, attrs: Attributes) -> tuple[NextHop, ...]:
    legs = attrs.value("RTA_MULTIPATH")
    if legs:
        return tuple(_leg(leg, leg["flags"], leg["oif"], leg["hops"] + 1) for leg in legs)
    if "RTA_OIF" in attrs or "RTA_GATEWAY" in attrs or "RTA_VIA" in attrs:
        return (_leg(header, header["flags"] & 0xFF, attrs.value("RTA_OIF"), 1),)
    return ()


def _leg(message: Any, flags: int, oif: int | None, weight: int) -> NextHop:
    attrs = Attributes(message["attrs"])
    return NextHop(
        oif=oif,
        gateway=_gateway(attrs),
        flags=flags,
        weight=weight,
        encap=attrs.value("RTA_ENCAP_TYPE", 0),
    )


def _gateway(attrs: Attributes) -> str | None:
    """RTA_GATEWAY, or the address in RTA_VIA: a gateway of the other family, behind two bytes of family."""
    via = attrs.raw("RTA_VIA")[2:]
    if len(via) in (4, 16):
        return str(ip_address(via))
    gateway: str | None = attrs.value("RTA_GATEWAY")
    return gateway


def rule(message: bytes) -> Rule:
    """Decode one RTM_NEWRULE message."""
    header, attrs = decoded(rule_message(), message)
    mark = attrs.value("FRA_FWMARK", 0)
    return Rule(
        family=header["family"],
        priority=attrs.value("FRA_PRIORITY", 0),
        action=RULE_ACTIONS.get(header["action"], f"unknown {header['action']}"),
        table=attrs.value("FRA_TABLE", header["table"]),
        src=attrs.value("FRA_SRC"),
        src_len=header["src_len"],
        dst=attrs.value("FRA_DST"),
        dst_len=header["dst_len"],
        iif=attrs.text("FRA_IIFNAME"),
        oif=attrs.text("FRA_OIFNAME"),
        fwmark=mark,
        fwmask=attrs.value("FRA_FWMASK", 0xFFFFFFFF if mark else 0),
        tos=attrs.value("FRA_DSCP", header["tos"] >> 2) << 2,
        invert=bool(header["flags"] & FIB_RULE_INVERT),
        goto=attrs.value("FRA_GOTO"),
        suppress_prefixlength=_unless_none(attrs.value("FRA_SUPPRESS_PREFIXLEN")),
        suppress_ifgroup=_unless_none(attrs.value("FRA_SUPPRESS_IFGROUP")),
        ip_proto=attrs.value("FRA_IP_PROTO", 0),
        sport=_range(attrs.raw("FRA_SPORT_RANGE"), "=HH"),
        dport=_range(attrs.raw("FRA_DPORT_RANGE"), "=HH"),
        uid_range=_range(attrs.raw("FRA_UID_RANGE"), "=II"),
        l3mdev=any(attrs.raw("FRA_L3MDEV")),
        tun_id=int.from_bytes(attrs.raw("FRA_TUN_ID"), "big"),
    )


def _unless_none(value: int | None) -> int | None:
    """The kernel writes -1 where nothing is suppressed."""
    return None if value == NO_SUPPRESSION else value


def _range(raw: bytes, layout: str) -> tuple[int, int] | None:
    if len(raw) != struct.calcsize(layout):
        return None
    low, high = struct.unpack(layout, raw)
    return low, high


def nexthop(message: bytes) -> NexthopObject:
    """Decode one RTM_NEWNEXTHOP message. A group entry is written as (id, weight from 1)."""
    header, attrs = decoded(nexthop_message(), message)
    return NexthopObject(
        id=attrs.value("NHA_ID", 0),
        oif=attrs.value("NHA_OIF"),
        gateway=attrs.value("NHA_GATEWAY"),
        flags=header["nh_flags"],
        blackhole="NHA_BLACKHOLE" in attrs,
        fdb="NHA_FDB" in attrs,
        group=tuple(
            (member, (low | high << 8) + 1)
            for member, low, high, _ in NHA_GROUP_ENTRY.iter_unpack(attrs.raw("NHA_GROUP"))
        ),
    )


@lru_cache(maxsize=_KEPT)
def neighbour(message: bytes) -> Neighbour:
    """Decode one RTM_NEWNEIGH message of AF_INET or AF_INET6."""
    header, attrs = decoded(neighbour_message(), message)
    return Neighbour(
        ifindex=header["ifindex"],
        family=header["family"],
        dst=attrs.value("NDA_DST", ""),
        state=STATES.get(header["state"], f"{header['state']:#x}"),
        lladdr=attrs.lladdr("NDA_LLADDR"),
        flags=header["flags"],
    )


@lru_cache(maxsize=_KEPT)
def fdb_entry(message: bytes) -> FdbEntry:
    """Decode one RTM_NEWNEIGH message of AF_BRIDGE."""
    header, attrs = decoded(neighbour_message(), message)
    return FdbEntry(
        ifindex=header["ifindex"],
        lladdr=attrs.lladdr("NDA_LLADDR") or "",
        state=header["state"],
        flags=header["flags"],
        master=attrs.value("NDA_MASTER"),
        vlan=attrs.value("NDA_VLAN", 0),
        dst=attrs.value("NDA_DST"),
        port=attrs.value("NDA_PORT"),
        vni=attrs.value("NDA_VNI"),
        via=attrs.value("NDA_IFINDEX", 0),
        nh_id=attrs.value("NDA_NH_ID"),
    )
