"""RTE010: a route over a link without carrier."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import LinkDown, NoCarrier
from netdoctor_checks._additions import removal
from netdoctor_checks._decisions import decisions, prefix

FURTHER = 2


@check("RTE010")
def linkdown_route(end: NoCarrier | LinkDown, case: Case) -> Iterator[Finding]:
    """A route over a link without carrier is used, although another one works.

    ## What it means
    The route that wins leads out of a device that is up and has no carrier: the other end of its pair is down, or a
    bridge has no port left. Behind it the destination is not; a shorter prefix, or a greater metric, leads there.

    ## Why it breaks the path
    `fib_sync_down_dev()` marks the next hop `linkdown` and leaves it in use. Only with `ignore_routes_with_linkdown`
    does `fib_lookup_good_nhc()` pass over it. The device's queue discards what it is given (`noop_qdisc`).

    ## See it yourself
    `ip route show` prints `linkdown` behind the route, `ip link show DEV` prints `NO-CARRIER`, and `ip route get
    ADDRESS` names the device all the same.

    ## How to fix it
    Delete the route, or the leftover device with it. Where the link comes and goes, set
    `net.ipv4.conf.DEV.ignore_routes_with_linkdown=1`, and the other route is used for as long.

    ## Often taken for
    A destination that is down: it is not behind this device at all.
    """
    for decision in decisions(case, end):
        route, out = decision.route, decision.out
        link = case.link(out) if out is not None else None
        if route is None or out is None or link is None or end.at not in (out, case.peer(out)):
            continue
        if any(owner in case.segment(out) for owner in case.owners(decision.flow.dst)):
            continue
        key = f"ipv4/conf/{link.name}/ignore_routes_with_linkdown"
        ignore = Fix(
            f"pass over routes through {link.name} while it has no carrier", (SetSysctl(out.inode, key, "1"),)
        )
        label = case.label(out)
        for fix in (removal(case, out.inode, route), ignore):
            if not link.up or case.progress(applied(case.host, fix.changes)) < FURTHER:
                continue
            yield Finding(
                f"{label} sends packets to {decision.flow.dst} out of {link.name}, which has no carrier",
                f"The route {prefix(route)} dev {link.name} is used although its link is down; without it, another is.",
                out,
                (
                    Proof("the route is marked linkdown", case.ip(out, "route", "show", "dev", link.name)),
                    Proof("and it is used", case.ip(out, "route", "get", decision.flow.dst)),
                ),
                fix,
            )
