"""Routes through a tunnel. Where one joins two nodes, a route beside it would work and not be what was meant."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.facts.records import Route
from netdoctor.kernel import fib
from netdoctor.kernel.packet import Place
from netdoctor_checks._routes import gateways, network, via


def tunnel_ways(case: Case, inode: int, destination: str, source: str | None) -> list[Route]:
    """Routes to `destination` via far VTEPs that have it behind them; none where the way back avoids the tunnel."""
    ns = case.host.namespace(inode)
    found: list[Route] = []
    for link in ns.links_of_kind("vxlan") if ns is not None else ():
        at = Place(inode, link.index)
        if link.master or not link.up:
            continue
        for far, gateway in gateways(case, at, destination):
            if source is not None and _avoided(case, far, source):
                continue
            found += [via(case, at, prefix, gateway) for prefix in prefixes_of(case, destination)]
    return list(dict.fromkeys(found))


def _avoided(case: Case, far: Place, source: str) -> bool:
    """Tell whether the far node answers `source` by another device than its end of the tunnel."""
    hit = fib.lookup(case.ns(far), fib.FibFlow(source))
    return isinstance(hit, fib.FibHit) and all(hop.oif != far.ifindex for hop in hit.nexthops)


def prefixes_of(case: Case, destination: str) -> list[tuple[str, int]]:
    """The prefixes that a route to `destination` may have: its owner's subnet, then the address alone."""
    held = [ifa for owner in case.owners(destination) for ifa in case.ns(owner).owners(destination)]
    subnets = [network(ifa) for ifa in held if 8 < ifa.prefixlen < 32]
    return [*dict.fromkeys(subnets), (destination, 32)]
