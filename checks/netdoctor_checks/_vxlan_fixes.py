"""What the VXLAN checks say and change: addresses of nodes, proofs, and the pieces of their fixes."""

from __future__ import annotations

from collections import Counter

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.host import covers
from netdoctor.facts.links import Link
from netdoctor.facts.records import NUD_FIXED, FdbEntry
from netdoctor.fix.change import Change
from netdoctor.fix.layer2 import SetLladdr, SetNeighbour
from netdoctor.fix.vxlan import RecreateVxlan, lost_routes
from netdoctor.kernel.packet import Place, is_multicast
from netdoctor_checks._vxlan import Vtep, overlay, vteps


def owned(case: Case, inode: int, address: str | None) -> bool:
    """Tell whether a namespace carries an address."""
    ns = case.host.namespace(inode)
    return ns is not None and address is not None and bool(ns.owners(address))


def addresses(case: Case, there: Vtep, by: Vtep) -> list[str]:
    """The addresses by which `by` may reach the VTEP `there`, the likeliest first."""
    ns, here = case.host.namespace(there.home), case.host.namespace(by.home)
    if ns is None or here is None:
        return []
    found = [there.data.local] if there.data.local and owned(case, there.home, there.data.local) else []
    for one in overlay(case, there):
        table = case.ns(one.at).fdb(one.at.ifindex, there.link.address or "")
        found += [e.dst for e in table if e.dst and owned(case, there.home, e.dst)]
    mine = [ifa for ifa in here.addresses() if ifa.family == 2]
    own = [ifa.local for ifa in ns.addresses() if ifa.family == 2 and not ifa.local.startswith("127.")]
    own = [a for a in own if ":" not in a]
    found += [a for a in own if any(covers(i.address or i.local, i.prefixlen, a) for i in mine)]
    shared = [a for a in dict.fromkeys(found) if a is not None and not owned(case, by.home, a)]
    return shared[:3]


def reaches(case: Case, by: Vtep, there: Vtep, lladdr: str) -> bool:
    """Tell whether an entry of `by` for the lladdr leads to the node of `there`, or to a group."""
    entries = case.ns(by.at).fdb(by.at.ifindex, lladdr)
    remotes = [e.dst for e in entries if e.ifindex == by.at.ifindex and e.dst]
    return any(is_multicast(dst) or owned(case, there.home, dst) for dst in remotes)


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


def underlay_devices(case: Case, by: Vtep, address: str) -> list[Link]:
    """The devices of the underlay's namespace in whose subnet an address lies, VTEPs left out."""
    ns, found = case.ns(by.home), []
    for ifa in ns.addresses():
        link = ns.link(ifa.ifindex)
        if (
            link is not None
            and link.kind != "vxlan"
            and covers(ifa.address or ifa.local, ifa.prefixlen, address)
        ):
            found.append(link)
    return found
