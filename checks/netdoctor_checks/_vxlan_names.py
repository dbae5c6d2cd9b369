"""A VTEP's neighbour entry that names an lladdr the owner of the address does not have, and two ways to mend it."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.facts.links import Record
from netdoctor.facts.records import Neighbour
from netdoctor.fix.change import Change
from netdoctor.fix.layer2 import DeleteNeighbour, SetNeighbour
from netdoctor.fix.vxlan import AddRemote
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Arp, Place
from netdoctor_checks._underlay import addresses, reaches
from netdoctor_checks._vxlan import Sent, Vtep, behind, owners_near, sent, towards, vtep, vteps
from netdoctor_checks._vxlan_fixes import lladdr_changes, remote


class Named(Record, frozen=True):
    """The VTEP with the entry, what the entry says, and the device that has the address, with the lladdr it has."""

    by: Vtep
    address: str
    lladdr: str
    owner: Place
    right: str
    there: Vtep | None


def named_by(case: Case, end: Ending, one: Sent) -> Named | None:
    """The entry by which the frame got its destination, where that is wrong."""
    entry = _proxied(case, one) if one.by.link.master else _resolved(case, end, one.by.at)
    if entry is None or entry.lladdr is None or entry.lladdr != one.frame.dst:
        return None
    held = owners_near(case, entry.dst, one.by)
    if not held and not one.by.link.master:
        payload = one.frame.payload
        there = towards(case, payload.tip if isinstance(payload, Arp) else payload.dst, one.by)
        held = [there.at] if there is not None else []
    links = {place: link for place in held if (link := case.link(place)) is not None and link.address}
    if not links or any(link.address == entry.lladdr for link in links.values()):
        return None
    owner, link = next(iter(links.items()))
    right = link.address or ""
    found = vtep(case, owner) or behind(case, right, one.by)
    return Named(one.by, entry.dst, entry.lladdr, owner, right, found)


def misled(case: Case, end: Ending) -> bool:
    """Tell whether the packet got where it ended only by an entry at a VTEP that names the wrong lladdr."""
    one = sent(case, end)
    return one is not None and named_by(case, end, one) is not None


def _resolved(case: Case, end: Ending, at: Place) -> Neighbour | None:
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.stage == "neighbour" and step.at == at:
            return next((fact for fact in step.facts if isinstance(fact, Neighbour)), None)
    return None


def _proxied(case: Case, one: Sent) -> Neighbour | None:
    payload = one.frame.payload
    if not one.by.data.proxy or isinstance(payload, Arp):
        return None
    return case.ns(one.by.at).neighbour(one.by.at.ifindex, payload.dst)


def told(case: Case, wrong: Named) -> tuple[tuple[Change, ...], str]:
    """Write the true lladdr at the VTEP that sends, with a remote for it; forget what others believed through it."""
    at = wrong.by.at
    changes: list[Change] = [SetNeighbour(at.inode, at.ifindex, wrong.address, wrong.right)]
    if wrong.there is not None and not reaches(case, wrong.by, wrong.there, wrong.right):
        dst = addresses(case, wrong.there, wrong.by)[:1]
        changes += [AddRemote(at.inode, remote(wrong.by, wrong.right, dst[0]))] if dst else []
    for place in {step.at for step in case.walk.steps if step.stage == "neighbour"}:
        ns = case.host.namespace(place.inode)
        entry = ns.neighbour(place.ifindex, wrong.address) if ns is not None else None
        if entry is not None and place != at and entry.lladdr == wrong.lladdr:
            changes.append(DeleteNeighbour(place.inode, place.ifindex, wrong.address))
    return tuple(changes), f"say that {wrong.address} is at {wrong.right}"


def set_back(case: Case, wrong: Named) -> tuple[tuple[Change, ...], str]:
    """Give the far VTEP the lladdr that it is believed to have."""
    there = wrong.there
    if (
        there is None
        or there.at != wrong.owner
        or any(v.link.address == wrong.lladdr for v in vteps(case, there.home))
    ):
        return (), ""
    name = f"{case.name(there.at)} in {case.label(there.at)}"
    return lladdr_changes(case, there, wrong.lladdr), f"give {name} its former lladdr {wrong.lladdr} back"
