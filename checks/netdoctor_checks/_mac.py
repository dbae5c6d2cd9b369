"""Stations and their lladdrs: who has one, how to give another, and what must then be forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.flush import FlushNeighbour
from netdoctor.fix.layer2 import SetLladdr
from netdoctor.kernel import topology
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import Hop, cable, doors, station


def lladdr(case: Case, place: Place) -> str | None:
    """The lladdr of the device at a place."""
    link = case.link(place)
    return link.address if link is not None else None


def stations_with(case: Case, near: Place, address: str) -> list[Place]:
    """The running stations on the segment of `near` with this lladdr; a macvlan and the parent it copies are one."""
    found: list[Place] = []
    for place in case.segment(near):
        link = case.link(place)
        if link is None or link.address != address or not link.up or not station(case, place):
            continue
        if link.kind in ("bridge", "vxlan"):
            continue
        related = {case.peer(place), *topology.children(case.host, place)}
        if not related.intersection(found):
            found.append(place)
    return found


def bridges_near(case: Case, hop: Hop) -> list[Place]:
    """The bridges on the hop's segment, nearest first."""
    return [
        place
        for place in case.segment(hop.at)
        if (link := case.link(place)) is not None and link.kind == "bridge"
    ]


def talkers(case: Case, hop: Hop) -> list[Place]:
    """The two sides of a hop: the owners of its address, then the sender."""
    return [*doors(case, hop), hop.at]


def fresh(case: Case, place: Place) -> str:
    """A locally administered unicast lladdr that nobody on the segment has: from the device's own IPv4 address."""
    taken = {lladdr(case, other) for other in case.segment(place)}
    held = case.addresses(place)
    octets = [
        int(part)
        for part in (
            held[0].local if held else f"0.0.{place.ifindex >> 8 & 255}.{place.ifindex & 255}"
        ).split(".")
    ]
    for number in range(256):
        found = ":".join(f"{part:02x}" for part in (0x02, 0x42 + number & 0xFF, *octets))
        if found not in taken:
            return found
    return "02:00:00:00:00:01"


def another_lladdr(case: Case, place: Place) -> Fix:
    """The fix that gives a device an lladdr of its own and makes its neighbours forget the old one."""
    new = fresh(case, place)
    changes: tuple[Change, ...] = (SetLladdr(place.inode, place.ifindex, new), *_forgetting(case, place))
    return Fix(f"give {case.where(place)} the lladdr {new}, which nobody here has", changes, "medium")


def _forgetting(case: Case, place: Place) -> Iterator[FlushNeighbour]:
    held = {ifa.local for ifa in case.addresses(place)}
    for other in case.segment(place):
        ns = case.host.namespace(other.inode)
        if ns is None or other.inode == place.inode or not station(case, other):
            continue
        for address in sorted(held):
            entry = ns.neighbour(other.ifindex, address)
            if entry is not None and entry.state != "PERMANENT":
                yield FlushNeighbour(other.inode, other.ifindex, address)


def right_lladdrs(case: Case, hop: Hop) -> list[str]:
    """The lladdrs by which the next hop can be reached; on a pair whose far end stands in for it, the far end's."""
    places = doors(case, hop)
    if not places:
        peer = case.peer(hop.at)
        places = [peer] if peer is not None and station(case, peer) else []
    return [address for place in dict.fromkeys(places) if (address := lladdr(case, place)) is not None]


def port_namesakes(
    case: Case, start: Place, talker: Place, owners: list[Place]
) -> Iterator[tuple[Place, Place, str]]:
    """The bridge ports on the way that have the lladdr of the one who talks."""
    address = lladdr(case, talker)
    for place in cable(case, start, talker) or [p for owner in owners for p in cable(case, start, owner)]:
        link = case.link(place)
        if link is not None and link.kind == "bridge":
            for port in case.ns(place).ports(place.ifindex):
                if port.address == address and address is not None:
                    yield Place(place.inode, port.index), place, address
