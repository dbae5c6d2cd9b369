"""The routes that an address brings with it (net/ipv4/fib_frontend.c fib_add_ifaddr())."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_interface

from netdoctor.facts.links import Link
from netdoctor.facts.records import RT_SCOPE_HOST, RT_SCOPE_LINK, Address, NextHop, Route

IFA_F_NOPREFIXROUTE = 0x200


def address_routes(ifa: Address, table: int = 0) -> tuple[Route, ...]:
    """The local, connected and broadcast routes of an IPv4 address on a device that is up.

    They are all in the `table` of the device's VRF, where it is in one.
    """
    if ifa.family != 2:
        return ()
    hop = (NextHop(ifa.ifindex),)
    routes = [Route(2, table or 255, ifa.local, 32, "local", hop, ifa.local, 0, 0, RT_SCOPE_HOST, 2)]
    network = ip_interface(f"{ifa.address or ifa.local}/{ifa.prefixlen}").network
    if not ifa.flags & IFA_F_NOPREFIXROUTE and (ifa.prefixlen < 32 or ifa.address not in (None, ifa.local)):
        prefix = str(network.network_address)
        routes.append(Route(2, table or 254, prefix, ifa.prefixlen, "unicast", hop, ifa.local, 0, 0, RT_SCOPE_LINK, 2))
    if ifa.prefixlen < 31:
        last = str(network.broadcast_address)
        routes.append(Route(2, table or 255, last, 32, "broadcast", hop, ifa.local, 0, 0, RT_SCOPE_LINK, 2))
    return tuple(routes)


def domain_table(links: Iterable[Link], ifindex: int) -> int:
    """The table of the VRF that the device is, or is enslaved to (l3mdev_fib_table()); 0 for none."""
    by_index = {link.index: link for link in links}
    link = by_index.get(ifindex)
    master = by_index.get(link.master or 0, link) if link is not None else None
    return master.vrf.table if master is not None and master.vrf is not None else 0


def network_of(address: str, prefixlen: int) -> str:
    """The network address of a prefix, as text."""
    return str(ip_interface(f"{address}/{prefixlen}").network.network_address)
