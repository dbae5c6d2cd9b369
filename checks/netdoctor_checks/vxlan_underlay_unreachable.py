"""VXL015: the node has no route to the remote."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute, DeleteRule
from netdoctor.kernel import fib
from netdoctor.kernel.endings import VxlanNotSent
from netdoctor.kernel.packet import IPPROTO_UDP, Place
from netdoctor_checks._additions import additions, removal
from netdoctor_checks._underlay import direct_routes, owned, underlay_devices
from netdoctor_checks._vxlan import Vtep, sent, target
from netdoctor_checks._vxlan_fixes import fdb_proof, node


@check("VXL015")
def vxlan_underlay_unreachable(end: VxlanNotSent, case: Case) -> Iterator[Finding]:
    """The node has no route to the other node.

    ## What it means
    The overlay knows where to send: the FDB entry names the right node. The node network does not know the way there:
    no route covers the address, a route or rule refuses it, or the interface that leads there is down.

    ## Why it breaks the path
    vxlan_xmit_one() asks the routing tables of the namespace in which the device was made (udp_tunnel_dst_lookup()).
    The answer is an error: the packet is dropped and counted in tx_carrier_errors or tx_errors of the VXLAN device.

    ## See it yourself
    `ip route get REMOTE` in the node's own namespace (not the container's, nor the overlay's sandbox) fails.

    ## How to fix it
    Mend the node network: the route, the rule, the interface. Nothing about the overlay needs to change.

    ## Often taken for
    A fault of the overlay. Ping the remote from the node: it fails just the same.
    """
    one = sent(case, end)
    if end.why != "no-route" or one is None:
        return
    there, inode = target(case, one), one.by.home
    if there is not None and not owned(case, there.home, end.remote):
        return
    miss = fib.lookup(case.ns(inode), fib.FibFlow(end.remote, one.by.data.local, proto=IPPROTO_UDP))
    down = any(not link.up for link in underlay_devices(case, one.by, end.remote))
    if down or not isinstance(miss, fib.FibMiss):
        return
    why = f"a {miss.route.type} route refuses it" if miss.route else "no route covers it"
    why = f"the rule {miss.rule.priority} refuses it" if miss.rule else why
    for fix in _fixes(case, one.by, there, end.remote, miss):
        yield Finding(
            f"{node(case, one.by)} has no way to {end.remote}, the remote of {case.where(one.by.at)}",
            f"The encapsulated packet is routed in {node(case, one.by)}, and {why}: {miss.error}.",
            one.by.at if inode == one.by.at.inode else Place(inode, 0),
            (
                Proof(f"there is no way to {end.remote}", case.ip(inode, "route", "get", end.remote)),
                fdb_proof(case, one.by.at, f"{end.remote} is the remote"),
            ),
            fix,
        )


def _fixes(case: Case, by: Vtep, there: Vtep | None, remote: str, miss: fib.FibMiss) -> Iterator[Fix | None]:
    if miss.route is not None:
        yield removal(case, by.home, miss.route)
    if miss.rule is not None:
        yield Fix(f"delete the rule {miss.rule.priority}", (DeleteRule(by.home, miss.rule),), "medium")
    yield from (fix for fix in additions(case, by.home, remote) if not _through(fix, by))
    for route in direct_routes(case, by, there, remote):
        yield Fix(f"add a route to {remote}", (AddRoute(by.home, route),))
    yield from () if miss.route or miss.rule else (None,)


def _through(fix: Fix, by: Vtep) -> bool:
    """Tell whether the fix would send the tunnel's packets into the tunnel."""
    hops = [hop for change in fix.changes if isinstance(change, AddRoute) for hop in change.route.nexthops]
    return by.home == by.at.inode and any(hop.oif == by.at.ifindex for hop in hops)
