"""RTE015: the route is there, in the table of another domain than the packet is in."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import Route
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute, route_words
from netdoctor.kernel import l3mdev
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._decisions import decisions
from netdoctor_checks._hop import helps


@check("RTE015")
def vrf_route_elsewhere(end: Ending, case: Case) -> Iterator[Finding]:
    """The route is in another table than the packet's VRF, or none, is looked up in.

    ## What it means
    A packet that came in by a port of a VRF is looked up in the VRF's table, all others in main. The route that it
    needs is in the other one: of another VRF, in main, or in a VRF while the packet is in none.

    ## Why it breaks the path
    fib_rules_lookup() asks the table of the VRF by the rule for l3mdev, and main only if nothing matches there: a
    default route, or the usual `unreachable default`, ends the search. The tables of other VRFs are not asked.
    Programs that are bound to no VRF see main alone (ip-vrf(8)).

    ## See it yourself
    `ip route get ADDRESS iif PORT` (or `ip route get ADDRESS vrf NAME`) shows what the packet meets; `ip route show
    table all` shows where the route is.

    ## How to fix it
    Add the route to the table that is asked: `ip route add PREFIX … vrf NAME` (or `table N`). To leak between VRFs,
    name the device of the other one in the route; the way back needs one too. A program is put into a VRF with `ip
    vrf exec NAME PROGRAM`, a ping with `ping -I NAME`.

    ## Often taken for
    A missing route: it is there in the list of all tables.
    """
    for decision in decisions(case, end):
        ns, flow = case.ns(decision.inode), decision.flow
        if not ns.links_of_kind("vrf"):
            continue
        table = l3mdev.table(ns, ns.link_named(flow.iif)) or 254
        others = dict.fromkeys((254, *(link.vrf.table for link in ns.links_of_kind("vrf") if link.vrf is not None)))
        for other in others:
            held = ns.routes_to(other, flow.dst) if other != table else ()
            for route in [found for found in held if found.type == "unicast"][:1]:
                yield from _finding(case, decision.inode, replace(route, table=table, protocol=3, priority=0), other)


def _finding(case: Case, inode: int, route: Route, other: int) -> Iterator[Finding]:
    words = " ".join(route_words(case.ns(inode), route))
    fix = Fix(f"add the route {words} in {case.label(inode)}", (AddRoute(inode, route),), "medium")
    if helps(case, fix):
        yield Finding(
            f"the route to {route.dst}/{route.prefixlen} in {case.label(inode)} is in table {other}, not {route.table}",
            f"The packet is looked up in table {route.table}, and the route that it needs is in table {other}.",
            Place(inode, 0),
            (
                Proof("the route is in another table", case.ip(inode, "route", "show", "table", str(other))),
                Proof("the tables that are asked", case.ip(inode, "rule", "show")),
            ),
            fix,
        )
