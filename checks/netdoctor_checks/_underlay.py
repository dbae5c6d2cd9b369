"""The network under a tunnel: which addresses a VTEP is reached by, and through which devices."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.facts.host import covers
from netdoctor.facts.links import Link
from netdoctor.facts.records import RT_SCOPE_LINK, RT_TABLE_MAIN, FdbEntry, NextHop, Route
from netdoctor.kernel.packet import ZERO_MAC, Place, is_multicast
from netdoctor_checks._vxlan import Vtep, local_segment, overlay


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


def self_remote(case: Case, by: Vtep) -> FdbEntry | None:
    """An entry for flooding whose remote is the node itself."""
    entries = case.ns(by.at).fdb(by.at.ifindex, ZERO_MAC)
    return next((e for e in entries if e.dst and owned(case, by.home, e.dst)), None)


def underlay_candidates(case: Case, there: Vtep, others: list[Vtep]) -> list[int]:
    """The devices of a node by which its fellows are next to it, the one that the VTEP names first."""
    homes = {v.home for v in others}
    found: list[int] = []
    for link in case.ns(there.home).links():
        if link.index == there.data.link:
            found.insert(0, link.index)
        elif not link.loopback and link.kind not in ("vxlan", "bridge") and not link.master:
            near = local_segment(case, Place(there.home, link.index))
            found += [link.index] if any(place.inode in homes for place in near) else []
    return found


def direct_routes(case: Case, by: Vtep, there: Vtep | None, address: str) -> list[Route]:
    """Routes that reach an address straight through the devices by which the node is next to the other's."""
    cabled = underlay_candidates(case, by, [there]) if there is not None else []
    known = dict.fromkeys([*(link.index for link in underlay_devices(case, by, address)), *cabled])
    return [
        Route(2, RT_TABLE_MAIN, address, 32, nexthops=(NextHop(index),), scope=RT_SCOPE_LINK, protocol=3)
        for index in known
    ]


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
