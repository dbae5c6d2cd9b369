"""Devices that are administratively down, and what comes back when one is set up again."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.facts.host import covers
from netdoctor.facts.records import RT_SCOPE_LINK, NextHop, Route
from netdoctor.fix.carrier import CarrierOn
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.layer2 import SetUp
from netdoctor.fix.layer3 import AddRoute
from netdoctor.kernel import topology
from netdoctor.kernel.endings import (
    Ending,
    LinkDown,
    NoCarrier,
    NoRoute,
    NotForwardedByBridge,
    TunnelRefused,
    VxlanNotSent,
    VxlanRefused,
    WgRefused,
)
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import way
from netdoctor_checks._vteps import vtep


def is_down(case: Case, place: Place | None) -> bool:
    """Tell whether the device is known and administratively down."""
    link = case.link(place) if place is not None and place.ifindex else None
    return link is not None and not link.up


def at_the_end(case: Case, end: Ending) -> list[Place]:
    """The devices that are down and that the ending itself names: its own, its bridge, the other end of its cable."""
    if isinstance(end, LinkDown):
        named: list[Place | None] = [end.at]
    elif isinstance(end, NoCarrier):
        named = [end.at, end.peer, *_ports_down(case, end.at)]
    elif isinstance(end, NotForwardedByBridge) and end.why == "state":
        named = [end.bridge, end.at, case.peer(end.at)]
    elif isinstance(end, TunnelRefused | WgRefused) and end.why == "down":
        named = [end.device]
    elif isinstance(end, VxlanRefused) and end.why in ("port-closed", "device-down"):
        port = end.packet.dport
        named = [
            v for v, link in topology.vteps(case.host) if link.vxlan is not None and link.vxlan.port == port
        ]
        named = [v for v in named if v is not None and v.inode == end.at.inode]
    else:
        named = []
    return [place for place in dict.fromkeys(named) if place is not None and is_down(case, place)]


def _ports_down(case: Case, at: Place) -> Iterator[Place]:
    """Of a bridge without carrier: its ports that are down, and the far ends that are."""
    for port in case.ns(at).ports(at.ifindex):
        place = Place(at.inode, port.index)
        yield place
        if (peer := case.peer(place)) is not None:
            yield peer


def on_the_way(case: Case, end: Ending) -> list[Place]:
    """The devices that are down between the sender of the hop and the owner of its address."""
    return [place for place in way(case, end) if is_down(case, place)]


def behind_no_route(case: Case, end: Ending) -> list[Place]:
    """The devices of a namespace without a route whose routes are gone because they are down, likeliest first."""
    if isinstance(end, NoRoute):
        inode, destination = end.at.inode, end.destination
    elif isinstance(end, VxlanNotSent) and end.why == "no-route" and (by := vtep(case, end.at)) is not None:
        inode, destination = by.home, end.remote
    else:
        return []
    down = [link for link in case.ns(inode).links() if not link.up and not link.loopback]
    found = [place for link in down if _had_routes(case, place := Place(inode, link.index), destination)]
    return sorted(found, key=lambda place: not _covers(case, place, destination))


def _had_routes(case: Case, place: Place, destination: str) -> bool:
    """Tell whether routes may have led out of the device: it has an address, or the destination is on its cable."""
    link = case.link(place)
    if case.addresses(place) or (link is not None and link.kind == "vrf"):
        return True
    return any(owner in case.segment(place) for owner in case.owners(destination))


def _covers(case: Case, place: Place, destination: str) -> bool:
    held = case.addresses(place)
    return not held or any(covers(ifa.address or ifa.local, ifa.prefixlen, destination) for ifa in held)


def bring_up(case: Case, place: Place, end: Ending | None = None) -> Fix:
    """The fix that sets a device up, with what gets its carrier back from that elsewhere.

    Where a rejecting route stepped in for the one that was lost with the device, that one is set again.
    """
    changes: list[Change] = [SetUp(place.inode, place.ifindex), *gains(case, place, {place})]
    stepped_in = end.route if isinstance(end, NoRoute) and end.at.inode == place.inode else None
    if stepped_in is not None and stepped_in.prefixlen < 32 and not case.addresses(place):
        assert isinstance(end, NoRoute)
        hop = (NextHop(place.ifindex),)
        lost = Route(2, stepped_in.table, end.destination, 32, "unicast", hop, scope=RT_SCOPE_LINK)
        changes.append(AddRoute(place.inode, lost))
        return Fix(
            f"set {case.where(place)} up and its route to {end.destination} again", tuple(changes), "low"
        )
    return Fix(f"set {case.where(place)} up", tuple(changes), "low")


def gains(case: Case, place: Place, known: set[Place]) -> Iterator[CarrierOn]:
    """The devices that have a carrier once `place` is up: the pair's other end, the ports' bridge, macvlan children."""
    link = case.link(place)
    peer = case.peer(place) if link is not None and link.kind == "veth" else None
    near = [peer] if peer is not None else []
    near += topology.children(case.host, place)
    if link is not None and link.master:
        near += topology.children(case.host, Place(place.inode, link.master))
    for other in near:
        if other not in known and not is_down(case, other) and case.link(other) is not None:
            known.add(other)
            yield CarrierOn(other.inode, other.ifindex)
            if case.peer(other) == place:
                yield from (gain for gain in _upper(case, other, known))


def _upper(case: Case, place: Place, known: set[Place]) -> Iterator[CarrierOn]:
    """What stands on a device that just got its carrier: its macvlan children, and those of its bridge."""
    link = case.link(place)
    homes = [place, Place(place.inode, link.master)] if link is not None and link.master else [place]
    for home in homes:
        for child in topology.children(case.host, home):
            if child not in known and not is_down(case, child):
                known.add(child)
                yield CarrierOn(child.inode, child.ifindex)
