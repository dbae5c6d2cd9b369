"""VXLAN devices: their underlays, and which of them belong together."""

from __future__ import annotations

from collections import deque
from weakref import WeakKeyDictionary

from netdoctor.case import Case
from netdoctor.facts.links import Link, Record, Vxlan
from netdoctor.kernel import topology
from netdoctor.kernel.packet import Place


class Vtep(Record, frozen=True):
    """A VXLAN device, and the namespace whose routes and sockets carry its outer packets."""

    at: Place
    link: Link
    data: Vxlan
    home: int


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
        all_of_them = [
            found for place, _ in topology.vteps(case.host) if (found := vtep(case, place)) is not None
        ]
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


def owners_near(case: Case, address: str, by: Vtep) -> list[Place]:
    """The devices with an address on the layer 2 behind any VTEP that is cabled to this one's underlay."""
    held = [place for place in case.owners(address) if place.inode != by.at.inode]
    if len(held) < 2:
        return held
    near = {place for one in vteps(case, by.home) for place in local_segment(case, one.at)}
    return [place for place in held if place in near]


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
