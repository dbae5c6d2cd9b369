"""What the VXLAN checks say and change: addresses of nodes, proofs, and the pieces of their fixes."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.records import NUD_FIXED, FdbEntry
from netdoctor.fix.change import Change
from netdoctor.fix.layer2 import SetLladdr, SetNeighbour
from netdoctor.fix.vxlan import RecreateVxlan, lost_routes
from netdoctor.kernel.packet import Place
from netdoctor_checks._vxlan import Vtep, overlay, vteps


def fdb_proof(case: Case, at: Place, statement: str) -> Proof:
    """Show the remotes of a VTEP."""
    return Proof(statement, case.bridge(at, "fdb", "show", "dev", case.name(at)))


def link_proof(case: Case, at: Place, statement: str) -> Proof:
    """Show a device with its attributes."""
    return Proof(statement, case.ip(at, "-d", "link", "show", "dev", case.name(at)))


def node(case: Case, one: Vtep) -> str:
    """The node of a VTEP: the namespace whose routes its outer packets take."""
    return case.label(one.home)


def remote(by: Vtep, lladdr: str, dst: str) -> FdbEntry:
    """A new permanent remote of a VTEP."""
    return FdbEntry(by.at.ifindex, lladdr, dst=dst)


def elsewhere(entry: FdbEntry, dst: str) -> FdbEntry:
    """The same entry with another remote."""
    return replace(entry, dst=dst, via=0)


def lladdr_changes(case: Case, one: Vtep, lladdr: str) -> tuple[Change, ...]:
    """Give a VTEP another lladdr, and its own permanent neighbours back, which it loses by that."""
    held = [n for n in case.ns(one.at).neighbours() if n.ifindex == one.at.ifindex and not n.proxy]
    kept = [
        SetNeighbour(one.at.inode, one.at.ifindex, n.dst, n.lladdr)
        for n in held
        if n.lladdr and n.state in NUD_FIXED
    ]
    return (SetLladdr(one.at.inode, one.at.ifindex, lladdr), *kept)


def believed(case: Case, address: str, besides: tuple[Vtep, ...]) -> Counter[str]:
    """The lladdrs that the permanent neighbours of other VTEPs name for an address, with how many do."""
    found: Counter[str] = Counter()
    for one in vteps(case, besides[0].home):
        if all(one.at != other.at for other in besides):
            entry = case.ns(one.at).neighbour(one.at.ifindex, address)
            if entry is not None and entry.lladdr and entry.state in NUD_FIXED:
                found[entry.lladdr] += 1
    return found


def has_fixed(case: Case, one: Vtep) -> bool:
    """Tell whether a VTEP's neighbours are written for it rather than asked for."""
    held = case.ns(one.at).neighbours()
    return any(n.ifindex == one.at.ifindex and n.lladdr and n.state == "PERMANENT" for n in held)


def recreate(case: Case, one: Vtep, **fields: object) -> Change | None:
    """Make a VTEP anew with other settings; None where that cannot be done, or another device has them already."""
    data, home = replace(one.data, **fields), case.host.namespace(one.home)
    taken = any(
        v.home == one.home and v.at != one.at and (v.data.vni, v.data.port) == (data.vni, data.port)
        for v in vteps(case, one.home)
    )
    if home is None or taken or any(route.nh_id for route in lost_routes(case.ns(one.at), one.link)):
        return None
    under = home.link(data.link) if data.link else None
    return RecreateVxlan(
        one.at.inode, one.at.ifindex, data, home.id, under.name if under is not None else None
    )


def odd_first(
    case: Case, by: Vtep, there: Vtep, field: str
) -> tuple[tuple[Vtep, object], tuple[Vtep, object]]:
    """Two VTEPs that differ in `field`, each with the other's value: first the one that most others do not agree with.

    Where nobody else votes, a device's name that ends in its VNI speaks for it; else the far one is the odd one.
    """
    mine, theirs = getattr(by.data, field), getattr(there.data, field)
    others = [
        v
        for v in {v.at: v for one in (by, there) for v in overlay(case, one)}.values()
        if v.at not in (by.at, there.at)
    ]
    votes = Counter(getattr(v.data, field) for v in others)
    doubt = votes[mine] == votes[theirs] and field == "vni" and there.link.name.endswith(str(theirs))
    odd_is_near = votes[theirs] > votes[mine] or (doubt and not by.link.name.endswith(str(mine)))
    near, far = (by, theirs), (there, mine)
    return (near, far) if odd_is_near else (far, near)
