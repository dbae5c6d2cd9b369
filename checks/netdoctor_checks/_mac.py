"""Stations and their lladdrs: who has one, how to give another, and what must then be forgotten."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.flush import FlushNeighbour
from netdoctor.fix.layer2 import SetLladdr
from netdoctor.kernel import topology
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import Hop, doors, station


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
    text = held[0].local if held else f"0.0.{place.ifindex >> 8 & 255}.{place.ifindex & 255}"
    octets = [int(part) for part in text.split(".")]
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


def _forgetting(case: Case, place: Place) -> list[FlushNeighbour]:
    """Flushes of what others know of the device: on this packet's way, and wherever its segment holds an entry."""
    held, old = {ifa.local for ifa in case.addresses(place)}, lladdr(case, place)
    found: dict[FlushNeighbour, None] = {}
    for step in case.walk.steps:
        words = step.detail.rstrip("?").split()
        if step.stage == "neighbour" and step.at.inode != place.inode:
            address = words[-1] if step.action == "ask" else words[0]
            if address in held or words[-1] == old:
                found[FlushNeighbour(step.at.inode, step.at.ifindex, address)] = None
    for other in case.segment(place):
        ns = case.host.namespace(other.inode) if station(case, other) else None
        for address in sorted(held) if ns is not None and other.inode != place.inode else ():
            entry = ns.neighbour(other.ifindex, address) if ns is not None else None
            if entry is not None and entry.state != "PERMANENT":
                found[FlushNeighbour(other.inode, other.ifindex, address)] = None
    return list(found)


def right_lladdrs(case: Case, hop: Hop) -> list[str]:
    """The lladdrs by which the next hop can be reached; on a pair whose far end stands in for it, the far end's."""
    places = doors(case, hop)
    if not places:
        peer = case.peer(hop.at)
        places = [peer] if peer is not None and station(case, peer) else []
    return [address for place in dict.fromkeys(places) if (address := lladdr(case, place)) is not None]


def port_namesakes(case: Case, hop: Hop, talker: Place) -> Iterator[tuple[Place, Place, str]]:
    """The bridge ports on the hop's segment that have the lladdr of one who talks there."""
    address = lladdr(case, talker)
    for bridge in bridges_near(case, hop) if address is not None else ():
        for port in case.ns(bridge).ports(bridge.ifindex):
            if port.address == address and address is not None:
                yield Place(bridge.inode, port.index), bridge, address
