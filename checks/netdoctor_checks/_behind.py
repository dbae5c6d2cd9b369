"""Routes for less usual places: an address that its owner has on lo or a bridge, a next router that is broken too."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.facts.records import RT_SCOPE_LINK, NextHop, Route
from netdoctor.kernel import topology
from netdoctor.kernel.packet import Place
from netdoctor_checks._routes import RTPROT_BOOT, layer3_devices, via, ways
from netdoctor_checks._tunnels import prefixes_of


def ways_behind(case: Case, inode: int, destination: str) -> Iterator[Route]:
    """Candidate routes to `destination` by way of its owner's other devices and addresses, direct ones first."""
    for owner in case.owners(destination):
        ns = case.host.namespace(owner.inode)
        if ns is None or owner.inode == inode:
            continue
        doors = [Place(owner.inode, link.index) for link in layer3_devices(ns) if link.index != owner.ifindex]
        for door in doors:
            yield from _direct(case, inode, destination, door)
        for door in doors:
            for ifa in case.addresses(door):
                yield from _as_to(case, inode, destination, ifa.local)


def _direct(case: Case, inode: int, destination: str, door: Place) -> Iterator[Route]:
    """Out of the device that is cabled to `door`; via the owner's address there, where both have one in a subnet."""
    for at in (place for place in case.segment(door) if place.inode == inode):
        link = case.link(at)
        if link is None or link.master or link.loopback:
            continue
        mine = case.addresses(at)
        for ifa in case.addresses(door):
            if any(own.prefixlen < 32 and own.prefixlen == ifa.prefixlen for own in mine):
                yield via(case, at, (destination, 32), ifa.local)
        hops = (NextHop(at.ifindex),)
        yield Route(2, 254, destination, 32, "unicast", hops, scope=RT_SCOPE_LINK, protocol=RTPROT_BOOT)


def _as_to(case: Case, inode: int, destination: str, other: str) -> Iterator[Route]:
    """The ways through a gateway that lead to another address of the owner."""
    for route in ways(case, inode, other):
        if any(hop.gateway for hop in route.nexthops):
            yield replace(route, dst=destination, prefixlen=32) if route.prefixlen else route


def ways_nearer(case: Case, inode: int, destination: str) -> Iterator[Route]:
    """Candidate routes via neighbours that are nearer to the owner by cabling, whether or not they know the way on."""
    ns = case.host.namespace(inode)
    near = topology.distances(case.host, case.owners(destination), routed=True)
    found: list[tuple[int, Route]] = []
    for link in layer3_devices(ns) if ns is not None else ():
        at = Place(inode, link.index)
        for place in case.segment(at) if link.up else ():
            if place.inode == inode or near.get(place, 0) >= near.get(at, 0):
                continue
            for ifa in case.addresses(place):
                found += [
                    (near.get(place, 0), via(case, at, it, ifa.local))
                    for it in prefixes_of(case, destination)
                ]
    yield from (route for _, route in sorted(found, key=lambda item: item[0]))
