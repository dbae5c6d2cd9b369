"""What the three checks for routes that refuse have in common."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import NoRoute
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
    fixes: list[Fix] = [removal(case, at.inode, route)]
    if not is_block(ns, route):
        fixes += additions(case, at.inode, end.destination)
    for fix in fixes:
        yield Finding(title, explanation, at, evidence, fix)


def _question(case: Case, end: NoRoute) -> tuple[str, ...]:
    source = ("from", end.source) if end.source and end.source != "0.0.0.0" else ()
    return (end.destination, *source, *(("iif", case.name(end.at)) if end.forwarding else ()))
