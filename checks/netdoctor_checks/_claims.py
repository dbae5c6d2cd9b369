"""Addresses that more than one namespace takes for its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.facts.records import RT_TABLE_LOCAL
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.layer2 import DeleteNeighbour
from netdoctor.fix.layer3 import DeleteAddress, DeleteRoute
from netdoctor.kernel import fib
from netdoctor.kernel.endings import DeliveredElsewhere, EchoIgnored, Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._routes import forwards
from netdoctor_checks._wiring import destination


class Claim(NamedTuple):
    """The namespace `at` took `address` for its own, which `rightful` has too."""

    at: Place
    address: str
    rightful: Place


def claimed(case: Case, end: Ending) -> Claim | None:
    """The wrong namespace that the packet was delivered to, or that answered it, and who was meant."""
    if isinstance(end, DeliveredElsewhere | EchoIgnored):
        at, address = end.at, destination(case, end)
    elif end.flow.leg == "reply" and case.walk.reply_from is not None:
        at, address = _answerer(case), case.target
    else:
        return None
    if case.host.namespace(at.inode) is None or fib.local_type(case.ns(at), address) != "local":
        return None
    question = case.question
    wanted = question.destination.inode if address == case.target else question.source.inode
    others = [place for place in case.owners(address) if place.inode != at.inode]
    rightful = [place for place in others if place.inode == wanted] or (others if wanted is None else [])
    return Claim(at, address, rightful[0]) if rightful else None


def on_the_way(case: Case, claim: Claim) -> bool:
    """Tell whether the claimant is a hop on the way (it forwards) rather than one beside the rightful owner."""
    ns = case.ns(claim.at)
    return any(forwards(case, Place(claim.at.inode, link.index)) for link in ns.links() if not link.loopback)


def release(case: Case, claim: Claim) -> Fix | None:
    """The fix that makes the claimant give the address up."""
    ns = case.ns(claim.at)
    held = ns.owners(claim.address)
    changes: list[Change] = [DeleteAddress(claim.at.inode, ifa) for ifa in held]
    if not held:
        routes = ns.routes_to(RT_TABLE_LOCAL, claim.address)[:1]
        changes = [DeleteRoute(claim.at.inode, route) for route in routes if route.type == "local"]
    what = "address" if held else "local route for"
    summary = f"delete the {what} {claim.address} in {case.label(claim.at)}"
    return Fix(summary, (*changes, *_forget(case, claim)), "medium") if changes else None


def _forget(case: Case, claim: Claim) -> Iterator[Change]:
    """Delete the neighbour entries that name a device of the claimant as the owner."""
    lladdrs = {link.address for link in case.ns(claim.at).links() if not link.loopback}
    for place in case.segment(claim.at):
        entry = (
            case.ns(place).neighbour(place.ifindex, claim.address) if place.inode != claim.at.inode else None
        )
        if entry is not None and entry.lladdr in lladdrs:
            yield DeleteNeighbour(place.inode, place.ifindex, claim.address)


def device(case: Case, claim: Claim) -> Place:
    """The device of the claimant that carries the address, else the one by which the packet came."""
    held = case.ns(claim.at).owners(claim.address)
    return Place(claim.at.inode, held[0].ifindex) if held else claim.at


def finding(case: Case, claim: Claim, title: str, explanation: str) -> Iterator[Finding]:
    """The finding about a claim, with how to see both sides."""
    at, right = device(case, claim), claim.rightful
    proofs = (
        Proof(f"{claim.address} is local in {case.label(at)}", case.ip(at, "route", "get", claim.address)),
        Proof(f"{case.where(right)} has it too", case.ip(right, "addr", "show", "to", claim.address)),
    )
    yield Finding(title, explanation, at, proofs, release(case, claim))


def _answerer(case: Case) -> Place:
    for taken in case.walk.steps:
        if taken.stage == "deliver" and taken.action == "echo":
            return taken.at
    return Place(case.walk.reply_from or 0, 0)
