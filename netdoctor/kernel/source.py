"""Source address selection (net/ipv4/devinet.c inet_select_addr(), fib_semantics.c fib_result_prefsrc())."""

from __future__ import annotations

from netdoctor.facts.host import Namespace, covers
from netdoctor.facts.links import Link
from netdoctor.facts.records import RT_SCOPE_HOST, RT_SCOPE_LINK, RT_SCOPE_UNIVERSE, Address, NextHop, Route
from netdoctor.kernel import l3mdev
from netdoctor.kernel.sysctls import conf_or


def in_prefix(ifa: Address, address: str) -> bool:
    """inet_ifa_match(): `address` lies in the prefix of the interface address."""
    return covers(ifa.address or ifa.local, ifa.prefixlen, address)


def ipv4_addresses(ns: Namespace, ifindex: int) -> tuple[Address, ...]:
    """The IPv4 addresses of an interface in the kernel's order."""
    return tuple(ifa for ifa in ns.addresses(ifindex) if ifa.family == 2)


def select_address(ns: Namespace, link: Link, dst: str | None, scope: int = RT_SCOPE_UNIVERSE) -> str | None:
    """Pick the primary address of `link` that suits `dst` within `scope`, else one of another device, else None."""
    ceiling = RT_SCOPE_LINK if conf_or(ns, link.name, "route_localnet") else RT_SCOPE_HOST
    first = None
    for ifa in ipv4_addresses(ns, link.index):
        if ifa.secondary or min(ifa.scope, ceiling) > scope:
            continue
        if dst is None or in_prefix(ifa, dst):
            return ifa.local
        first = first or ifa.local
    if first:
        return first
    master = l3mdev.domain(ns, link)
    for other in sorted(ns.links(), key=lambda item: (item != master, item.index)):
        # Of a VRF only its own: first the VRF's device, which stands in for lo there.
        if l3mdev.domain(ns, other) != master:
            continue
        for ifa in ipv4_addresses(ns, other.index):
            if not ifa.secondary and ifa.scope != RT_SCOPE_LINK and ifa.scope <= scope:
                return ifa.local
    return None


def preferred_source(ns: Namespace, route: Route, hop: NextHop) -> str | None:
    """The source of a packet that has none yet: the route's own, else one of the outgoing device."""
    if route.prefsrc:
        return route.prefsrc
    link = ns.link(hop.oif) if hop.oif is not None else None
    if link is None:
        return None
    return select_address(ns, link, hop.gateway, route.scope)


def confirm_address(ns: Namespace, link: Link | None, dst: str | None, local: str, scope: int) -> bool:
    """inet_confirm_addr(): `local` is configured within `scope`, on `link` if given, in `dst`'s subnet if given."""
    links = [link] if link is not None else list(ns.links())
    for item in links:
        addresses = ipv4_addresses(ns, item.index)
        held = [ifa for ifa in addresses if ifa.local == local and ifa.scope <= scope]
        same = [ifa for ifa in addresses if in_prefix(ifa, local) and (dst is None or in_prefix(ifa, dst))]
        if held and same:
            return True
    return False
