"""Packets that a route led to a gateway or device behind which nobody takes them to their destination."""

from __future__ import annotations

from typing import NamedTuple

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.facts.records import Route
from netdoctor.fix.layer3 import AddRoute
from netdoctor.kernel import fib
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    DeliveredElsewhere,
    ForwardingOff,
    LinkDown,
    NeighbourUnresolved,
    NoCarrier,
    NoRoute,
    NotForMe,
    NotForwardedByBridge,
    TtlExceeded,
)
from netdoctor.kernel.packet import Frame, Ip, Place
from netdoctor_checks._daemons import missing_here, written_again
from netdoctor_checks._detours import Detour, detours, words
from netdoctor_checks._iptunnels import by_next_hop, entered
from netdoctor_checks._wiring import destination, owned_nearby, sending_route, sought, tunnelled

Missed = NeighbourUnresolved | ArpNotAnswered | NotForMe | NotForwardedByBridge
Astray = Missed | ForwardingOff | NoRoute | DeliveredElsewhere | TtlExceeded | NoCarrier | LinkDown


class Strayed(NamedTuple):
    """The route taken, where, to which gateway; `needed` is the progress a change must bring to blame the route."""

    at: Place
    route: Route
    gateway: str | None
    destination: str
    needed: int
    unanswered: bool


def strayed(case: Case, end: Astray) -> Strayed | None:
    """The route that led the packet to where it ended; None where its next hop was found as the route says."""
    if isinstance(end, Missed):
        if (inside := _into_tunnel(case, end)) is not None:
            return inside
        hop, sent = sought(case, end), sending_route(case, end.step)
        if hop is None or sent is None or sent[0] != hop.at or tunnelled(case, end):
            return None
        if owned_nearby(case, hop):
            return None
        goal = destination(case, end)
        return Strayed(*sent, hop.address if hop.address != goal else None, goal, 2, True)
    own_device = isinstance(end, NoCarrier | LinkDown)
    sent = sending_route(case, end.step, None if own_device else end.at.inode)
    if sent is None or (own_device and sent[0] != end.at):
        return None
    at, route = sent
    hops, _ = fib.route_nexthops(case.ns(at), route)
    gateway = next((hop.gateway for hop in hops if hop.oif == at.ifindex), None)
    return Strayed(at, route, gateway, destination(case, end), 3, own_device)


def _into_tunnel(case: Case, end: Missed) -> Strayed | None:
    """The route whose next hop is a tunnel's remote, where nobody near the tunnel's node has that address."""
    one = entered(case, end)
    hop, step = sought(case, end), case.walk.steps[one[1]] if one is not None else None
    if one is None or step is None or not by_next_hop(one[0]) or hop is None:
        return None
    sent = sending_route(case, step.parent)
    outer = destination(case, end)
    inner = step.carries.payload if isinstance(step.carries, Frame) else step.carries
    if sent is None or not isinstance(inner, Ip) or hop.address != outer or owned_nearby(case, hop):
        return None
    return Strayed(*sent, outer if outer != inner.dst else None, inner.dst, 2, True)


def useful(case: Case, found: Strayed, same_device: bool) -> list[Detour]:
    """The detours past where the packet strayed: another gateway of its device, or none there; or another device."""
    useful = []
    for detour in detours(case, found.at, found.route, found.destination):
        hop = detour.hop
        same = found.gateway is not None and hop is not None and hop.oif == found.at.ifindex
        if detour.gain >= found.needed and same == same_device:
            useful.append(detour)
    return useful


def finding(case: Case, found: Strayed, detour: Detour, title: str, explanation: str) -> Finding:
    """The finding about a route that leads astray, with how to see it; about one that lacks, where the default does."""
    sentences: list[tuple[str, Proof]] = []
    if _only_default(found, detour):
        title = f"{case.label(found.at)} has no route to {found.destination} but the default, which does not lead there"
        sentences += missing_here(case, found.at.inode, found.destination)
    explanation = " ".join([explanation + written_again(found.route), *(text for text, _ in sentences)])
    hop = found.gateway or found.destination
    taken = words(case, found.at, found.route)
    proofs = [Proof(f"the packet takes {taken}", case.ip(found.at, "route", "get", found.destination))]
    if found.unanswered:
        shown = case.ip(found.at, "neigh", "show", "to", hop)
        proofs.append(Proof(f"{hop} has no lladdr on {case.name(found.at)}", shown))
    for owner in case.owners(found.destination)[:1]:
        shown = case.ip(owner, "addr", "show", "to", found.destination)
        proofs.append(Proof(f"{found.destination} is on {case.where(owner)}", shown))
    proofs += [shown for _, shown in sentences]
    return Finding(title, explanation, found.at, tuple(proofs), detour.fix)


def _only_default(found: Strayed, detour: Detour) -> bool:
    """Tell whether the default stays and a longer route is added beside it."""
    added = [change.route.prefixlen for change in detour.fix.changes if isinstance(change, AddRoute)]
    return not found.route.prefixlen and len(detour.fix.changes) == 1 and added > [0]
