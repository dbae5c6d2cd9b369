"""Routes that would lead a namespace to a destination, read off the cabling and off what its siblings use."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_interface

from netdoctor.case import Case
from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link
from netdoctor.facts.records import RT_SCOPE_LINK, RTNH_F_ONLINK, Address, NextHop, Route
from netdoctor.kernel import fib
from netdoctor.kernel.packet import Place
from netdoctor.kernel.source import in_prefix
from netdoctor.kernel.sysctls import conf

#: Siblings asked for their routes; they are alike, and a node may have hundreds.
MAX_SIBLINGS = 24
RTPROT_BOOT = 3


def ways(case: Case, inode: int, destination: str) -> Iterator[Route]:
    """Candidate routes (main table, metric 0) from the namespace `inode` to `destination`, most fitting first.

    First directly, where the owner is on a segment of this namespace; then as siblings do it; then via every namespace
    next to this one that has a way on. Nothing is proven here: walk the packet again with each.
    """
    ns = case.host.namespace(inode)
    if ns is None or ":" in destination:
        return
    seen: set[Route] = set()
    direct = _direct(case, inode, destination)
    for route in (*direct, *_as_siblings(case, ns, destination), *_via(case, ns, destination)):
        if route not in seen:
            seen.add(route)
            yield route


def network(ifa: Address) -> tuple[str, int]:
    """The prefix of an interface address."""
    return str(
        ip_interface(f"{ifa.address or ifa.local}/{ifa.prefixlen}").network.network_address
    ), ifa.prefixlen


def layer3_devices(ns: Namespace) -> list[Link]:
    """The devices through which a namespace sends packets of its own: no loopback, no bridge port."""
    return [link for link in ns.links() if not link.loopback and not link.master]


def forwards(case: Case, at: Place) -> bool:
    """Tell whether packets that come in by this device are forwarded."""
    return bool(conf(case.ns(at), case.name(at), "forwarding"))


def leads(case: Case, at: Place, destination: str) -> bool:
    """Tell whether a packet to `destination` that comes in at `at` is local there, or leaves by another device."""
    found = fib.lookup(case.ns(at), fib.FibFlow(destination, None, case.name(at)))
    if not isinstance(found, fib.FibHit):
        return False
    return found.route.type == "local" or all(hop.oif != at.ifindex for hop in found.nexthops)


def siblings(case: Case, at: Place) -> list[Place]:
    """Devices placed as `at` is: on its segment in other namespaces, or behind other pairs from the same host."""
    others = [place for place in case.segment(at) if place.inode != at.inode]
    host_end = case.peer(at)
    link = case.link(at)
    if host_end is not None and link is not None and link.kind == "veth" and host_end.inode != at.inode:
        pairs = (Place(host_end.inode, end.index) for end in case.ns(host_end).links_of_kind("veth"))
        far_ends = (far for far in map(case.peer, pairs) if far is not None)
        others += [far for far in far_ends if far.inode not in (at.inode, host_end.inode)]
    return list(dict.fromkeys(others))


def sibling_routes(case: Case, at: Place, destination: str) -> list[Route]:
    """The gatewayed routes that siblings of `at` have towards `destination`, most used first, as they would be here."""
    used: dict[Route, int] = {}
    own = {ifa.local for ifa in case.ns(at).addresses() if ifa.family == 2}
    asked: set[int] = set()
    for place in siblings(case, at):
        if len(asked) >= MAX_SIBLINGS:
            break
        if place.inode in asked or case.host.namespace(place.inode) is None or not case.addresses(place):
            continue
        asked.add(place.inode)
        for route in case.ns(place).routes_to(254, destination):
            hops, _ = fib.route_nexthops(case.ns(place), route)
            gateway = next((hop.gateway for hop in hops if hop.oif == place.ifindex and hop.gateway), None)
            if gateway is not None and gateway not in own and route.type == "unicast":
                adapted = via(case, at, (route.dst, route.prefixlen), gateway)
                used[adapted] = used.get(adapted, 0) + 1
    return sorted(used, key=lambda route: -used[route])


def via(case: Case, at: Place, prefix: tuple[str, int], gateway: str) -> Route:
    """The route to `prefix` through `gateway` on the device `at`; onlink where no route says that the gateway is."""
    found = fib.lookup(case.ns(at), fib.FibFlow(gateway, oif=at.ifindex))
    known = isinstance(found, fib.FibHit) and any(hop.gateway is None for hop in found.nexthops)
    hop = NextHop(at.ifindex, gateway, 0 if known else RTNH_F_ONLINK)
    return Route(2, 254, *prefix, "unicast", (hop,), protocol=RTPROT_BOOT)


def _direct(case: Case, inode: int, destination: str) -> Iterator[Route]:
    for owner in case.owners(destination):
        ends = [place for place in case.segment(owner) if place.inode == inode and owner.inode != inode]
        for at in ends:
            link = case.link(at)
            if link is None or link.master or link.loopback:
                continue
            hops = (NextHop(at.ifindex),)
            for ifa in case.addresses(at):
                if in_prefix(ifa, destination) and ifa.prefixlen < 32:
                    yield Route(
                        2, 254, *network(ifa), "unicast", hops, ifa.local, scope=RT_SCOPE_LINK, protocol=2
                    )
            for prefix in _owner_networks(case, [owner], destination):
                yield Route(2, 254, *prefix, "unicast", hops, scope=RT_SCOPE_LINK, protocol=RTPROT_BOOT)


def _as_siblings(case: Case, ns: Namespace, destination: str) -> Iterator[Route]:
    for link in layer3_devices(ns):
        at = Place(ns.id.inode, link.index)
        if case.addresses(at):
            yield from sibling_routes(case, at, destination)


def _via(case: Case, ns: Namespace, destination: str) -> list[Route]:
    networks = _owner_networks(case, case.owners(destination), destination)
    routing = any(conf(ns, link.name, "forwarding") for link in layer3_devices(ns))
    default = [("0.0.0.0", 0)]
    found: list[tuple[int, Route]] = []
    for link in layer3_devices(ns):
        at = Place(ns.id.inode, link.index)
        for place, gateway in gateways(case, at, destination) if case.addresses(at) else ():
            for prefix in [*networks, *default] if routing else [*default, *networks]:
                found.append((0 if forwards(case, place) else 1, via(case, at, prefix, gateway)))
    return [route for _, route in sorted(found, key=lambda item: item[0])]


def gateways(case: Case, at: Place, destination: str) -> Iterator[tuple[Place, str]]:
    """The addresses next to `at` (in a prefix of it, or a far VTEP's) whose namespaces lead to `destination`."""
    mine, link = case.addresses(at), case.link(at)
    tunnel = link is not None and link.kind == "vxlan"
    for place in case.segment(at):
        if place.inode == at.inode or case.host.namespace(place.inode) is None:
            continue
        for ifa in case.addresses(place):
            if (tunnel or any(in_prefix(own, ifa.local) for own in mine)) and leads(case, place, destination):
                yield place, ifa.local


def _owner_networks(case: Case, owners: list[Place], destination: str) -> list[tuple[str, int]]:
    held = [
        ifa for owner in owners for ifa in case.ns(owner).owners(destination) if ifa.ifindex == owner.ifindex
    ]
    found = [network(ifa) for ifa in held if 8 < ifa.prefixlen < 32]
    return [*dict.fromkeys(found), (destination, 32)]
