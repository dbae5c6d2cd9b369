"""What the VXLAN checks share: which VTEP sent the packet, by which entry, and which one it was meant for."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.facts.links import Record
from netdoctor.facts.records import FdbEntry
from netdoctor.kernel import topology
from netdoctor.kernel.endings import Ending, NeighbourUnresolved, NoVtep, VxlanNotSent
from netdoctor.kernel.packet import ZERO_MAC, Arp, Asker, Frame
from netdoctor_checks._vteps import Vtep, local_segment, overlay, owners_near, vtep, vteps

__all__ = [
    "Sent", "Vtep", "asked", "behind", "flooding", "local_segment", "overlay", "owners_near", "sent", "sent_home",
    "target", "towards", "vtep", "vteps",
]  # fmt: skip


class Sent(Record, frozen=True):
    """What a VTEP did, or should have done, with a frame: the entry it took."""

    by: Vtep
    frame: Frame
    entry: FdbEntry | None


def sent(case: Case, end: Ending) -> Sent | None:
    """The last encapsulation on the way to the ending, or the one that could not be made."""
    if isinstance(end, NoVtep | VxlanNotSent) and (by := vtep(case, end.at)) is not None:
        frame = end.frame if isinstance(end, NoVtep) else end.inner
        entry = end.entry if isinstance(end, VxlanNotSent) else None
        return Sent(by, frame, entry or _looped(case, end)) if frame is not None else None
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if (
            step.action == "encapsulate"
            and isinstance(step.carries, Frame)
            and (by := vtep(case, step.at)) is not None
        ):
            entry = next((fact for fact in step.facts if isinstance(fact, FdbEntry)), None)
            return Sent(by, step.carries, entry)
    return None


def _looped(case: Case, end: Ending) -> FdbEntry | None:
    facts = case.walk.steps[end.step].facts if end.step >= 0 else ()
    return next((fact for fact in facts if isinstance(fact, FdbEntry)), None)


def asked(end: Ending) -> Asker | None:
    """The neighbour resolution inside the overlay that an ending belongs to."""
    if isinstance(end, NeighbourUnresolved) and end.packet.inner is None and end.flow.asker is None:
        return end.asker
    return end.flow.asker


def flooding(case: Case, end: Ending) -> list[Vtep]:
    """The VTEPs that a broadcast of the exchange came to."""
    if isinstance(end, NoVtep):
        one = sent(case, end)
        return [one.by] if one is not None else []
    hop = asked(end)
    places = [] if hop is None else sorted(case.visited(hop), key=lambda at: (at.inode, at.ifindex))
    return [v for at in places if (v := vtep(case, at)) is not None]


def sent_home(case: Case, end: NeighbourUnresolved) -> Sent | None:
    """The question that nobody answered, where a VTEP sent it to its own node."""
    for step in case.walk.steps:
        entry = next((fact for fact in step.facts if isinstance(fact, FdbEntry)), None)
        by = vtep(case, step.at) if step.action == "encapsulate" else None
        if by is None or entry is None or not isinstance(step.carries, Frame):
            continue
        ns = case.host.namespace(by.home)
        if step.carries.flow.asker == asked(end) and ns is not None and ns.owners(entry.dst or ""):
            return Sent(by, step.carries, entry)
    return None


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
    if (
        not frame.multicast
        and frame.dst != ZERO_MAC
        and (found := behind(case, frame.dst, one.by)) is not None
    ):
        return found
    return towards(case, frame.payload.tip if isinstance(frame.payload, Arp) else frame.payload.dst, one.by)


def towards(case: Case, address: str, by: Vtep) -> Vtep | None:
    """The VTEP nearest to the owner of an address, unless that is the sender itself."""
    held = case.owners(address)
    named = [
        place for place in held if place.inode == case.question.destination.inode and address == case.target
    ]
    near = topology.distances(case.host, named or held, routed=True)
    known = [v for v in vteps(case, by.home) if v.at in near]
    if not known:
        return None
    like = (by.data.vni, by.link.name)
    found = min(known, key=lambda v: (near[v.at], v.data.vni != like[0], v.link.name != like[1]))
    return found if found.at != by.at else None
