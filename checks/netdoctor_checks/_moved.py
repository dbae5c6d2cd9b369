"""Ends of veth pairs that are in another namespace than the one they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.case import Case
from netdoctor.facts.records import RT_SCOPE_LINK, NextHop, Route
from netdoctor.fix.carrier import CarrierOn
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.layer2 import SetMaster, SetUp
from netdoctor.fix.layer3 import AddRoute, SetSysctl
from netdoctor.fix.move import move
from netdoctor.kernel.packet import Place
from netdoctor.kernel.source import in_prefix
from netdoctor.kernel.sysctls import conf_or
from netdoctor.kernel.topology import distances
from netdoctor_checks._bare import Clue, clues, remedies
from netdoctor_checks._routes import MAX_SIBLINGS, forwards


class Stray(NamedTuple):
    """An end of a pair, where it is, its other end, and the namespace it should be in."""

    at: Place
    peer: Place
    home: int


def strays(case: Case, home: int) -> list[Stray]:
    """Bare ends of pairs in other namespaces that could be the missing device of `home`."""
    near = _surroundings(case)
    found = []
    for known in case.host.namespaces():
        ns = case.host.namespace(known.inode)
        for link in ns.links_of_kind("veth") if ns is not None and known.inode != home else ():
            at = Place(known.inode, link.index)
            peer = case.peer(at)
            if peer is None or peer not in near or peer.inode == home or link.master:
                continue
            if not case.same_host(at.inode, home):
                continue
            bare = not case.addresses(at) and not case.addresses(peer)
            if bare and _serves(case, peer) and len(case.ns(at).links()) > 2:
                found.append(Stray(at, peer, home))
    return found


def _surroundings(case: Case) -> set[Place]:
    """Every device that is connected in any way with one of the two ends."""
    starts: list[Place] = []
    for inode in (case.question.source.inode, case.question.destination.inode):
        ns = case.host.namespace(inode) if inode is not None else None
        starts += [Place(ns.id.inode, link.index) for link in ns.links()] if ns is not None else []
    return set(distances(case.host, starts, routed=True))


def _serves(case: Case, peer: Place) -> bool:
    """Tell whether this is a host's end: a bridge port, or a device of a namespace that forwards."""
    link = case.link(peer)
    return link is not None and bool(link.master or forwards(case, peer))


def return_of(case: Case, stray: Stray, asked: str | None, towards: str | None) -> Iterator[tuple[Clue, Fix]]:
    """Fixes that move the end back, bring it up and give it the address that others know it by."""
    index, changes = _moved(case, stray, _usual_name(case, stray))
    then = Case(applied(case.host, changes), case.question, case.walk, case.progress)
    back = Place(stray.home, index)
    for clue in list(clues(then, back, asked))[:3]:
        for remedy in remedies(then, back, clue, towards):
            summary = f"move {case.name(stray.at)} back to {case.label(stray.home)}, and {remedy.summary}"
            yield clue, Fix(summary, (*changes, *remedy.changes), "high")


def _moved(case: Case, stray: Stray, name: str) -> tuple[int, tuple[Change, ...]]:
    at, peer = stray.at, (stray.peer.inode, stray.peer.ifindex)
    index, changes = move(case.host, at.inode, at.ifindex, stray.home, name, peer)
    return index, (*changes, SetUp(stray.home, index), CarrierOn(*peer))


def _usual_name(case: Case, stray: Stray) -> str:
    """What the other containers of that host call their device."""
    ends = case.ns(stray.peer).links_of_kind("veth")[:MAX_SIBLINGS]
    far = [case.peer(Place(stray.peer.inode, end.index)) for end in ends]
    names = Counter(case.name(place) for place in far if place is not None and case.addresses(place))
    return names.most_common(1)[0][0] if names else "eth0"


def host_end_astray(case: Case, near: Place, address: str) -> Iterator[tuple[Stray, Fix]]:
    """The host end of the pair of `near` is in a namespace that is no host of containers: fixes that move it to one."""
    end, own = case.peer(near), case.link(near)
    link = case.link(end) if end is not None and own is not None and own.kind == "veth" else None
    if end is None or link is None or link.kind != "veth" or link.master or case.addresses(end):
        return
    if _settled(case, end, address):
        return
    near_by = _surroundings(case)
    inward, alone = end.inode == near.inode, _host_ends(case, end.inode) == [end]
    for home in _hosts(case, end.inode, near_by):
        ns = case.ns(home)
        taken = ns.link_named(link.name) is not None
        index, changes = _moved(case, Stray(end, near, home), f"veth{link.index}x" if taken else link.name)
        stray, summary = Stray(end, near, home), f"move {link.name} to {case.label(home)}"
        for bridge in ns.links_of_kind("bridge"):
            join = SetMaster(home, index, bridge.index)
            at = Place(home, bridge.index)
            if at in near_by and _shares(case, at, near):
                yield stray, Fix(f"{summary}, as a port of {bridge.name}", (*changes, join), "high")
        misfit = inward or (alone and _client(case, end.inode, home))
        if misfit and any(end in near_by and _proxies(case, end) for end in _host_ends(case, home)):
            name = f"veth{link.index}x" if taken else link.name
            route = Route(2, 254, address, 32, "unicast", (NextHop(index),), scope=RT_SCOPE_LINK, protocol=3)
            proxy = SetSysctl(home, f"ipv4/conf/{name}/proxy_arp", "1")
            more = (*changes, proxy, AddRoute(home, route, True))
            yield stray, Fix(f"{summary}, with a route and proxy_arp", more, "high")


def _settled(case: Case, end: Place, address: str) -> bool:
    """Tell whether a device was set up where it is: a route leads out of it, or it answers ARP for others.

    dev_change_net_namespace() takes the routes and resets what was configured of a device that moves.
    """
    routes = case.ns(end).routes_to(254, address)
    return _proxies(case, end) or any(hop.oif == end.ifindex for route in routes for hop in route.nexthops)


def _hosts(case: Case, besides: int, near_by: set[Place]) -> list[int]:
    """The namespaces round about that hold host ends of pairs, those with most of them first."""
    others = {place.inode for place in near_by if case.same_host(place.inode, besides)} - {besides}
    held = {inode: len(_host_ends(case, inode)) for inode in others}
    return sorted((inode for inode, count in held.items() if count), key=lambda inode: -held[inode])[:4]


def _host_ends(case: Case, inode: int) -> list[Place]:
    """The bare ends of pairs in a namespace whose other ends are in other namespaces and have addresses."""
    ns = case.host.namespace(inode)
    ends = [Place(inode, link.index) for link in ns.links_of_kind("veth")] if ns is not None else []
    found = []
    for end in ends:
        far = case.peer(end)
        if far is not None and far.inode != inode and case.addresses(far) and not case.addresses(end):
            found.append(end)
    return found


def _shares(case: Case, bridge: Place, near: Place) -> bool:
    """Tell whether somebody on the bridge has an address of the subnet of `near`."""
    there = [ifa for place in case.segment(bridge) for ifa in case.addresses(place)]
    return any(
        ifa.prefixlen < 32 and in_prefix(ifa, own.local) for ifa in there for own in case.addresses(near)
    )


def _client(case: Case, inode: int, home: int) -> bool:
    """Tell whether a namespace is itself a container of `home`: a pair leads from an address of its own to there."""
    ends = (Place(inode, link.index) for link in case.ns(inode).links_of_kind("veth"))
    return any(
        (far := case.peer(end)) is not None and far.inode == home and case.addresses(end) for end in ends
    )


def _proxies(case: Case, at: Place) -> bool:
    return conf_or(case.ns(at), case.name(at), "proxy_arp")
