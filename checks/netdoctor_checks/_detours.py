"""Which change of routes would take a packet past the route that led it nowhere; each is tried in memory."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.facts.host import covers
from netdoctor.facts.records import NextHop, Route
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.layer3 import AddRoute, DeleteAddress, DeleteRoute, route_words
from netdoctor.fix.prefix import address_routes
from netdoctor.kernel import fib
from netdoctor.kernel.packet import Place
from netdoctor_checks._down import bring_up, is_down
from netdoctor_checks._routes import ways
from netdoctor_checks._tunnels import tunnel_ways

#: Candidates walked for one finding.
MAX_TRIED = 12
ANSWERED = 3
RTPROT_KERNEL = 2


class Detour(NamedTuple):
    """A fix, how far it gets the packet (Case.progress), and the next hop and route taken with it."""

    fix: Fix
    gain: int
    hop: NextHop | None


@lru_cache(maxsize=1)
def detours(case: Case, at: Place, route: Route, destination: str) -> list[Detour]:
    """The changes that make the packet go another way than `route` of the namespace at `at`, the furthest first."""
    found = []
    for fix in list(_candidates(case, at, route, destination))[:MAX_TRIED]:
        after = applied(case.host, fix.changes)
        gain = case.progress(after)
        if gain:
            then = Case(after, case.question, case.walk, case.progress)
            found.append(Detour(fix, gain, next_hop(then, at, destination)))
        if gain == ANSWERED:
            break
    return sorted(found, key=lambda detour: -detour.gain)


def next_hop(case: Case, at: Place, destination: str) -> NextHop | None:
    """The way that a packet to `destination` takes out of the namespace at `at`."""
    hit = fib.lookup(case.ns(at), fib.FibFlow(destination))
    return hit.nexthops[0] if isinstance(hit, fib.FibHit) and hit.nexthops else None


def words(case: Case, at: Place | int, route: Route) -> str:
    """A route as ip-route(8) prints it."""
    return " ".join(route_words(case.ns(at), route))


def _candidates(case: Case, at: Place, route: Route, destination: str) -> Iterator[Fix]:
    inode = at.inode
    old = words(case, at, route)
    if _last_resort(case, at, route):
        # What the default was never meant for lacks a route of its own; the default stays as it is.
        for way in ways(case, inode, destination):
            if way.prefixlen:
                yield Fix(f"add the route {words(case, at, way)}", (AddRoute(inode, way),))
    yield from _removals(case, at, route)
    for way in (*tunnel_ways(case, inode, destination, None, down=True), *ways(case, inode, destination)):
        if way.nexthops == route.nexthops:
            continue
        down = [
            Place(inode, hop.oif) for hop in way.nexthops if hop.oif and is_down(case, Place(inode, hop.oif))
        ]
        if down:
            up = bring_up(case, down[0])
            changes: tuple[Change, ...] = (*up.changes, AddRoute(inode, way, True))
            yield Fix(f"{up.summary}, and add the route {words(case, at, way)}", changes)
            continue
        like = replace(
            way,
            dst=route.dst,
            prefixlen=route.prefixlen,
            priority=route.priority,
            tos=route.tos,
            table=route.table,
        )
        if covers(way.dst, min(way.prefixlen, route.prefixlen), route.dst) and _fits(way, route):
            new = words(case, at, like)
            yield Fix(f"replace the route by {new}", (AddRoute(inode, like, True),), "medium")
        new = words(case, at, way)
        if way.prefixlen > route.prefixlen:
            yield Fix(f"add the route {new}", (AddRoute(inode, way),))
        elif way.prefixlen < route.prefixlen:
            changes = (DeleteRoute(inode, route), AddRoute(inode, way, True))
            yield Fix(f"delete the route {old}, and add {new}", changes, "medium")


def _last_resort(case: Case, at: Place, route: Route) -> bool:
    """Tell whether a packet was forwarded by the default route, to a gateway that is there."""
    gateways = [hop.gateway for hop in route.nexthops if hop.gateway and hop.oif == at.ifindex]
    there = any(place in case.segment(at) for gateway in gateways for place in case.owners(gateway))
    steps = (step for step in case.walk.steps if step.at == at and step.action == "forward")
    return not route.prefixlen and there and any(route in step.facts for step in steps)


def _fits(way: Route, route: Route) -> bool:
    """A gateway can lead to any prefix; a device only to one that its own segment covers."""
    return any(hop.gateway for hop in way.nexthops) or way.prefixlen <= route.prefixlen


def _removals(case: Case, at: Place, route: Route) -> Iterator[Fix]:
    """Take the route away: it may only hide a better one. A connected route goes with its address."""
    if route.protocol == RTPROT_KERNEL:
        for ifa in case.ns(at).addresses():
            if any((made.dst, made.prefixlen, made.table) == (route.dst, route.prefixlen, route.table) and
                   made.nexthops[0].oif == route.nexthops[0].oif for made in address_routes(ifa)):  # fmt: skip
                text = f"{ifa.local}/{ifa.prefixlen}"
                yield Fix(
                    f"delete the address {text} of {case.name(at)}", (DeleteAddress(at.inode, ifa),), "medium"
                )
    yield Fix(f"delete the route {words(case, at, route)}", (DeleteRoute(at.inode, route),), "medium")
