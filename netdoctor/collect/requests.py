"""The dump requests of rtnetlink that netdoctor makes: message type and body, and the fixed headers of the answers."""

from __future__ import annotations

import struct
from functools import lru_cache

from netdoctor.collect.netlink import attribute
from netdoctor.facts.records import AF_INET, AF_INET6, NTF_PROXY

RTM_GETLINK = 18
RTM_GETADDR = 22
RTM_GETROUTE = 26
RTM_GETNEIGH = 30
RTM_GETRULE = 34
RTM_GETQDISC = 38
RTM_GETTFILTER = 46
RTM_GETNSID = 90
RTM_GETNEXTHOP = 106

AF_BRIDGE = 7

IFLA_IFNAME = 3
IFLA_MASTER = 10
IFLA_LINKINFO = 18
IFLA_EXT_MASK = 29
IFLA_INFO_KIND = 1
RTEXT_FILTER_BRVLAN = 2
RTEXT_FILTER_SKIP_STATS = 8
NHA_ID = 1

LINK = struct.Struct("=BxHiII")
ADDRESS = struct.Struct("=BBBBi")
ROUTE = struct.Struct("=BBBBBBBBI")
NEIGHBOUR = struct.Struct("=BxxxiHBB")
NEXTHOP = struct.Struct("=BBBBI")

#: Where the fixed header of an answer starts: behind nlmsghdr.
BODY = 16

U32 = struct.Struct("=I")


def u32(kind: int, value: int) -> bytes:
    """Return an attribute of 32 bits in the machine's order."""
    return attribute(kind, U32.pack(value))


_SKIP_STATS = u32(IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS)

#: Whole tables by name.
DUMPS: dict[str, tuple[int, bytes]] = {
    "links": (RTM_GETLINK, LINK.pack(0, 0, 0, 0, 0) + _SKIP_STATS),
    "addresses": (RTM_GETADDR, ADDRESS.pack(0, 0, 0, 0, 0)),
    "routes4": (RTM_GETROUTE, ROUTE.pack(AF_INET, 0, 0, 0, 0, 0, 0, 0, 0)),
    "routes6": (RTM_GETROUTE, ROUTE.pack(AF_INET6, 0, 0, 0, 0, 0, 0, 0, 0)),
    "rules": (RTM_GETRULE, ROUTE.pack(0, 0, 0, 0, 0, 0, 0, 0, 0)),
    "nexthops": (RTM_GETNEXTHOP, NEXTHOP.pack(0, 0, 0, 0, 0)),
    "neighbours": (RTM_GETNEIGH, NEIGHBOUR.pack(0, 0, 0, 0, 0)),
    "proxies": (RTM_GETNEIGH, NEIGHBOUR.pack(0, 0, 0, NTF_PROXY, 0)),
    "fdb": (RTM_GETNEIGH, NEIGHBOUR.pack(AF_BRIDGE, 0, 0, 0, 0)),
    "vlans": (RTM_GETLINK, LINK.pack(AF_BRIDGE, 0, 0, 0, 0) + u32(IFLA_EXT_MASK, RTEXT_FILTER_BRVLAN)),
}


def link_by_index(index: int) -> bytes:
    """The body of a RTM_GETLINK for one ifindex."""
    return LINK.pack(0, 0, index, 0, 0) + _SKIP_STATS


def link_by_name(name: str) -> bytes:
    """The body of a RTM_GETLINK for one name."""
    return LINK.pack(0, 0, 0, 0, 0) + attribute(IFLA_IFNAME, name.encode() + b"\0") + _SKIP_STATS


@lru_cache(maxsize=256)
def links_of(master: int) -> bytes:
    """The body of a RTM_GETLINK dump of what is enslaved to `master`."""
    return LINK.pack(0, 0, 0, 0, 0) + u32(IFLA_MASTER, master) + _SKIP_STATS


@lru_cache(maxsize=256)
def links_of_kind(kind: str) -> bytes:
    """The body of a RTM_GETLINK dump of one kind; a kernel that does not know the kind dumps all."""
    info = attribute(IFLA_LINKINFO, attribute(IFLA_INFO_KIND, kind.encode() + b"\0"))
    return LINK.pack(0, 0, 0, 0, 0) + info + _SKIP_STATS


def family_of(message: bytes) -> int:
    """The address family of a message: the first byte of every rtnetlink header."""
    return message[BODY]


def ifindex_of(message: bytes) -> int:
    """The ifindex of a link, address or neighbour message: four bytes into each of these headers."""
    index: int = U32.unpack_from(message, BODY + 4)[0]
    return index
