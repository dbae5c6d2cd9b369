"""ADR001: an end has no IPv4 address."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import ArpNotAnswered, ForwardingOff, NeighbourUnresolved, NoAddress, NoRoute
from netdoctor.kernel.packet import Place
from netdoctor_checks._bare import bare, clues, device, remedies, unaddressed
from netdoctor_checks._wiring import destination, sought

Bare = NoAddress | NoRoute | ForwardingOff | NeighbourUnresolved | ArpNotAnswered


@check("ADR001")
def no_address(end: Bare, case: Case) -> Iterator[Finding]:
    """An end has no IPv4 address.

    ## What it means
    The container has a network device, but no IPv4 address on it: the address was never assigned, or was taken away.

    ## Why it breaks the path
    Without an address there is no entry in the local table and no connected route. As a source it finds no route
    (fib_lookup() fails with ENETUNREACH); as a destination it answers no ARP request (arp_process() finds no
    RTN_LOCAL route).

    ## See it yourself
    `ip -br addr` in the container shows the device without an IPv4 address.

    ## How to fix it
    Add the address that the runtime assigned, and the default route. It is safer to make the container's network
    again (restart it, detach and attach it), so that the address database agrees.

    ## Often taken for
    A dead container, or a cable fault: the device is up and has carrier.
    """
    for at in _suspects(case, end):
        inode = at.inode
        name, label = case.name(at), case.label(at)
        title = f"{name} in {label} has no IPv4 address"
        why = f"{name} is the device of {label}, but has no IPv4 address to send from, or to answer ARP for."
        proofs = (Proof(f"{name} has no IPv4 address", case.ip(at, "-4", "addr", "show", "dev", name)),)
        here, there = case.question.source, case.question.destination
        asked, towards = (here.address, there.address) if here.inode == inode else (there.address, None)
        found = False
        for clue in list(clues(case, at, asked))[:4]:
            for fix in remedies(case, at, clue, towards):
                found = True
                yield Finding(title, why, at, proofs, fix)
        if not found:
            yield Finding(title, why, at, proofs)


def _suspects(case: Case, end: Bare) -> list[Place]:
    """The devices without an address that explain the ending."""
    if isinstance(end, NoAddress | NoRoute | ForwardingOff):
        return [at for at in [device(case, end.at.inode)] if at is not None and bare(case.ns(at))]
    hop = sought(case, end)
    if hop is None or hop.address != destination(case, end) or case.owners(hop.address):
        return []
    known = case.question.destination.inode
    own = device(case, known) if known is not None and bare(case.ns(known)) else None
    if own is not None:
        return [own]
    found = [
        place for place in case.segment(hop.at) if place.inode != hop.at.inode and unaddressed(case, place)
    ]
    return [place for place in found if _was(case, place, hop.address)] or (found if len(found) == 1 else [])


def _was(case: Case, at: Place, address: str) -> bool:
    return any(clue.address == address and clue.certain for clue in clues(case, at, None))
