"""Routes through a tunnel. Where one joins two nodes, a route beside it would work and not be what was meant."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.facts.records import RT_SCOPE_LINK, NextHop, Route
from netdoctor.kernel import fib
from netdoctor.kernel.packet import Place
from netdoctor_checks._iptunnels import by_next_hop, far_ends, outer_addresses, tunnel_at
from netdoctor_checks._routes import RTPROT_BOOT, gateways, leads, network, via


def tunnel_ways(case: Case, inode: int, destination: str, source: str | None, down: bool = False) -> list[Route]:
    """Routes to `destination` via far VTEPs that have it behind them; none where the way back avoids the tunnel.

    With `down`, through tunnels for IP that are down as well.
    """
    ns = case.host.namespace(inode)
    found: list[Route] = list(_through_ip(case, inode, destination, source, down))
    for link in ns.links_of_kind("vxlan") if ns is not None else ():
        at = Place(inode, link.index)
        if link.master or not link.up:
            continue
        for far, gateway in gateways(case, at, destination):
            if source is not None and _avoided(case, far, source):
                continue
            found += [via(case, at, prefix, gateway) for prefix in prefixes_of(case, destination)]
    return list(dict.fromkeys(found))


def _through_ip(case: Case, inode: int, destination: str, source: str | None, down: bool) -> Iterator[Route]:
    """The same through tunnels for IP: by the far node's address where they have no remote, else as they are."""
    ns = case.host.namespace(inode)
    for link in ns.links() if ns is not None else ():
        one = tunnel_at(case, Place(inode, link.index)) if not link.ethernet and (link.up or down) else None
        for far in far_ends(case, one) if one is not None else ():
            if not leads(case, far.at, destination) or (source is not None and _avoided(case, far.at, source)):
                continue
            for prefix in prefixes_of(case, destination):
                if one is not None and by_next_hop(one):
                    for address in outer_addresses(case, far, one):
                        yield via(case, one.at, prefix, address)
                else:
                    hops = (NextHop(link.index),)
                    yield Route(2, 254, *prefix, "unicast", hops, scope=RT_SCOPE_LINK, protocol=RTPROT_BOOT)


def _avoided(case: Case, far: Place, source: str) -> bool:
    """Tell whether the far node answers `source` by another device than its end of the tunnel."""
    hit = fib.lookup(case.ns(far), fib.FibFlow(source))
    return isinstance(hit, fib.FibHit) and all(hop.oif != far.ifindex for hop in hit.nexthops)


def prefixes_of(case: Case, destination: str) -> list[tuple[str, int]]:
    """The prefixes that a route to `destination` may have: its owner's subnet, then the address alone."""
    held = [ifa for owner in case.owners(destination) for ifa in case.ns(owner).owners(destination)]
    subnets = [network(ifa) for ifa in held if 8 < ifa.prefixlen < 32]
    return [*dict.fromkeys(subnets), (destination, 32)]
