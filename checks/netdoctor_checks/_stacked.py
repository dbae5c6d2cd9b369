"""VLAN devices, ipvlans and bonds on the packet's way."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.facts.links import Ipvlan, Vlan
from netdoctor.facts.records import NextHop, Route
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute, route_words
from netdoctor.fix.stacked import RetagVlan, SetIpvlan
from netdoctor.kernel import topology
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor.kernel.source import in_prefix

RTPROT_BOOT = 3

VLAN_PROTOCOLS = {0x8100: "802.1Q", 0x88A8: "802.1ad"}


def met(case: Case, end: Ending) -> list[Place]:
    """The devices that the packet came by, the last one first, each once."""
    steps = case.walk.steps
    return list(dict.fromkeys(steps[number].at for number in reversed(case.walk.chain(end.step))))


def vlan_name(vlan: Vlan) -> str:
    """`VLAN 10`, or `802.1ad VLAN 10`."""
    return f"VLAN {vlan.vid}" if vlan.protocol == 0x8100 else f"{VLAN_PROTOCOLS[vlan.protocol]} VLAN {vlan.vid}"


def retag(case: Case, place: Place, vid: int, protocol: int) -> Fix | None:
    """Make a VLAN device again for another VLAN; None where its parent is in another namespace."""
    link, parent = case.link(place), case.peer(place)
    under = case.link(parent) if parent is not None else None
    if link is None or link.vlan is None or under is None or parent is None or parent.inode != place.inode:
        return None
    wanted = replace(link.vlan, vid=vid, protocol=protocol)
    own = link.address if link.address != under.address else None
    change = RetagVlan(place.inode, place.ifindex, under.name, wanted, own)
    return Fix(f"make {case.where(place)} again for {vlan_name(wanted)}", (change,), "medium")


def slaves(case: Case, parent: Place) -> list[Place]:
    """The ipvlans over a device."""
    return topology.children(case.host, parent, "ipvlan")


def data(case: Case, place: Place) -> Ipvlan | None:
    """Mode and flag of an ipvlan; None for any other device."""
    link = case.link(place)
    return (link.ipvlan or Ipvlan()) if link is not None and link.kind == "ipvlan" else None


def siblings(case: Case, end: Ending) -> Iterator[tuple[Place, Place, Place]]:
    """Ipvlans that the packet came by, each with its parent and the sibling that has the address asked for."""
    for place in met(case, end):
        parent = case.peer(place) if data(case, place) is not None else None
        for other in slaves(case, parent) if parent is not None else []:
            goal = {ifa.local for ifa in case.addresses(other)}
            if parent is not None and other != place and goal & {case.target, _asked(end)}:
                yield place, parent, other


def _asked(end: Ending) -> str:
    return end.flow.asker.address if end.flow.asker is not None else ""


def set_ipvlan(case: Case, parent: Place, wanted: Ipvlan) -> Fix | None:
    """Set mode and flag of all slaves of a parent: one command on any of them does it."""
    found = slaves(case, parent)
    changes = tuple(SetIpvlan(place.inode, place.ifindex, wanted) for place in found)
    if not found:
        return None
    what = f"set the ipvlans over {case.where(parent)} to mode {wanted.mode} {wanted.flag}"
    return Fix(what, changes, "medium")


def route_via(case: Case, place: Place, address: str, parent: Place) -> Fix | None:
    """A route to the slave via an address of its parent, from a namespace on that address' subnet."""
    for ifa in case.addresses(parent):
        near = [own for own in case.ns(place).addresses() if own.family == 2 and in_prefix(own, ifa.local)]
        if near and place.inode != parent.inode and near[0].local != address:
            hop = (NextHop(near[0].ifindex, ifa.local),)
            route = Route(2, 254, address, 32, "unicast", hop, protocol=RTPROT_BOOT)
            words = " ".join(route_words(case.ns(place), route))
            return Fix(f"add the route {words} in {case.label(place)}", (AddRoute(place.inode, route),))
    return None
