"""How two devices are wired, and what would put them on one layer-2 segment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.case import Case
from netdoctor.facts.records import Address, Route
from netdoctor.fix.change import Change, applied
from netdoctor.kernel import fib
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    Ending,
    NeighbourUnresolved,
    NoCarrier,
    NotForMe,
    NotForwardedByBridge,
)
from netdoctor.kernel.packet import Frame, Ip, Place
from netdoctor.kernel.source import in_prefix
from netdoctor.kernel.walk import Step

#: A next hop was not found, or what was sent to it did not arrive there.
Missed = NeighbourUnresolved | ArpNotAnswered | NotForMe | NotForwardedByBridge
#: The same, or a bridge without a single port was to send.
Apart = Missed | NoCarrier


def own_steps(case: Case, step: int) -> Iterator[Step]:
    """The steps that led to `step`, last one first, without those of tunnels that were entered and left on the way."""
    depth = 0
    for number in reversed(case.walk.chain(step)):
        taken = case.walk.steps[number]
        depth += {"decapsulate": 1, "encapsulate": -1}.get(taken.action, 0)
        if depth <= 0:
            yield taken


def sending_route(case: Case, step: int, outside: int | None = None) -> tuple[Place, Route] | None:
    """The last route, and its device, by which what ended at `step` was sent on; not one of the namespace `outside`."""
    for taken in own_steps(case, step):
        if taken.stage == "route" and taken.action in ("output", "forward") and taken.at.inode != outside:
            route = next((fact for fact in taken.facts if isinstance(fact, Route)), None)
            return (taken.at, route) if route is not None else None
    return None


class Sought(NamedTuple):
    """A next hop that was asked for, or sent to: by which device, and for which packet."""

    at: Place
    address: str


def sought(case: Case, end: Apart) -> Sought | None:
    """The next hop that what ended was meant for: of its ARP exchange, else of the route it was sent by."""
    asker = end.asker if isinstance(end, NeighbourUnresolved) else end.flow.asker
    if asker is not None:
        return Sought(Place(asker.inode, asker.ifindex), asker.address)
    sent = sending_route(case, end.step)
    if sent is None:
        return None
    at, route = sent
    hops, _ = fib.route_nexthops(case.ns(at), route)
    gateway = next((hop.gateway for hop in hops if hop.oif == at.ifindex and hop.gateway), None)
    return Sought(at, gateway or destination(case, end))


def destination(case: Case, end: Ending) -> str:
    """The destination of the packet that ended, or that waits for a next hop."""
    for taken in own_steps(case, end.step):
        packet = taken.carries.payload if isinstance(taken.carries, Frame) else taken.carries
        if isinstance(packet, Ip):
            return packet.dst
    return case.target


def cut_off(case: Case, end: Apart) -> list[tuple[Sought, Place]]:
    """The owners of the next hop, with who seeks it, if none of them is cabled to the device that does."""
    hop = sought(case, end)
    if hop is None:
        return []
    held = [place for place in case.owners(hop.address) if place.inode != hop.at.inode]
    return [] if owned_nearby(case, hop) else [(hop, place) for place in held]


def owned_nearby(case: Case, hop: Sought) -> bool:
    """Tell whether a namespace next to the seeker has the address, on whatever device: it would answer for it."""
    near = {place.inode for place in case.segment(hop.at)} - {hop.at.inode}
    return any(place.inode in near for place in case.owners(hop.address))


def tunnelled(case: Case, end: Apart) -> bool:
    """Tell whether it is a VXLAN device, or the outer packet of a tunnel, that seeks the next hop."""
    hop = sought(case, end)
    link = case.link(hop.at) if hop is not None else None
    outer = next(
        (taken.carries.inner for taken in own_steps(case, end.step) if isinstance(taken.carries, Ip)), None
    )
    return outer is not None or (link is not None and link.kind == "vxlan")


def covering(case: Case, at: Place, address: str) -> list[Address]:
    """The addresses of a device in whose prefix `address` lies."""
    return [ifa for ifa in case.addresses(at) if in_prefix(ifa, address)]


def neighbours_by_prefix(case: Case, hop: Sought, owner: Place) -> bool:
    """Tell whether the seeker and an owner of the address call each other on-link (a /32 has no opinion)."""
    held = [ifa for ifa in case.addresses(owner) if ifa.local == hop.address]
    mine = covering(case, hop.at, hop.address)
    return any(theirs.prefixlen == 32 or in_prefix(theirs, own.local) for theirs in held for own in mine)


def helps(case: Case, *changes: Change) -> bool:
    """Tell whether the changes get the packet past where it ended."""
    return case.progress(applied(case.host, changes)) > 0
