"""VTEPs of a bridged overlay that are in no bridge, and the bridges that they may belong to."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.facts.links import Link
from netdoctor.fix.change import Change
from netdoctor.fix.layer2 import SetMaster
from netdoctor.kernel import topology
from netdoctor_checks._vxlan import Vtep, overlay, vtep


def nearby(case: Case) -> list[Vtep]:
    """The VTEPs of the namespaces that the packet came by, and of those around the destination."""
    inodes = {step.at.inode for step in case.walk.steps}
    inodes |= {place.inode for owner in case.owners(case.target) for place in case.segment(owner)}
    known = [vtep(case, place) for place, _ in topology.vteps(case.host) if place.inode in inodes]
    return [one for one in known if one is not None]


def each(loose: list[tuple[Vtep, Link]], changes: list[SetMaster]) -> tuple[Change, ...]:
    """One change for every loose VTEP: together they may help where one alone does not."""
    return tuple(
        {one.at: change for (one, _), change in reversed(list(zip(loose, changes, strict=True)))}.values()
    )


def is_loose(case: Case, one: Vtep) -> bool:
    """A VTEP without master and without addresses, while a fellow is a port, or nothing is routed through it."""
    if one.link.master or case.addresses(one.at):
        return False
    ns, index = case.ns(one.at), one.at.ifindex
    used = any(hop.oif == index for route in ns.routes() if route.family == 2 for hop in route.nexthops)
    return any(v.link.master for v in overlay(case, one)) or not used


def bridges_for(case: Case, one: Vtep) -> list[Link]:
    """The bridges it may belong to, those with a fellow's bridge's name first; none that has a VTEP already."""
    ns = case.ns(one.at)
    names = {case.ns(v.at).link(v.link.master) for v in overlay(case, one) if v.link.master}
    wanted = {link.name for link in names if link is not None}
    found = [
        link
        for link in ns.links_of_kind("bridge")
        if all(port.kind != "vxlan" for port in ns.ports(link.index))
    ]
    return sorted(found, key=lambda link: link.name not in wanted)[:3]
