"""Fixes that give a namespace a route which it lacks, or take away one that is in the way."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.facts.host import Namespace
from netdoctor.facts.records import RT_SCOPE_LINK, RTNH_F_ONLINK, NextHop, Route
from netdoctor.fix.change import Fix, Risk
from netdoctor.fix.layer3 import AddRoute, DeleteRoute, route_words
from netdoctor.fix.prefix import address_routes
from netdoctor.kernel import fib
from netdoctor.kernel.fib import FibFlow, FibHit
from netdoctor.kernel.source import in_prefix
from netdoctor_checks._behind import ways_behind, ways_nearer
from netdoctor_checks._routes import ways
from netdoctor_checks._tunnels import tunnel_ways

#: Candidates tried for one missing route; each costs one walk.
MAX_WAYS = 24
RTPROT_BIRD = 12


def additions(case: Case, inode: int, destination: str, source: str | None = None) -> Iterator[Fix]:
    """Fixes that each add one route to `destination`, most fitting first; none through a device that is down.

    `source` is the packet's: where its host is reached through a tunnel, the way there leads through the tunnel too.
    """
    ns = case.host.namespace(inode)
    if ns is None:
        return
    existing = {_key(route) for route in ns.routes()}
    tunnelled = tunnel_ways(case, inode, destination, source)
    for route in tunnelled or islice(_candidates(case, inode, destination), MAX_WAYS):
        if not usable(ns, route) or route in ns.routes():
            continue
        taken = _key(route) in existing
        verb = "replace the route by" if taken else "add the route"
        summary = f"{verb} {' '.join(route_words(ns, route))} in {case.label(inode)}"
        first, route = _reachable_gateway(ns, route)
        changes = (*(AddRoute(inode, other) for other in first), AddRoute(inode, route, taken))
        yield Fix(summary, changes, "medium" if taken or not route.prefixlen else "low")


def _candidates(case: Case, inode: int, destination: str) -> Iterator[Route]:
    yield from ways(case, inode, destination)
    yield from ways_behind(case, inode, destination)
    yield from ways_nearer(case, inode, destination)


def _reachable_gateway(ns: Namespace, route: Route) -> tuple[tuple[Route, ...], Route]:
    """The kernel takes a gateway only if a route of scope link leads to it (fib_check_nh()): that one, if it is gone.

    Where no address of the device would bring such a route, the gateway is declared to be on link.
    """
    first: list[Route] = []
    hops: list[NextHop] = []
    for hop in route.nexthops:
        held = [
            ifa
            for ifa in ns.addresses(hop.oif)
            if hop.gateway and ifa.family == 2 and in_prefix(ifa, hop.gateway)
        ]
        if hop.gateway is None or hop.flags & RTNH_F_ONLINK or _on_link(ns, hop):
            hops.append(hop)
        elif held:
            hops.append(hop)
            first += [made for made in address_routes(held[0]) if made.table == 254]
        else:
            hops.append(replace(hop, flags=hop.flags | RTNH_F_ONLINK))
    return tuple(first), replace(route, nexthops=tuple(hops))


def _on_link(ns: Namespace, hop: NextHop) -> bool:
    found = fib.lookup(ns, FibFlow(hop.gateway or "", oif=hop.oif))
    return isinstance(found, FibHit) and found.route.scope >= RT_SCOPE_LINK


def removal(case: Case, inode: int, route: Route) -> Fix:
    """The fix that deletes `route`."""
    words = " ".join(route_words(case.ns(inode), route, deleting=True))
    risk: Risk = "low" if route.prefixlen == 32 else "medium"
    return Fix(f"delete the route {words} in {case.label(inode)}", (DeleteRoute(inode, route),), risk)


def usable(ns: Namespace, route: Route) -> bool:
    """Tell whether every device of the route is up: the kernel refuses a route through one that is not."""
    links = [ns.link(hop.oif) for hop in route.nexthops if hop.oif is not None]
    return all(link is not None and link.up for link in links)


def through_down(case: Case, inode: int, destination: str) -> str | None:
    """The name of a device that is down and through which the destination would be reached, or None."""
    ns = case.host.namespace(inode)
    if ns is None:
        return None
    for route in islice(ways(case, inode, destination), MAX_WAYS):
        for hop in route.nexthops:
            link = ns.link(hop.oif) if hop.oif is not None else None
            if link is not None and not link.up:
                return link.name
    return None


def is_block(ns: Namespace, route: Route | None) -> bool:
    """Tell whether a blackhole is the ordinary one of an address block, whose parts have routes of their own.

    An agent that announces a block (bird is protocol 12) keeps a blackhole for it, so that packets to addresses of
    the block that no pod has do not loop; each pod's longer prefix wins over it.
    """
    if route is None or route.type != "blackhole" or not 0 < route.prefixlen < 32:
        return False
    if route.protocol == RTPROT_BIRD:
        return True
    inside = [r for r in ns.routes() if r.table == route.table and r.type == "unicast" and r.family == 2]
    return any(_within(r, route) for r in inside)


def _within(inner: Route, outer: Route) -> bool:
    shift = 32 - outer.prefixlen
    return inner.prefixlen > outer.prefixlen and _bits(inner) >> shift == _bits(outer) >> shift


def _bits(route: Route) -> int:
    a, b, c, d = (int(part) for part in route.dst.split("."))
    return a << 24 | b << 16 | c << 8 | d


def _key(route: Route) -> tuple[object, ...]:
    return route.family, route.table, route.dst, route.prefixlen, route.priority, route.tos
