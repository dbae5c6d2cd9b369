"""Where a translation might lead instead: to those who are there, or nowhere at all."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.fix.change import Fix
from netdoctor.fix.firewall import DeleteFirewallRule, SwapInRule
from netdoctor.kernel.endings import Ending, NotListening
from netdoctor.kernel.packet import Place
from netdoctor.kernel.topology import distances
from netdoctor_checks._translations import Translation, spot_of

#: More containers than this are not tried.
MAX_TRIED = 4


def other_targets(case: Case, made: Translation, end: Ending) -> Iterator[Fix]:
    """The rule's deletion where the address asked for is somebody's own; else another target on the same network."""
    delete = DeleteFirewallRule(made.at.inode, spot_of(case, made))
    gone = Fix(f"delete {made.text} in {case.label(made.at)}", (delete,), "medium")
    owned = near(case, made, made.before.dst)
    if owned:
        yield gone
    targets = _ports(case, made, end) if isinstance(end, NotListening) else _addresses(case, made)
    for old, new in targets:
        change = SwapInRule(made.at.inode, spot_of(case, made), made.hit.text, old, new)
        yield Fix(f"let {made.text} in {case.label(made.at)} lead to {new}", (change,), "medium")
    if not owned:
        yield gone


def near(case: Case, made: Translation, address: str) -> bool:
    """Tell whether somebody in the network of the translating host has the address, not one elsewhere."""
    owners = set(case.owners(address))
    return bool(owners) and not owners.isdisjoint(distances(case.host, [made.at], routed=True))


def _addresses(case: Case, made: Translation) -> list[tuple[str, str]]:
    """The addresses that others have in the subnet of the target, the nearest first."""
    found = []
    for known in case.host.namespaces():
        ns = case.host.namespace(known.inode)
        if ns is None or known.inode in (made.at.inode, case.walk.asker):
            continue
        held = [ifa.local for ifa in ns.addresses() if ifa.family == 2 and _near(case, made, ifa.local)]
        found += [(made.after.dst, address) for address in held]
    number = _number(made.after.dst)
    return sorted(found, key=lambda pair: abs(_number(pair[1]) - number))[:MAX_TRIED]


def _near(case: Case, made: Translation, address: str) -> bool:
    """Tell whether the translating namespace has both addresses on one of its connected routes."""
    ns = case.ns(made.at)
    to_old = [route for route in ns.routes_to(254, made.after.dst) if route.prefixlen and route.scope == 253]
    return bool(to_old) and to_old[0] in ns.routes_to(254, address)


def _ports(case: Case, made: Translation, end: NotListening) -> list[tuple[str, str]]:
    """The ports on which the target listens, in the rule's writing."""
    sockets = case.ns(Place(end.at.inode, 0)).sockets() or ()
    open_ports = {item.port for item in sockets if item.proto == end.proto}
    old = f"{made.after.dst}:{end.port}"
    return [(old, f"{made.after.dst}:{port}") for port in sorted(open_ports)][:MAX_TRIED]


def _number(address: str) -> int:
    return int.from_bytes(bytes(int(part) for part in address.split(".")), "big")
