"""SYS005: a martian source."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import MartianSource
from netdoctor_checks._own_source import returned, ways_out


@check("SYS005")
def martian_source(end: MartianSource, case: Case) -> Iterator[Finding]:
    """The packet comes from outside with a source address that is the receiver's own.

    ## What it means
    The namespace has the source address itself (two owners of one address), takes it for a broadcast address, or gets
    back a packet that it sent. Leftover addresses on lo and containers that were given the gateway's address do this.

    ## Why it breaks the path
    `__fib_validate_source()` looks the source up and expects a unicast route; a route of type local or broadcast makes
    the packet a martian, which is dropped unless `accept_local` is on.

    ## See it yourself
    `ip -br addr` in both namespaces shows the address twice; `ip route get DESTINATION from SOURCE iif INTERFACE` says
    `Invalid argument`. With `sysctl net.ipv4.conf.all.log_martians=1` the kernel logs `martian source`.

    ## How to fix it
    Delete the address where it does not belong, or give one of the two another. accept_local lets the packet in, but
    an answer to an own address still never leaves.

    ## Often taken for
    Reverse path filtering; but its counter (TcpExtIPReversePathFilter) does not move, and rp_filter=0 does not help.
    """
    if end.arp:
        return
    label, name = case.label(end.at), case.name(end.at)
    owned = bool(case.ns(end.at).owners(end.source))
    title = f"{label} drops packets from {end.source}, which it takes for its own address"
    explanation = f"{end.source} comes in by {name}, and {label} has that address itself: a martian source."
    if returned(case, end):
        title = f"{label} gets its own packet from {end.source} back by {name}"
        explanation = (
            f"What {label} sent was routed back to it; a packet with an own address as source is dropped."
        )
    elif not owned:
        title = f"{label} drops packets from {end.source}, which is a special address there"
        explanation = (
            f"The local table of {label} has an entry for {end.source}, so it cannot be a sender: a martian."
        )
    proofs = (
        Proof(f"what {label} holds of {end.source}", case.ip(end.at, "route", "show", "table", "local")),
        Proof(f"the addresses of {label}", case.ip(end.at, "-br", "addr", "show")),
    )
    fixes: list[Fix | None] = [*ways_out(case, end)]
    for fix in fixes or [None]:
        yield Finding(title, explanation, end.at, proofs, fix)
