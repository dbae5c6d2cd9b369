"""VXL009: the route to the remote leads into the tunnel itself."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute, DeleteRoute
from netdoctor.kernel import fib
from netdoctor.kernel.endings import VxlanNotSent
from netdoctor.kernel.packet import IPPROTO_UDP, Place
from netdoctor_checks._underlay import direct_routes
from netdoctor_checks._vxlan import sent, target
from netdoctor_checks._vxlan_fixes import fdb_proof


@check("VXL009")
def vxlan_underlay_loop(end: VxlanNotSent, case: Case) -> Iterator[Finding]:
    """The route to the other node leads into the tunnel itself.

    ## What it means
    The outer packet to the remote has to take the node network. The route that covers the remote's address points to
    the VXLAN device that is sending: often because node network and pod network overlap.

    ## Why it breaks the path
    vxlan_xmit_one() looks the remote up, finds its own device as the way out, counts a collision and drops the packet
    rather than encapsulate it for ever.

    ## See it yourself
    `ip route get REMOTE` says `dev DEV` with the VXLAN device; `ip -s link show DEV` counts `collsns`.

    ## How to fix it
    Take the route away, or give the remote a more specific one through the node network. For good: choose a pod network
    that does not overlap the nodes' addresses.

    ## Often taken for
    A firewall on the node network: no outer packet is ever seen there.
    """
    one = sent(case, end)
    if end.why != "loop" or one is None:
        return
    ns, inode = case.ns(one.by.home), one.by.home
    found = fib.lookup(ns, fib.FibFlow(end.remote, one.by.data.local, proto=IPPROTO_UDP))
    if not isinstance(found, fib.FibHit):
        return
    route = found.route
    prefix = f"{route.dst}/{route.prefixlen}" if route.prefixlen else "default"
    fixes = [
        Fix(
            f"delete the route {prefix}",
            (DeleteRoute(inode, route),),
            "low" if route.prefixlen == 32 else "medium",
        )
    ]
    for direct in direct_routes(case, one.by, target(case, one), end.remote):
        words = f"reach {end.remote} through {case.name(Place(inode, direct.nexthops[0].oif or 0))}"
        fixes.append(Fix(words, (AddRoute(inode, direct, instead=True),)))
    for fix in fixes if route.prefixlen == 32 or len(fixes) == 1 else fixes[::-1]:
        yield Finding(
            f"{case.where(one.by.at)} should send to {end.remote}, and the route {prefix} leads back into it",
            f"The outer packet to {end.remote} takes the route {prefix} dev {one.by.link.name}: the tunnel would have "
            "to be sent through itself, so the kernel drops it.",
            one.by.at,
            (
                Proof(
                    f"the way to {end.remote} is {one.by.link.name}",
                    case.ip(Place(inode, 0), "route", "get", end.remote),
                ),
                fdb_proof(case, one.by.at, f"{end.remote} is the remote"),
            ),
            fix,
        )
