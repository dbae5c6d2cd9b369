"""ADR006: the route makes the sender use a source address to which there is no way back."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import Route
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._detours import words


@check("ADR006")
def source_unroutable(end: Ending, case: Case) -> Finding | None:
    """The sender uses a source address that the other side cannot answer.

    ## What it means
    The route to the destination names a preferred source (`src`) that is not an address of the subnet it leads out of.
    Others do not know where that address is.

    ## Why it breaks the path
    fib_result_prefsrc() takes the source from the route where it names one. The answer is sent to that address, and
    ends at the first hop without a route for it; or the request is dropped on the way by rp_filter, for the same
    reason.

    ## See it yourself
    `ip route get DESTINATION` prints `src ADDRESS`. `ip route get ADDRESS` on the far side fails, or leads elsewhere.

    ## How to fix it
    Set the route again without `src`, so that the kernel takes an address of the outgoing device; or make the address
    known on the way back.

    ## Often taken for
    A missing route on the far side. For the sender's ordinary address the route is there.
    """
    first = next(
        (step for step in case.walk.steps if step.stage == "route" and step.action == "output"), None
    )
    route = (
        next((fact for fact in first.facts if isinstance(fact, Route)), None) if first is not None else None
    )
    if (
        first is None
        or route is None
        or route.prefsrc is None
        or route.protocol == 2
        or case.question.source.address
    ):
        return None
    at = first.at
    primary = next((ifa.local for ifa in case.addresses(at) if not ifa.secondary), None)
    if primary is None or primary == route.prefsrc:
        return None
    plain = replace(route, prefsrc=None)
    return Finding(
        f"{case.label(at)} sends from {route.prefsrc}, to which there is no way back",
        f"The route `{words(case, at, route)}` sets that source address; {case.name(at)} itself has {primary}, which "
        f"the others know.",
        Place(at.inode, at.ifindex),
        (Proof(f"the source is {route.prefsrc}", case.ip(at, "route", "get", case.target)),),
        Fix("set the route again without src", (AddRoute(at.inode, plain, True),), "medium"),
    )
