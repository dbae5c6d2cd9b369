"""What the three checks for routes that refuse have in common."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.facts.host import Namespace
from netdoctor.facts.records import Route
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.layer3 import AddRoute
from netdoctor.kernel.endings import NoRoute
from netdoctor.kernel.fib import FibFlow, FibHit, lookup
from netdoctor.kernel.packet import Place
from netdoctor_checks._additions import additions, is_block, removal
from netdoctor_checks._decisions import prefix


def refused(case: Case, end: NoRoute, kind: str, explanation: str) -> Iterator[Finding]:
    """Findings about the route of type `kind` that refused the packet: without it, or with the right one instead."""
    route = end.route
    if route is None:
        return
    ns, at = case.ns(end.at), Place(end.at.inode, 0)
    title = f"a {kind} route for {prefix(route)} in {case.label(end.at)} refuses packets to {end.destination}"
    words = ("table", "all", "root", prefix(route)) if route.prefixlen else ("table", "all", "default")
    evidence = (
        Proof(f"the route is of type {kind}", case.ip(end.at, "route", "show", *words)),
        Proof("it is the one that decides", case.ip(end.at, "route", "get", *_question(case, end))),
    )
    if _closes_vrf(ns, route):
        why = f"{explanation} It closes the table of a VRF, as it should: no other table is asked after it."
        yield Finding(title, why, at, evidence)
        return
    without = removal(case, at.inode, route)
    added = [] if is_block(ns, route) else [*additions(case, at.inode, end.destination, end.source)]
    for fix in [without, *added] if _enough(case, end, without, added) else [*added, without]:
        yield Finding(title, explanation, at, evidence, fix)


def _closes_vrf(ns: Namespace, route: Route) -> bool:
    """The last resort in the table of a VRF: without it packets would fall through to the main table."""
    tables = [link.vrf.table for link in ns.links_of_kind("vrf") if link.vrf is not None]
    return not route.prefixlen and route.table in tables


def _enough(case: Case, end: NoRoute, without: Fix, added: list[Fix]) -> bool:
    """Tell whether a sound route comes to light once the refusing one is gone; a mere default route may not be one."""
    ns = applied(case.host, without.changes).namespace(end.at.inode)
    found = lookup(ns, FibFlow(end.destination)) if ns is not None else None
    if not added or not isinstance(found, FibHit) or found.route.prefixlen:
        return not added or isinstance(found, FibHit)
    routes = [change.route for change in added[0].changes if isinstance(change, AddRoute)]
    left = {(hop.oif, hop.gateway) for hop in found.nexthops}
    return any((hop.oif, hop.gateway) in left for route in routes for hop in route.nexthops)


def _question(case: Case, end: NoRoute) -> tuple[str, ...]:
    source = ("from", end.source) if end.source and end.source != "0.0.0.0" else ()
    return (end.destination, *source, *(("iif", case.name(end.at)) if end.forwarding else ()))
