"""ADR008: the packet was delivered where nobody waits for it."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import DeliveredElsewhere


@check("ADR008", generic=True)
def delivered_elsewhere(end: DeliveredElsewhere, case: Case) -> Finding:
    """The packet was delivered where nobody waits for it.

    ## What it means
    A namespace took the packet for its own, but is neither the destination nor the one that asked.

    ## Why it breaks the path
    What the local table calls local or broadcast is handed to the sockets of this namespace (ip_local_deliver()) and
    goes no further. No ping runs there that could take the answer, so it is discarded without a word.

    ## See it yourself
    `ip route get ADDRESS` in that namespace answers `local` or `broadcast`. `nstat -az IcmpInEchoReps` counts answers
    that came.

    ## How to fix it
    Find out why the address is local there: an interface address, a `local` route, or a subnet whose broadcast address
    it is. Then see who should have had the packet, and what sent it here.

    ## Often taken for
    Loss on the way: the packet did arrive, in the wrong place.
    """
    address, label = end.packet.dst, case.label(end.at)
    kind = "a broadcast" if end.broadcast else "its own"
    return Finding(
        f"{label} takes the packet for {address} as {kind}, and nobody waits for it there",
        f"The packet came in by {case.name(end.at)} and was delivered in {label}; it goes no further.",
        end.at,
        (Proof(f"how {label} sees {address}", case.ip(end.at, "route", "get", address)),),
    )
