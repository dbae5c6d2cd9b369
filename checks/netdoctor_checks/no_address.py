"""ADR001: an end has no IPv4 address."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import ArpNotAnswered, NeighbourUnresolved, NoAddress, NoRoute
from netdoctor.kernel.packet import Place
from netdoctor_checks._bare import bare, clues, device, remedies
from netdoctor_checks._wiring import destination, sought


@check("ADR001")
def no_address(end: NoAddress | NoRoute | NeighbourUnresolved | ArpNotAnswered, case: Case) -> Iterator[Finding]:
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
    for inode in _suspects(case, end):
        at = device(case, inode)
        if at is None:
            continue
        name, label = case.name(at), case.label(at)
        title = f"{label} has no IPv4 address"
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


def _suspects(case: Case, end: NoAddress | NoRoute | NeighbourUnresolved | ArpNotAnswered) -> list[int]:
    """The namespaces without an address that explain the ending."""
    if isinstance(end, NoAddress | NoRoute):
        return [end.at.inode] if case.host.namespace(end.at.inode) is not None and bare(case.ns(end.at)) else []
    hop = sought(case, end)
    if hop is None or hop.address != destination(case, end) or case.owners(hop.address):
        return []
    known = case.question.destination.inode
    near = {place.inode for place in case.segment(hop.at)} | ({known} if known else set())
    others = near - {hop.at.inode}
    found = [inode for inode in others if case.host.namespace(inode) is not None and bare(case.ns(inode))]
    certain = [inode for inode in found if inode == known]
    return certain or [inode for inode in found if _was(case, inode, hop.address)] or (found if len(found) == 1 else [])


def _was(case: Case, inode: int, address: str) -> bool:
    at: Place | None = device(case, inode)
    return at is not None and any(clue.address == address for clue in clues(case, at, None))
