"""What the two checks for a missing route have in common."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute, SetSysctl
from netdoctor.fix.prefix import address_routes
from netdoctor.kernel.endings import ArpNotAnswered, ForwardingOff, NoRoute
from netdoctor.kernel.fib import RULE_ERRORS
from netdoctor.kernel.packet import Place
from netdoctor_checks._additions import additions, is_block, through_down
from netdoctor_checks._bare import bare
from netdoctor_checks._daemons import daemon, missing_here
from netdoctor_checks._decisions import prefix
from netdoctor_checks._router import destination_of


def lacks_route(case: Case, end: NoRoute) -> bool:
    """Tell whether the lookup failed for want of a route, and not because something else refused it."""
    if end.error == "broadcast" or (end.rule is not None and end.rule.action in RULE_ERRORS):
        return False
    return end.route is None or is_block(case.ns(end.at), end.route)


def missing_route(case: Case, end: NoRoute, title: str, explanation: str, proof: Proof) -> Iterator[Finding]:
    """One finding for each route that might be the missing one, and one without a fix where there is none."""
    if end.route is not None:
        whose = f", which is from {daemon(end.route)}," if daemon(end.route) else ""
        explanation += f" Only the blackhole for the block {prefix(end.route)}{whose} covers it."
    down = through_down(case, end.at.inode, end.destination)
    if down is not None:
        explanation += f" {down}, through which it would go, is down."
    rules = Proof(
        "the tables that were searched, in the order of the policy rules", case.ip(end.at, "rule", "show")
    )
    at = Place(end.at.inode, 0)
    fixes: list[Fix | None] = []
    if down is None and not (bare(case.ns(end.at)) and not end.forwarding):
        added = additions(case, at.inode, end.destination, end.source)
        # Back out of the device it came in by: then it is the one who sent it here that has the wrong route.
        fixes += [*_dead(case, end), *(fix for fix in added if not _leads_to(fix, end.at.ifindex))]
    proofs = [proof, rules]
    for sentence, shown in missing_here(case, end.at.inode, end.destination):
        explanation, proofs = f"{explanation} {sentence}", [*proofs, shown]
    for fix in fixes or [None]:
        yield Finding(title, explanation, at, tuple(proofs), fix)


def forgotten_address(case: Case, end: NoRoute | ForwardingOff | ArpNotAnswered) -> Iterator[Finding]:
    """The namespace has the address on a device, and its local table does not say so: someone deleted the entry."""
    ns, label = case.ns(end.at), case.label(end.at)
    address = end.destination if isinstance(end, NoRoute) else destination_of(end)
    known = any(route.dst == address and route.type == "local" for route in ns.routes_to(255, address))
    for ifa in ns.owners(address) if not known else ():
        link, route = ns.link(ifa.ifindex), address_routes(ifa)[0]
        if link is None or not link.up:
            continue
        title = f"{label} does not know {address} for its own: the local table lacks it"
        why = f"{link.name} has {address}, and without an entry in the table local it is an address like any other."
        proof = Proof("no entry says local", case.ip(end.at, "route", "show", "table", "local"))
        fix = Fix(f"put {address} back into the local table of {label}", (AddRoute(end.at.inode, route),))
        yield Finding(title, why, Place(end.at.inode, ifa.ifindex), (proof,), fix)


def _leads_to(fix: Fix, ifindex: int) -> bool:
    routes = [change.route for change in fix.changes if isinstance(change, AddRoute)]
    return any(hop.oif == ifindex for route in routes for hop in route.nexthops)


def _dead(case: Case, end: NoRoute) -> Iterator[Fix]:
    """Where a route is there and left out only because its device has no carrier: take it into account again."""
    ns = case.ns(end.at)
    for table in (254, *(table for table in end.tables if table not in (254, 255, 253))):
        for route in ns.routes_to(table, end.destination):
            for hop in route.nexthops:
                link = ns.link(hop.oif) if hop.oif is not None else None
                if link is None or not link.up or link.carrier:
                    continue
                keys = [f"ipv4/conf/{where}/ignore_routes_with_linkdown" for where in ("all", link.name)]
                changes = tuple(
                    SetSysctl(end.at.inode, key, "0") for key in keys if ns.sysctl(key) not in (None, "0")
                )
                if changes:
                    yield Fix(
                        f"use routes through {link.name} again although it has no carrier", changes, "medium"
                    )
