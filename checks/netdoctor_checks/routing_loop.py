"""RTE011: a routing loop."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import TtlExceeded
from netdoctor.kernel.packet import Place
from netdoctor_checks._additions import additions, removal
from netdoctor_checks._decisions import Decision, round_trip

RTPROT_KERNEL = 2


@check("RTE011")
def routing_loop(end: TtlExceeded, case: Case) -> Iterator[Finding]:
    """The packet goes round in a loop until its TTL is spent.

    ## What it means
    Two or more routers send packets for this destination to one another. One of them has a leftover or too general
    route: for a subnet that moved, an address that is not in use, or nothing better than a default route.

    ## Why it breaks the path
    Each hop takes one off the TTL (`ip_forward()`); at zero the packet is dropped, and ICMP time exceeded is sent to
    its source. Meanwhile the loop multiplies every packet by up to its TTL.

    ## See it yourself
    `traceroute -n` or `ping` with growing `-t` shows the same routers again and again. `ip route get DESTINATION` on
    each of them names the next.

    ## How to fix it
    Correct the route of the one that is nearest to the destination: delete what is left over, add what is missing. A
    router that owns a block of addresses should have a blackhole for it, so that unused ones do not loop.

    ## Often taken for
    A TTL that is too small, which needs no loop. A loop on layer 2 is something else: there is no TTL in a frame.
    """
    turns = round_trip(case, end)
    if not turns:
        return
    labels = [case.label(turn.inode) for turn in turns]
    destination = end.packet.dst
    title = f"packets to {destination} go round between {' and '.join(sorted(labels))}"
    explanation = (
        f"{', '.join(labels)} pass the packet on in a circle until its TTL is spent; it ends in {labels[-1]}."
    )
    for turn in turns:
        question = case.ip(
            turn.inode, "route", "get", destination, "from", end.packet.src, "iif", turn.flow.iif
        )
        proofs = [Proof(f"{case.label(turn.inode)} sends it on in the circle", question)]
        for other in (other for other in turns if other is not turn):
            listed = case.ip(other.inode, "route", "show", "to", "match", destination)
            proofs.append(Proof(f"so does {case.label(other.inode)}", listed))
        fixes: list[Fix | None] = [*_fixes(case, turn)]
        for fix in fixes or [None]:
            yield Finding(title, explanation, Place(turn.inode, 0), tuple(proofs), fix)


def _fixes(case: Case, turn: Decision) -> Iterator[Fix]:
    route = turn.route
    if route is not None and route.prefixlen and route.protocol != RTPROT_KERNEL:
        yield removal(case, turn.inode, route)
    for fix in additions(case, turn.inode, turn.flow.dst):
        yield fix
        if route is not None and route.prefixlen:
            away = removal(case, turn.inode, route)
            yield Fix(f"{away.summary} and {fix.summary}", (*away.changes, *fix.changes), "medium")
