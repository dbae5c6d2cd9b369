"""A gateway that nobody is: who uses it, and which device was it."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.kernel.endings import NeighbourUnresolved
from netdoctor.kernel.packet import Place
from netdoctor.kernel.source import in_prefix
from netdoctor_checks._routes import MAX_SIBLINGS, forwards, gateways, leads, siblings
from netdoctor_checks._stacked import slaves
from netdoctor_checks._wiring import Sought, covering, owned_nearby, tunnelled


def missing_gateway(case: Case, end: NeighbourUnresolved) -> Sought | None:
    """The gateway that was asked for, if nobody on the segment has its address; None too within tunnels."""
    hop = Sought(end.at, end.asker.address)
    if hop.address == end.packet.dst or tunnelled(case, end) or case.host.namespace(hop.at.inode) is None:
        return None
    return None if owned_nearby(case, hop) else hop


def users(case: Case, hop: Sought) -> list[Place]:
    """Other namespaces placed like the one that asks which have a route via the same gateway."""
    found: dict[int, Place] = {}
    for place in siblings(case, hop.at):
        if len(found) >= MAX_SIBLINGS or place.inode in found or case.host.namespace(place.inode) is None:
            continue
        hops = [way for route in case.ns(place).routes() if route.family == 2 for way in route.nexthops]
        if any(way.gateway == hop.address and way.oif == place.ifindex for way in hops):
            found[place.inode] = place
    return list(found.values())


def other_gateways(case: Case, hop: Sought, destination: str) -> list[Place]:
    """Devices on the segment, with an address of its subnet, whose namespaces would forward to the destination."""
    return [place for place, _ in gateways(case, hop.at, destination) if forwards(case, place)]


def _carries(case: Case, place: Place, destination: str) -> bool:
    """An ipvlan over the device has the destination: that needs neither a route here nor forwarding."""
    return any(owner in slaves(case, place) for owner in case.owners(destination))


def homes(case: Case, hop: Sought, destination: str, certain: bool) -> Iterator[tuple[Place, int]]:
    """The devices that may have lost the gateway's address, and the length of its prefix.

    They have a way on to the destination and no address of that subnet; with `certain` (others use the gateway too)
    one that has another address there will do as well.
    """
    own = covering(case, hop.at, hop.address)
    prefixlen = own[0].prefixlen if own else 32
    twins = {place.inode for place in case.owners(hop.address)}
    for place in case.segment(hop.at):
        link = case.link(place)
        if place.inode == hop.at.inode or link is None or link.master or link.loopback or link.noarp:
            continue
        if not leads(case, place, destination) and not _carries(case, place, destination):
            continue
        if not own and place.inode not in twins:
            continue
        there = [ifa for ifa in case.addresses(place) if own and in_prefix(own[0], ifa.local)]
        if not there or (certain and forwards(case, place)):
            yield place, prefixlen
