"""Ways out where a packet comes in with a source address that is the receiver's own, or that cannot be one."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.facts.records import Address, Route
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.layer3 import AddAddress, AddRoute, DeleteAddress, DeleteRoute, SetSysctl
from netdoctor.fix.prefix import address_routes
from netdoctor.kernel import fib
from netdoctor.kernel.endings import MartianSource
from netdoctor.kernel.source import in_prefix
from netdoctor_checks._additions import additions, removal
from netdoctor_checks._decisions import decisions, sender_of

RTPROT_KERNEL = 2


def returned(case: Case, end: MartianSource) -> bool:
    """Tell whether the packet came back to the namespace that sent it."""
    return sender_of(case, end) == end.at.inode


def ways_out(case: Case, end: MartianSource) -> Iterator[Fix]:
    """Fixes, most fitting first: no duplicate, a right prefix, a right route for what came back, accept_local."""
    ns, label = case.ns(end.at), case.label(end.at)
    if returned(case, end):
        yield from _other_ways(case, end)
        return
    held = ns.owners(end.source)
    for ifa in sorted(held, key=lambda ifa: (ifa.prefixlen < 32, ifa.ifindex == end.at.ifindex)):
        summary = (
            f"delete {ifa.local}/{ifa.prefixlen} from {label}, as {case.label(sender_of(case, end))} has it"
        )
        yield Fix(summary, (DeleteAddress(end.at.inode, ifa),), "medium")
    yield from _without_broadcast(case, end)
    if held:
        yield from _renumbered(case, end)
    accept = SetSysctl(end.at.inode, f"ipv4/conf/{case.name(end.at)}/accept_local", "1")
    yield Fix(
        f"accept own addresses as sources on {case.name(end.at)} of {label}: accept_local=1",
        (accept,),
        "high",
    )


def _without_broadcast(case: Case, end: MartianSource) -> Iterator[Fix]:
    """An entry of the local table that is no address here: the broadcast of too narrow a prefix, or a leftover."""
    ns, label = case.ns(end.at), case.label(end.at)
    for route in ns.routes_to(255, end.source):
        if ns.owners(end.source) or route.type not in ("broadcast", "local"):
            continue
        for ifa in ns.addresses():
            if ifa.family == 2 and route.type == "broadcast" and in_prefix(ifa, end.source):
                yield from _widened(case, end, ifa)
        what = f"the {route.type} route for {end.source}"
        yield Fix(
            f"delete {what} from the local table of {label}", (DeleteRoute(end.at.inode, route),), "medium"
        )


def _widened(case: Case, end: MartianSource, ifa: Address) -> Iterator[Fix]:
    """Give `ifa` the prefix length that the sender's address has."""
    lengths = {held.prefixlen for held in case.ns(sender_of(case, end)).owners(end.source)} - {
        ifa.prefixlen,
        32,
    }
    for length in sorted(lengths, reverse=True):
        new = replace(ifa, prefixlen=length, broadcast=None)
        changes = (AddAddress(end.at.inode, new), DeleteAddress(end.at.inode, ifa))
        yield Fix(f"give {ifa.local} in {case.label(end.at)} the prefix length {length}", changes, "medium")


def _renumbered(case: Case, end: MartianSource) -> Iterator[Fix]:
    """Give the sender another address of its subnet: its own is the receiver's."""
    inode = sender_of(case, end)
    ns = case.host.namespace(inode)
    for ifa in ns.owners(end.source) if ns is not None else ():
        new = _free(case, ifa)
        if ns is None or new is None:
            continue
        lost = [
            r for r in ns.routes() if any(hop.oif == ifa.ifindex for hop in r.nexthops) and r.table != 255
        ]
        kept = [r for r in lost if r not in address_routes(ifa) and r.protocol != RTPROT_KERNEL]
        back: tuple[Change, ...] = tuple(AddRoute(inode, _without_source(r, ifa)) for r in kept)
        changes = (DeleteAddress(inode, ifa), AddAddress(inode, replace(ifa, local=new, address=None)), *back)
        yield Fix(f"give {case.label(inode)} the free address {new} instead of {ifa.local}", changes, "high")


def _without_source(route: Route, ifa: Address) -> Route:
    return replace(route, prefsrc=None) if route.prefsrc == ifa.local else route


def _free(case: Case, ifa: Address) -> str | None:
    """An address of the subnet that no device has."""
    if not 16 <= ifa.prefixlen <= 29:
        return None
    a, b, c, d = (int(part) for part in ifa.local.split("."))
    number = a << 24 | b << 16 | c << 8 | d
    last = number | ((1 << (32 - ifa.prefixlen)) - 1)
    for candidate in range(last - 1, last - 64, -1):
        text = ".".join(str(candidate >> shift & 255) for shift in (24, 16, 8, 0))
        if in_prefix(ifa, text) and not case.owners(text):
            return text
    return None


def _other_ways(case: Case, end: MartianSource) -> Iterator[Fix]:
    """The packet came back: some namespace on its way sent it there."""
    for decision in decisions(case, end):
        if decision.route is None or fib.local_type(case.ns(decision.inode), decision.flow.dst) == "local":
            continue
        if decision.route.type == "unicast" and decision.route.protocol != RTPROT_KERNEL:
            yield removal(case, decision.inode, decision.route)
        yield from additions(case, decision.inode, decision.flow.dst)
