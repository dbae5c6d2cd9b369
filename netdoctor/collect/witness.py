"""The kernel as second witness: questions that it answers itself, asked read-only on the running system.

What these answers hide is part of what they mean: a refusal (EINVAL) does not tell a martian from rp_filter, and
the route answered is the one the kernel would use, not the entry it found (net/ipv4/route.c, inet_rtm_getroute()).
"""

from __future__ import annotations

from ipaddress import ip_address
from sys import byteorder

from netdoctor.collect.decode import records as decode
from netdoctor.collect.live import LiveHost
from netdoctor.collect.netlink import Conversation, attribute
from netdoctor.collect.requests import (
    AF_BRIDGE,
    NEIGHBOUR,
    ROUTE,
    RTM_GETNEIGH,
    RTM_GETROUTE,
    u32,
)
from netdoctor.facts.links import Record
from netdoctor.facts.records import AF_INET, AF_INET6, NTF_SELF, FdbEntry, NextHop

RTM_F_LOOKUP_TABLE = 0x1000
RTA_DST, RTA_SRC, RTA_IIF, RTA_OIF, RTA_MARK, RTA_IP_PROTO = 1, 2, 3, 4, 16, 27
NDA_DST, NDA_LLADDR, NDA_VLAN, NDA_MASTER = 1, 2, 5, 9


class RouteAnswer(Record, frozen=True):
    """What the kernel would do with a packet: a route type with its way out, or `kind` "error" and the error number."""

    kind: str
    oif: int | None = None
    gateway: str | None = None
    prefsrc: str | None = None
    table: int | None = None
    errno: int = 0


class Witness:
    """Asks the kernel of a live host. Every question names a namespace by inode; an unknown one raises LookupError."""

    def __init__(self, host: LiveHost) -> None:
        self._host = host

    def _conversation(self, inode: int) -> Conversation:
        namespace = self._host.namespace(inode)
        if namespace is None:
            raise LookupError(f"no network namespace {inode} that may be entered")
        return self._host.pool.access(namespace.id).route

    def route(
        self,
        inode: int,
        destination: str,
        source: str | None = None,
        iif: int | None = None,
        oif: int | None = None,
        mark: int = 0,
        tos: int = 0,
        ip_proto: int = 0,
    ) -> RouteAnswer:
        """Ask which route a packet takes (`ip route get`): for a packet sent here, or with `iif` for one received.

        A refusal is an answer too: ENETUNREACH, EHOSTUNREACH, EACCES (prohibit), EINVAL (blackhole, martian,
        rp_filter).
        """
        to = ip_address(destination)
        body = _route_header(AF_INET if to.version == 4 else AF_INET6, tos, source) + attribute(
            RTA_DST, to.packed
        )
        if source is not None:
            body += attribute(RTA_SRC, ip_address(source).packed)
        for kind, value in ((RTA_IIF, iif), (RTA_OIF, oif), (RTA_MARK, mark or None)):
            body += b"" if value is None else u32(kind, value)
        if ip_proto:
            body += attribute(RTA_IP_PROTO, bytes((ip_proto,)))
        try:
            route = decode.route(self._conversation(inode).get(RTM_GETROUTE, body))
        except OSError as error:
            return RouteAnswer("error", errno=error.errno or 0)
        hop = route.nexthops[0] if route.nexthops else NextHop()
        return RouteAnswer(route.type, hop.oif, hop.gateway, route.prefsrc, route.table)

    def neighbour(self, inode: int, ifindex: int, dst: str) -> tuple[str, str | None] | None:
        """Return (state, lladdr) of a neighbour entry, or None where there is none (`ip neigh get`)."""
        to = ip_address(dst)
        family = AF_INET if to.version == 4 else AF_INET6
        body = NEIGHBOUR.pack(family, ifindex, 0, 0, 0) + attribute(NDA_DST, to.packed)
        try:
            entry = decode.neighbour(self._conversation(inode).get(RTM_GETNEIGH, body))
        except OSError:
            return None
        return entry.state, entry.lladdr

    def fdb(self, inode: int, ifindex: int, lladdr: str, vlan: int = 0) -> FdbEntry | None:
        """Return the FDB entry for a MAC (`bridge fdb get`), or None: a bridge's, or else the device's own."""
        namespace = self._host.namespace(inode)
        link = namespace.link(ifindex) if namespace is not None else None
        address = attribute(NDA_LLADDR, bytes.fromhex(lladdr.replace(":", "")))
        if vlan:
            address += attribute(NDA_VLAN, vlan.to_bytes(2, byteorder))
        if link is not None and link.kind == "bridge":
            body = NEIGHBOUR.pack(AF_BRIDGE, 0, 0, 0, 0) + address + u32(NDA_MASTER, ifindex)
        else:
            body = NEIGHBOUR.pack(AF_BRIDGE, ifindex, 0, NTF_SELF, 0) + address
        try:
            return decode.fdb_entry(self._conversation(inode).get(RTM_GETNEIGH, body))
        except OSError:
            return None


def _route_header(family: int, tos: int, source: str | None) -> bytes:
    bits = 32 if family == AF_INET else 128
    return ROUTE.pack(family, bits, bits if source is not None else 0, tos, 0, 0, 0, 0, RTM_F_LOOKUP_TABLE)
