"""Giving an address another prefix length without losing the routes of its device."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.facts.records import RT_TABLE_LOCAL, Address, Route
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.layer3 import AddAddress, AddRoute, DeleteAddress
from netdoctor.kernel.packet import Place
from netdoctor.kernel.source import in_prefix
from netdoctor_checks._routes import ways

RTPROT_KERNEL = 2


def lengths(case: Case, at: Place, ifa: Address) -> list[int]:
    """The prefix lengths that others on the segment use for the subnet of `ifa`, most used first."""
    used: Counter[int] = Counter()
    for place in case.segment(at):
        if place.inode != at.inode and case.host.namespace(place.inode) is not None:
            there = (
                other
                for other in case.addresses(place)
                if other.prefixlen < 31 and in_prefix(other, ifa.local)
            )
            used.update(other.prefixlen for other in there)
    return [length for length, _ in used.most_common() if length != ifa.prefixlen]


def reprefixed(case: Case, at: Place, ifa: Address, prefixlen: int, destination: str) -> Iterator[Fix]:
    """Fixes that give `ifa` of the device `at` another length: alone, and with a route to `destination` besides."""
    new = replace(ifa, prefixlen=prefixlen, broadcast=None, address=ifa.local, flags=0)
    changes: list[Change] = [AddAddress(at.inode, new), DeleteAddress(at.inode, ifa)]
    changes += [AddRoute(at.inode, route) for route in _lost(case, at, tuple(changes))]
    summary = f"give {case.name(at)} {ifa.local}/{prefixlen} in place of /{ifa.prefixlen}"
    yield Fix(summary, tuple(changes), "medium")
    then = Case(applied(case.host, tuple(changes)), case.question, case.walk, case.progress)
    for way in list(ways(then, at.inode, destination))[:4]:
        more = (*changes, AddRoute(at.inode, way, True))
        yield Fix(f"{summary}, and a route to {destination}", more, "medium")


def _lost(case: Case, at: Place, changes: tuple[Change, ...]) -> Iterator[Route]:
    """The routes set by hand that the kernel drops along with the address."""
    after = applied(case.host, changes).namespace(at.inode)
    left = set(after.routes()) if after is not None else set()
    for route in case.ns(at).routes():
        by_hand = route.table != RT_TABLE_LOCAL and route.protocol != RTPROT_KERNEL
        if route.family == 2 and by_hand and route not in left:
            yield route
