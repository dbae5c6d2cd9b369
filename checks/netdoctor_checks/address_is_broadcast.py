"""ADR004: the address is the broadcast address of a subnet on the way."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import RT_TABLE_LOCAL
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import DeleteAddress, DeleteRoute
from netdoctor.fix.prefix import address_routes
from netdoctor.kernel.endings import DeliveredElsewhere, MartianSource, NoRoute
from netdoctor.kernel.packet import Place
from netdoctor_checks._prefixes import lengths, reprefixed


@check("ADR004")
def address_is_broadcast(end: DeliveredElsewhere | NoRoute | MartianSource, case: Case) -> Iterator[Finding]:
    """The address is the broadcast address of a subnet.

    ## What it means
    A device on the way has an address with a prefix whose last address is that of an end. The prefix is too long, or
    the subnet does not belong there.

    ## Why it breaks the path
    fib_add_ifaddr() puts a broadcast route for the last address of every subnet into the table `local`. A packet to it
    is delivered here as a broadcast, and echo requests to broadcasts are ignored (icmp_echo_ignore_broadcasts); a
    sender is refused with EACCES, and a packet from such an address is a martian.

    ## See it yourself
    `ip route get ADDRESS` answers `broadcast ADDRESS dev DEV`.

    ## How to fix it
    Give the device's address the prefix length of its subnet, or delete the address where the subnet is a leftover.

    ## Often taken for
    A destination that ignores pings.
    """
    address = end.source if isinstance(end, MartianSource) else end.packet.dst if end.packet else case.target
    ns = case.host.namespace(end.at.inode)
    route = next(iter(ns.routes_to(RT_TABLE_LOCAL, address)), None) if ns is not None else None
    if ns is None or route is None or route.type != "broadcast":
        return
    at = Place(end.at.inode, next((hop.oif for hop in route.nexthops if hop.oif), 0))
    proofs = (Proof(f"{address} is a broadcast address here", case.ip(at, "route", "get", address)),)
    fixes: list[Fix] = []
    for ifa in ns.addresses(at.ifindex):
        if any((made.type, made.dst) == ("broadcast", address) for made in address_routes(ifa)):
            for length in lengths(case, at, ifa)[:1]:
                fixes += reprefixed(case, at, ifa, length, address)
            text = f"delete {ifa.local}/{ifa.prefixlen} of {case.name(at)}"
            fixes.append(Fix(text, (DeleteAddress(at.inode, ifa),), "medium"))
    fixes.append(Fix(f"delete the broadcast route for {address}", (DeleteRoute(at.inode, route),), "medium"))
    for fix in fixes:
        yield Finding(
            f"{address} is the broadcast address of a subnet on {case.where(at)}",
            f"The local table of {case.label(at)} has a broadcast route for {address}, so the packet is not forwarded.",
            at,
            proofs,
            fix,
        )
