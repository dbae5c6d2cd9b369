"""LNK013: an ipvlan in mode L3 answers no ARP, and who is outside has no route to it."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Ip, Place
from netdoctor_checks._hop import helps
from netdoctor_checks._stacked import data, met, route_via


@check("LNK013")
def ipvlan_l3_unrouted(end: Ending, case: Case) -> Iterator[Finding]:
    """Nobody outside has a route to an ipvlan in mode L3, which answers no ARP.

    ## What it means
    In the modes L3 and L3S an ipvlan has no ARP and no broadcasts. Machines outside reach it only if they have a route
    to its address via the address of its parent; the host does not announce it.

    ## Why it breaks the path
    Slaves in these modes have the flag NOARP (ipvlan_open()), so an ARP request for their address ends unanswered
    (arp_rcv()), also where the address is one of the outer subnet. Without a route the request or the answer has no
    way at all.

    ## See it yourself
    `ip -d link show dev DEV` prints `ipvlan mode l3` and NOARP; on the machine outside `ip route get ADDRESS` shows no
    way, or one without `via`, and `ip neigh show ADDRESS` says FAILED.

    ## How to fix it
    On the machine outside, or on its router: `ip route add ADDRESS via PARENT-ADDRESS`. Or use mode L2, where the
    slaves answer ARP themselves.

    ## Often taken for
    A firewall or forwarding that is off: mode L3 needs no ip_forward, only routes outside.
    """
    asked = (case.target, end.flow.asker.address if end.flow.asker is not None else "", _sent_from(end, case))
    for address in dict.fromkeys(asked):
        for slave in case.owners(address) if address else []:
            now, parent = data(case, slave), case.peer(slave)
            if now is None or now.mode == "l2" or parent is None:
                continue
            for place in met(case, end):
                found = route_via(case, place, address, parent)
                if found is not None and helps(case, found):
                    yield _finding(case, slave, now.mode, place, address, found)
                    return


def _sent_from(end: Ending, case: Case) -> str:
    """Where the reply is to go: to the source of what was asked."""
    packet = getattr(end, "packet", None)
    return packet.dst if isinstance(packet, Ip) else str(getattr(end, "destination", ""))


def _finding(case: Case, slave: Place, mode: str, asker: Place, address: str, fix: Fix) -> Finding:
    name = case.name(slave)
    return Finding(
        f"{case.label(asker)} has no route to {case.where(slave)}, an ipvlan in mode {mode}",
        f"{name} is in mode {mode}: nobody answers ARP for {address}, so {case.label(asker)} needs a route via the "
        "address of its parent.",
        Place(asker.inode, 0),
        (
            Proof(f"{name} is in mode {mode}", case.ip(slave, "-d", "link", "show", "dev", name)),
            Proof(f"the way of {case.label(asker)} to it", case.ip(asker, "route", "get", address)),
        ),
        fix,
    )
