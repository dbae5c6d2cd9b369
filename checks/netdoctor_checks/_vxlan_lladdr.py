"""How to give one of two VTEPs with the same lladdr another one, so that all others know it."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.facts.records import NUD_FIXED
from netdoctor.fix.change import Change
from netdoctor.fix.layer2 import DeleteFdb, SetNeighbour
from netdoctor.fix.vxlan import AddRemote
from netdoctor_checks._underlay import addresses, owned, reaches
from netdoctor_checks._vxlan import Sent, Vtep, local_segment, overlay, vteps
from netdoctor_checks._vxlan_fixes import believed, lladdr_changes, remote


def renamings(case: Case, one: Sent, there: Vtep) -> Iterator[tuple[Vtep, tuple[Change, ...], str]]:
    """Each VTEP that may take another lladdr, with all that has to change, the odd one of the two first."""
    if there.link.master or one.by.link.master:
        # A bridge port's own lladdr is nobody's destination: no one need be told.
        fresh = _fresh(case, there)
        yield there, lladdr_changes(case, there, fresh), fresh
        return
    for odd, other in ((there, one.by), (one.by, there)):
        lladdr = _remembered(case, odd, other)
        if lladdr is not None:
            yield odd, _renamed(case, odd, lladdr), lladdr
    for odd in (there, one.by):
        fresh = _fresh(case, odd)
        yield odd, _renamed(case, odd, fresh), fresh


def _own(case: Case, one: Vtep) -> list[str]:
    return [ifa.local for ifa in case.addresses(one.at)]


def _remembered(case: Case, odd: Vtep, other: Vtep) -> str | None:
    """The lladdr that third nodes still hold of a VTEP, if that is not the shared one."""
    for address in _own(case, odd):
        for lladdr, _ in believed(case, address, (odd, other)).most_common():
            if lladdr != odd.link.address and all(v.link.address != lladdr for v in vteps(case, odd.home)):
                return lladdr
    return None


def _fresh(case: Case, one: Vtep) -> str:
    """A locally administered address, near to the one it has, that no device on the overlay is known by."""
    taken: set[str | None] = set()
    for each in vteps(case, one.home):
        taken |= {entry.lladdr for entry in case.ns(each.at).fdb_entries()}
        for place in local_segment(case, each.at):
            link = case.link(place)
            taken.add(link.address if link is not None else None)
    octets = [int(octet, 16) for octet in (one.link.address or "02:00:00:00:00:00").split(":")]
    octets[0] = octets[0] & 0xFC | 0x02
    while (lladdr := ":".join(f"{octet:02x}" for octet in octets)) in taken:
        octets[5] = (octets[5] + 1) % 256
        octets[4] = (octets[4] + (octets[5] == 0)) % 256
    return lladdr


def _renamed(case: Case, odd: Vtep, lladdr: str) -> tuple[Change, ...]:
    changes = list(lladdr_changes(case, odd, lladdr))
    for other in overlay(case, odd):
        changes += _told(case, other, odd, lladdr)
    return tuple(changes)


def _told(case: Case, other: Vtep, odd: Vtep, lladdr: str) -> list[Change]:
    ns, changes = case.ns(other.at), list[Change]()
    for address in _own(case, odd):
        entry = ns.neighbour(other.at.ifindex, address)
        if entry is not None and entry.state in NUD_FIXED and entry.lladdr != lladdr:
            changes.append(SetNeighbour(other.at.inode, other.at.ifindex, address, lladdr))
    for held in ns.fdb(other.at.ifindex, odd.link.address or ""):
        if held.ifindex == other.at.ifindex and owned(case, odd.home, held.dst):
            changes.append(DeleteFdb(other.at.inode, held))
    if changes and not reaches(case, other, odd, lladdr):
        changes += [
            AddRemote(other.at.inode, remote(other, lladdr, dst)) for dst in addresses(case, odd, other)[:1]
        ]
    return changes
