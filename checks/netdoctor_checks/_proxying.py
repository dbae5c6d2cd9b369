"""Routes that make a namespace which proxies ARP answer for an address."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.facts.records import RT_SCOPE_LINK, NextHop, Route
from netdoctor.kernel.endings import ArpNotAnswered
from netdoctor.kernel.packet import Place
from netdoctor.kernel.source import in_prefix
from netdoctor_checks._routes import RTPROT_BOOT, layer3_devices, via


def routes_past(case: Case, end: ArpNotAnswered) -> Iterator[Route]:
    """A default route via each machine that the host is next to, then a route to the address alone."""
    ns = case.ns(end.at)
    out = [link for link in layer3_devices(ns) if link.index != end.at.ifindex and link.up and link.carrier]
    out.sort(key=lambda link: not case.addresses(Place(end.at.inode, link.index)))
    for link in out:
        at = Place(end.at.inode, link.index)
        near = [ifa for place in case.segment(at) if place.inode != at.inode for ifa in case.addresses(place)]
        for ifa in near:
            if any(in_prefix(own, ifa.local) for own in case.addresses(at)):
                yield via(case, at, ("0.0.0.0", 0), ifa.local)
    for link in out[:2]:
        hops = (NextHop(link.index),)
        yield Route(2, 254, end.address, 32, "unicast", hops, scope=RT_SCOPE_LINK, protocol=RTPROT_BOOT)
