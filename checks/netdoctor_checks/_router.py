"""What the two checks for forwarding that is off have in common."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import ArpNotAnswered, ForwardingOff
from netdoctor.kernel.fib import FibFlow, FibHit, lookup
from netdoctor.kernel.packet import Place
from netdoctor.kernel.sysctls import conf, number

ANSWERED = 3

Stopped = ForwardingOff | ArpNotAnswered


def stopped(end: Stopped) -> bool:
    """Tell whether it is forwarding being off that ended it; for ARP, the proxy that answers only where it forwards."""
    return isinstance(end, ForwardingOff) or end.why == "forwarding-off"


def globally_off(case: Case, end: Stopped) -> bool:
    """Tell whether forwarding is off for the whole namespace, and not only for the interface."""
    ns = case.ns(end.at)
    return not number(ns, "ipv4/ip_forward", conf(ns, "all", "forwarding"))


def destination_of(end: Stopped) -> str:
    """The address that the packet, or the question, is for."""
    return end.packet.dst if isinstance(end, ForwardingOff) else end.address


def is_router(case: Case, end: Stopped) -> bool:
    """Tell whether the namespace would take the packet on: its routes lead out of another device than the ingress."""
    ns, link = case.ns(end.at), case.link(end.at)
    source = end.packet.src if isinstance(end, ForwardingOff) else end.sender
    if link is None:
        return False
    found = lookup(ns, FibFlow(destination_of(end), source, link.name))
    if isinstance(found, FibHit):
        return any(hop.oif != link.index for hop in found.nexthops)
    others = [
        other for other in ns.links() if not other.loopback and not other.master and other.index != link.index
    ]
    return any(case.addresses(Place(end.at.inode, other.index)) for other in others)


def turned_on(
    case: Case, end: Stopped, name: str, title: str, explanation: str, at: Place
) -> Iterator[Finding]:
    """The finding that sets the sysctl `name` to 1.

    Where the namespace is no router, forwarding is not what is wrong; then it is offered only if it mends everything.
    """
    summary, changes = (
        f"turn forwarding on in {case.label(end.at)}: {name}=1",
        (SetSysctl(at.inode, name, "1"),),
    )
    fix: Fix | None = Fix(summary, changes)
    if not is_router(case, end):
        explanation += f" It has no other way to {destination_of(end)} and may not be meant to forward."
        mended = case.progress(applied(case.host, changes)) == ANSWERED
        fix = Fix(summary, changes, "high") if mended else None
    proof = Proof(f"net.{name.replace('/', '.')} is 0", case.sysctl(end.at, name))
    yield Finding(title, explanation, at, (proof,), fix)
