"""Bridges and their ports: what is a port, what looks like one that lost its bridge, and what joins two segments."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.kernel.packet import Place
from netdoctor.kernel.source import in_prefix
from netdoctor.kernel.sysctls import conf_or


def bridges(case: Case, at: Place, inode: int) -> list[Place]:
    """The bridges of the namespace `inode` that are on the segment of `at`."""
    return [place for place in case.segment(at) if place.inode == inode and _kind(case, place) == "bridge"]


def loose_ends(case: Case, at: Place) -> list[Place]:
    """Devices on the segment of `at` that look like bridge ports but are in no bridge: bare, unrouted, not proxying."""
    return [place for place in case.segment(at) if place != at and _loose(case, place)]


def ports(case: Case, at: Place) -> list[Place]:
    """The bridge ports on the segment of `at`, nearest first; VTEPs are left out."""
    found = []
    for place in case.segment(at):
        link = case.link(place)
        if link is not None and link.master and link.slave_kind in (None, "bridge") and link.kind != "vxlan":
            found.append(place)
    return found


def joints(case: Case, one: Place, other: Place) -> Iterator[tuple[Place, Place]]:
    """Each (loose end, bridge) whose joining would put two devices on one segment."""
    for near, far in ((one, other), (other, one)):
        for end in loose_ends(case, near):
            for bridge in bridges(case, far, end.inode):
                yield end, bridge


def members(case: Case, bridge: Place, address: str, besides: Place) -> int:
    """How many devices on the segment of a bridge have `address` in their prefix, `besides` and its pair aside."""
    peer = case.peer(besides)
    skipped = {besides.inode, peer.inode if peer is not None else None} - {bridge.inode}
    found = (place for place in case.segment(bridge) if place.inode not in skipped and place != besides)
    others = (ifa for place in found for ifa in case.addresses(place) if ifa.local != address)
    return sum(in_prefix(ifa, address) for ifa in others)


def _kind(case: Case, at: Place) -> str | None:
    link = case.link(at)
    return link.kind if link is not None else None


def _loose(case: Case, at: Place) -> bool:
    ns, link = case.host.namespace(at.inode), case.link(at)
    if (
        ns is None
        or link is None
        or link.loopback
        or link.master
        or link.kind in ("bridge", "vxlan", "macvlan")
    ):
        return False
    pair = case.peer(at)
    if pair is not None and pair.inode == at.inode:
        return False
    if not ns.links_of_kind("bridge") or case.addresses(at) or conf_or(ns, link.name, "proxy_arp"):
        return False
    return not any(
        hop.oif == at.ifindex for route in ns.routes() if route.family == 2 for hop in route.nexthops
    )
