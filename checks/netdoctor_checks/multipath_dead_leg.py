"""RTE013: one leg of a multipath route leads nowhere."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.layer3 import AddRoute
from netdoctor.kernel import fib
from netdoctor_checks._astray import Astray, strayed
from netdoctor_checks._detours import words


@check("RTE013")
def multipath_dead_leg(end: Astray, case: Case) -> Finding | None:
    """One leg of a multipath route leads nowhere.

    ## What it means
    The route has several next hops, and the packet took one that does not lead to the destination.

    ## Why it breaks the path
    fib_select_multipath() picks a leg by a hash of the flow's addresses. It leaves out legs whose device is down, but
    not those whose gateway is silent, unless fib_multipath_use_neigh is set. Every flow that hashes to such a leg
    is lost.

    ## See it yourself
    `ip route show` lists the `nexthop` lines; `ip route get DESTINATION` names the one that this flow takes.

    ## How to fix it
    Take the dead leg out, or repair what is behind it. `sysctl net.ipv4.fib_multipath_use_neigh=1` makes the kernel
    look at the neighbour entries.

    ## Often taken for
    A destination that works for some clients and not for others.
    """
    found = strayed(case, end)
    if found is None:
        return None
    hops, _ = fib.route_nexthops(case.ns(found.at), found.route)
    rest = tuple(hop for hop in hops if (hop.oif, hop.gateway) != (found.at.ifindex, found.gateway))
    if not rest or len(rest) == len(hops):
        return None
    change = AddRoute(found.at.inode, replace(found.route, nexthops=rest, nh_id=None), True)
    if not case.progress(applied(case.host, (change,))):
        return None
    leg = f"via {found.gateway} dev {case.name(found.at)}" if found.gateway else f"dev {case.name(found.at)}"
    return Finding(
        f"the leg {leg} of a multipath route of {case.label(found.at)} leads nowhere",
        f"The flow's hash takes this packet to the leg `{leg}` of `{words(case, found.at, found.route)}`.",
        found.at,
        (Proof("the leg that this flow takes", case.ip(found.at, "route", "get", found.destination)),),
        Fix("take that leg out of the route", (change,), "medium"),
    )
