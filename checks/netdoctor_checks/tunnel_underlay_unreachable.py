"""TUN002: the node has no way to the tunnel's remote, or only one through the tunnel."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import RT_SCOPE_LINK, RT_TABLE_MAIN, NextHop, Route
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute
from netdoctor.kernel import fib, topology
from netdoctor.kernel.endings import TunnelNotSent
from netdoctor.kernel.packet import Place
from netdoctor_checks._additions import additions, removal
from netdoctor_checks._iptunnels import End, shown, tunnel_at


@check("TUN002")
def tunnel_underlay_unreachable(end: TunnelNotSent, case: Case) -> Iterator[Finding]:
    """The node has no way to the other end of the tunnel.

    ## What it means
    The tunnel knows where to send: its remote, or the next hop of the route that led into it. The node's own network
    does not know the way there: no route covers the address, a route or rule refuses it, or the route leads into the
    tunnel itself.

    ## Why it breaks the path
    ip_tunnel_xmit() routes the outer packet in the namespace in which the tunnel was made. Where that fails it counts
    tx_carrier_errors; where the route's device is the tunnel itself, it counts a collision. The packet is dropped.

    ## See it yourself
    `ip route get REMOTE` in the node's namespace fails or names the tunnel; `ip -s link show DEV` counts.

    ## How to fix it
    Mend the node's network: a route to the remote by the NIC, more specific than what leads into the tunnel.

    ## Often taken for
    A fault of the tunnel. Ping the remote from the node: it fails just the same.
    """
    one = tunnel_at(case, end.at)
    if one is None or end.why not in ("no-route", "loop"):
        return
    found = fib.lookup(case.ns(one.home), fib.FibFlow(end.remote, one.data.local))
    why = "the route to it leads into the tunnel itself" if end.why == "loop" else "nothing leads to it"
    for fix in _fixes(case, one, end.remote, found):
        yield Finding(
            f"{case.label(one.home)} has no way to {end.remote}, the other end of {case.where(one.at)}",
            f"The outer packet is routed in {case.label(one.home)}, and {why}.",
            one.at,
            (
                Proof(f"the way to {end.remote}", case.ip(one.home, "route", "get", end.remote)),
                shown(case, one, "the tunnel"),
            ),
            fix,
        )


def _fixes(case: Case, one: End, remote: str, found: fib.FibHit | fib.FibMiss) -> Iterator[Fix]:
    if found.route is not None and (isinstance(found, fib.FibHit) or found.route.prefixlen > 0):
        yield removal(case, one.home, found.route)
    for index in _next_to(case, one, remote):
        hop = Route(2, RT_TABLE_MAIN, remote, 32, nexthops=(NextHop(index),), scope=RT_SCOPE_LINK, protocol=3)
        yield Fix(f"add a route to {remote} by {case.where(Place(one.home, index))}", (AddRoute(one.home, hop),))
    for fix in additions(case, one.home, remote):
        hops = [hop for change in fix.changes if isinstance(change, AddRoute) for hop in change.route.nexthops]
        if not any(hop.oif == one.at.ifindex for hop in hops):
            yield fix


def _next_to(case: Case, one: End, remote: str) -> list[int]:
    """The node's devices that are cabled to who has the remote, tunnels aside."""
    held = [place for place in case.owners(remote) if place.inode != one.home]
    links = [link for link in case.ns(one.home).links() if link.ethernet and not link.loopback and not link.master]
    plain = [link for link in links if link.kind not in ("vxlan", *topology.TUNNELS) and link.up]
    return [link.index for link in plain if any(p in case.segment(Place(one.home, link.index)) for p in held)]
