"""Local output: the route of a packet that this namespace sends (net/ipv4/route.c ip_route_output_key_hash_rcu())."""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Record
from netdoctor.facts.records import NextHop, Route
from netdoctor.kernel import fib, l3mdev
from netdoctor.kernel.fib import FibFlow, FibHit, FibMiss
from netdoctor.kernel.packet import is_loopback, is_multicast, is_zeronet
from netdoctor.kernel.query import RouteQuery
from netdoctor.kernel.source import preferred_source, select_address
from netdoctor.kernel.sysctls import conf_or, number
from netdoctor.kernel.walk import Walk


class Way(Record, frozen=True):
    """Where a packet goes: `type` local, unicast, broadcast or multicast; the device, the gateway, the source."""

    type: str
    oif: int
    gateway: str | None
    src: str
    route: Route | None
    table: int | None = None
    mtu: int | None = None


def route_output(walk: Walk, inode: int, flow: FibFlow) -> Way | FibMiss:
    """Find the way of a packet sent from `inode`; the source is chosen where `flow.src` is None."""
    ns = walk.namespace(inode)
    way = _route_output(walk, ns, flow)
    if not is_multicast(flow.dst) and not flow.tos and not flow.anysrc:
        walk.queries.append(_query(inode, flow, way))
    return way


def _route_output(walk: Walk, ns: Namespace, flow: FibFlow) -> Way | FibMiss:
    if flow.src is not None and not flow.anysrc and not _is_own(ns, flow.src):
        # No table is searched for a source that is not this namespace's own.
        return FibMiss("EINVAL" if is_zeronet(flow.src) or is_multicast(flow.src) else "ENETUNREACH")
    if flow.oif is not None:
        link = ns.link(flow.oif)
        if link is None:
            return FibMiss("ENODEV")
        if not link.up:
            return FibMiss("ENETUNREACH")
        if is_multicast(flow.dst) or flow.dst == "255.255.255.255":
            src = flow.src or select_address(ns, link, None, 253) or "0.0.0.0"
            return Way("multicast", link.index, None, src, None)
    found = fib.lookup(ns, flow)
    if isinstance(found, FibMiss):
        link = ns.link(flow.oif) if flow.oif is not None else None
        if link is None or l3mdev.domain(ns, link) is not None:
            return found
        # With a device given and no route, the destination is assumed to be on link.
        src = flow.src or select_address(ns, link, None, 253) or "0.0.0.0"
        return Way("unicast", link.index, None, src, None)
    return _chosen(walk, ns, flow, found)


def _chosen(walk: Walk, ns: Namespace, flow: FibFlow, hit: FibHit) -> Way | FibMiss:
    if hit.route.type == "local":
        held = hit.nexthops[0].oif if hit.nexthops else None
        # The master device is the loopback of its domain.
        loopback = l3mdev.domain(ns, ns.link(held)) if held else None
        loopback = loopback or next((link for link in ns.links() if link.loopback), None)
        src = flow.src or hit.route.prefsrc or flow.dst
        return Way("local", loopback.index if loopback else 0, None, src, hit.route, hit.table)
    hop = select_path(walk, ns, hit, flow.src, flow)
    if hop.oif is None:
        return FibMiss("ENETUNREACH", (hit.table,), hit.route)
    src = flow.src or preferred_source(ns, hit.route, hop) or "0.0.0.0"
    link = ns.link(hop.oif)
    if is_loopback(src) and link is not None and not link.loopback and not conf_or(ns, link.name, "route_localnet"):
        return FibMiss("EINVAL", (hit.table,), hit.route)
    kind = "broadcast" if hit.route.type == "broadcast" else "unicast"
    return Way(kind, hop.oif, hop.gateway, src, hit.route, hit.table, hit.route.mtu)


def select_path(walk: Walk, ns: Namespace, hit: FibHit, src: str | None = None, flow: FibFlow | None = None) -> NextHop:
    """fib_select_multipath(): one leg of the route; forks where the flow's hash decides, once for each flow.

    A leg whose own source equals the packet's is preferred for locally sent packets (Linux 6.15): `src` is theirs.
    """
    hops = hit.nexthops
    if len(hops) == 1:
        return hops[0]
    if number(ns, "ipv4/fib_multipath_use_neigh"):
        hops = tuple(hop for hop in hops if _reachable(ns, hop)) or hops
    if src is not None:
        matching = tuple(hop for hop in hops if preferred_source(ns, hit.route, hop) == src)
        hops = matching or hops
    if len(hops) == 1:
        return hops[0]
    same = (ns.id.inode, hit.route, hops, *_hashed(ns, flow)) if flow is not None else None
    return walk.choose(f"multipath {hit.route.dst}/{hit.route.prefixlen}", hops, same)


def _hashed(ns: Namespace, flow: FibFlow) -> tuple[object, ...]:
    """What fib_multipath_hash() takes in: the addresses alone, unless the policy says more."""
    if number(ns, "ipv4/fib_multipath_hash_policy"):
        return flow.src, flow.dst, flow.proto, flow.dport
    return flow.src, flow.dst


def _reachable(ns: Namespace, hop: NextHop) -> bool:
    """fib_good_nh(): a gateway whose neighbour is valid, or one not asked for yet."""
    if hop.gateway is None or hop.oif is None:
        return True
    entry = ns.neighbour(hop.oif, hop.gateway)
    return entry is None or entry.state not in ("FAILED", "INCOMPLETE")


def _is_own(ns: Namespace, address: str) -> bool:
    """__ip_dev_find(): the address is on a device here, or the local table says so (127.0.0.2)."""
    if is_zeronet(address) or is_multicast(address):
        return False
    return bool(ns.owners(address)) or fib.local_type(ns, address) == "local"


def _query(inode: int, flow: FibFlow, way: Way | FibMiss) -> RouteQuery:
    if isinstance(way, FibMiss):
        return RouteQuery(inode, flow.dst, flow.src, None, flow.oif, flow.mark, flow.proto, error=way.error)
    return RouteQuery(inode, flow.dst, flow.src, None, flow.oif, flow.mark, flow.proto, way.type, way.oif, way.gateway)
