"""A device that should have an address and has none: which it was, and what went with it."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from netdoctor.case import Case
from netdoctor.facts.host import Namespace
from netdoctor.facts.records import Address
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.layer3 import AddAddress, AddRoute
from netdoctor.kernel.packet import Place
from netdoctor_checks._routes import MAX_SIBLINGS, layer3_devices, sibling_routes, siblings, ways

#: Docker and others write a container's IPv4 address into its lladdr behind these two bytes.
GENERATED = "02:42:"


class Clue(NamedTuple):
    """An address that the device may have had, and what tells so; `certain` where it is more than a guess."""

    address: str
    why: str
    certain: bool = True


def bare(ns: Namespace) -> bool:
    """Tell whether a namespace has no IPv4 address besides those of its loopback device."""
    loopbacks = {link.index for link in ns.links() if link.loopback}
    return all(ifa.ifindex in loopbacks for ifa in ns.addresses() if ifa.family == 2)


def unaddressed(case: Case, at: Place) -> bool:
    """Tell whether a device is the end of a container's cable, and has no IPv4 address."""
    link = case.link(at)
    if link is None or link.master or link.kind not in ("veth", "macvlan") or case.addresses(at):
        return False
    pair = case.peer(at)
    return pair is not None and pair.inode != at.inode and not case.ns(at).links_of_kind("bridge")


def device(case: Case, inode: int) -> Place | None:
    """The device of a bare namespace that should have the address; None where it has only a loopback."""
    if case.host.namespace(inode) is None:
        return None
    found = [Place(inode, link.index) for link in layer3_devices(case.ns(inode))]
    return min(found, key=lambda place: case.peer(place) is None, default=None)


def clues(case: Case, at: Place, asked: str | None) -> Iterator[Clue]:
    """The address that `at` had, as far as others still know it; then one of its subnet that nobody has."""
    link, peer = case.link(at), case.peer(at)
    prefixes = prefixes_near(case, at)
    if asked is not None and not case.owners(asked):
        yield Clue(asked, "it is the address asked for", False)
    lladdr = link.address if link is not None else None
    if lladdr and lladdr.startswith(GENERATED):
        yield Clue(
            str(ip_address(bytes.fromhex(lladdr[6:].replace(":", "")))),
            f"its lladdr {lladdr} was made from it",
        )
    for place in [place for place in case.segment(at) if place.inode != at.inode][:MAX_SIBLINGS]:
        for entry in case.ns(place).neighbours():
            if entry.family == 2 and entry.lladdr == lladdr and entry.ifindex == place.ifindex:
                yield Clue(entry.dst, f"{case.label(place)} knows it by that lladdr")
    if peer is not None:
        for route in case.ns(peer).routes():
            if (
                route.family == 2
                and route.prefixlen == 32
                and any(hop.oif == peer.ifindex for hop in route.nexthops)
            ):
                yield Clue(route.dst, f"{case.label(peer)} has a route to it out of {case.name(peer)}")
    for text, length in prefixes[:1]:
        if 16 <= length < 31:
            hosts = (str(host) for host in list(ip_network(f"{text}/{length}", strict=False).hosts())[1:])
            free = next((host for host in hosts if not case.owners(host)), None)
            yield from [Clue(free, "nobody has it in that subnet", False)] if free else []


def prefixes_near(case: Case, at: Place) -> list[tuple[str, int]]:
    """The prefixes in use where `at` is, as (address, length), those of its own segment first."""
    found = [
        (ifa.local, ifa.prefixlen)
        for place in siblings(case, at)
        if place.inode != at.inode and case.host.namespace(place.inode) is not None
        for ifa in case.addresses(place)
    ]
    return list(dict.fromkeys(found))


def remedies(case: Case, at: Place, clue: Clue, towards: str | None) -> Iterator[Fix]:
    """Fixes that give `at` the address: with the routes that its siblings have, then without."""
    near = prefixes_near(case, at)
    lengths = [
        length
        for text, length in near
        if ip_address(clue.address) in ip_network(f"{text}/{length}", strict=False)
    ]
    if not lengths and not any(length == 32 for _, length in near):
        return
    length = lengths[0] if lengths else 32
    add = AddAddress(at.inode, Address(at.ifindex, 2, clue.address, length, clue.address))
    summary = f"give {case.name(at)} the address {clue.address}/{length} ({clue.why})"
    then = Case(applied(case.host, (add,)), case.question, case.walk, case.progress)
    default = sibling_routes(then, at, "0.0.0.0")[:1]
    routes = default or list(ways(then, at.inode, towards))[:2] if towards else default
    for route in routes:
        changes: tuple[Change, ...] = (add, AddRoute(at.inode, route, True))
        yield Fix(f"{summary}, and its route", changes, "medium")
    yield Fix(summary, (add,), "medium")
