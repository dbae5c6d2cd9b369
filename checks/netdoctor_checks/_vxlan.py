"""What the VXLAN checks share: which VTEP sent the packet, by which entry, and which one it was meant for."""

from __future__ import annotations

from collections import deque
from weakref import WeakKeyDictionary

from netdoctor.case import Case
from netdoctor.facts.links import Link, Record, Vxlan
from netdoctor.facts.records import FdbEntry
from netdoctor.kernel import topology
from netdoctor.kernel.endings import Ending, NeighbourUnresolved, NoVtep, VxlanNotSent
from netdoctor.kernel.packet import ZERO_MAC, Arp, Asker, Frame, Place


class Vtep(Record, frozen=True):
    """A VXLAN device, and the namespace whose routes and sockets carry its outer packets."""

    at: Place
    link: Link
    data: Vxlan
    home: int


class Sent(Record, frozen=True):
    """What a VTEP did, or should have done, with a frame: the entry it took."""

    by: Vtep
    frame: Frame
    entry: FdbEntry | None


def vtep(case: Case, at: Place) -> Vtep | None:
    """The VTEP at a place, or None where there is none."""
    link, ns = case.link(at), case.host.namespace(at.inode)
    if link is None or ns is None or link.kind != "vxlan" or link.vxlan is None:
        return None
    home = at.inode if link.link_netnsid is None else ns.peer_namespace(link.link_netnsid)
    return Vtep(at, link, link.vxlan, home) if home is not None else None


def vteps(case: Case, near: int) -> list[Vtep]:
    """The VTEPs whose underlay is cabled to the namespace `near`; namesakes in networks apart do not count."""
    known = _found.setdefault(case, {})
    if near not in known:
        all_of_them = [found for place, _ in topology.vteps(case.host) if (found := vtep(case, place)) is not None]
        homes = _cabled(case, near, {one.home for one in all_of_them})
        known[near] = [one for one in all_of_them if one.home in homes]
    return known[near]


#: One search a case, whatever number of checks ask.
_found: WeakKeyDictionary[Case, dict[int, list[Vtep]]] = WeakKeyDictionary()


def _cabled(case: Case, start: int, wanted: set[int]) -> set[int]:
    """Which of the namespaces `wanted` can be walked to from `start` without going through a tunnel."""
    found = {start} & wanted
    queue = deque(Place(start, link.index) for link in case.ns(start).links() if not link.loopback)
    seen = set(queue)
    while queue and found != wanted and len(seen) < topology.MAX_PLACES:
        place = queue.popleft()
        found |= {place.inode} & wanted
        for other in _untunnelled(case, place, routed=True):
            if other not in seen:
                seen.add(other)
                queue.append(other)
    return found


def _untunnelled(case: Case, place: Place, routed: bool) -> list[Place]:
    link = case.link(place)
    if link is None or link.kind != "vxlan":
        return topology.neighbours(case.host, place, routed)
    ns = case.ns(place)
    home = [Place(place.inode, other.index) for other in ns.links() if not other.loopback] if routed else []
    return home + ([Place(place.inode, link.master)] if link.master else [])


def sent(case: Case, end: Ending) -> Sent | None:
    """The last encapsulation on the way to the ending, or the one that could not be made."""
    if isinstance(end, NoVtep | VxlanNotSent) and (by := vtep(case, end.at)) is not None:
        frame = end.frame if isinstance(end, NoVtep) else end.inner
        entry = end.entry if isinstance(end, VxlanNotSent) else None
        return Sent(by, frame, entry or _looped(case, end)) if frame is not None else None
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.action == "encapsulate" and isinstance(step.carries, Frame) and (by := vtep(case, step.at)) is not None:
            entry = next((fact for fact in step.facts if isinstance(fact, FdbEntry)), None)
            return Sent(by, step.carries, entry)
    return None


def _looped(case: Case, end: Ending) -> FdbEntry | None:
    facts = case.walk.steps[end.step].facts if end.step >= 0 else ()
    return next((fact for fact in facts if isinstance(fact, FdbEntry)), None)


def asked(end: Ending) -> Asker | None:
    """The neighbour resolution inside the overlay that an ending belongs to."""
    if isinstance(end, NeighbourUnresolved) and end.packet.vni is None and end.flow.asker is None:
        return end.asker
    return end.flow.asker


def overlay(case: Case, one: Vtep) -> list[Vtep]:
    """The other VTEPs that share the VNI or the name with this one."""
    others = [v for v in vteps(case, one.home) if v.at != one.at]
    return [v for v in others if v.data.vni == one.data.vni or v.link.name == one.link.name]


def local_segment(case: Case, start: Place) -> dict[Place, int]:
    """The devices on one layer 2 with `start`, without what is reached through a tunnel."""
    found = {start: 0}
    queue = deque([start])
    while queue and len(found) < topology.MAX_PLACES:
        place = queue.popleft()
        for other in _untunnelled(case, place, routed=False):
            if other not in found:
                found[other] = found[place] + 1
                queue.append(other)
    return found


def behind(case: Case, lladdr: str, by: Vtep) -> Vtep | None:
    """The other VTEP on whose local segment a device with that lladdr stands (the VTEP itself counts)."""
    for one in vteps(case, by.home):
        if one.at == by.at:
            continue
        for place in local_segment(case, one.at) if one.link.master else {one.at: 0}:
            link = case.link(place)
            if link is not None and link.address == lladdr:
                return one
    return None


def target(case: Case, one: Sent) -> Vtep | None:
    """The VTEP that the frame was meant for: by its lladdr, else by where the owner of the address is."""
    frame = one.frame
    if not frame.multicast and frame.dst != ZERO_MAC and (found := behind(case, frame.dst, one.by)) is not None:
        return found
    return towards(case, frame.payload.tip if isinstance(frame.payload, Arp) else frame.payload.dst, one.by)


def towards(case: Case, address: str, by: Vtep) -> Vtep | None:
    """The VTEP nearest to the owner of an address, unless that is the sender itself."""
    held = case.owners(address)
    named = [place for place in held if place.inode == case.question.destination.inode and address == case.target]
    near = topology.distances(case.host, named or held, routed=True)
    known = [v for v in vteps(case, by.home) if v.at in near]
    if not known:
        return None
    like = (by.data.vni, by.link.name)
    found = min(known, key=lambda v: (near[v.at], v.data.vni != like[0], v.link.name != like[1]))
    return found if found.at != by.at else None
