"""RTE001: the sender has no route."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import ArpNotAnswered, ForwardingOff, NoRoute
from netdoctor_checks._missing import forgotten_address, lacks_route, missing_route


@check("RTE001")
def no_route(end: NoRoute | ForwardingOff | ArpNotAnswered, case: Case) -> Iterator[Finding]:
    """The namespace that sends has no route to the address.

    ## What it means
    No table that the policy rules point to holds a route for the address: neither a subnet of an interface covers it,
    nor is there a default route. On the way back it is the destination that cannot send its reply.

    ## Why it breaks the path
    `ip_route_output_key_hash_rcu()` gets ENETUNREACH from `fib_lookup()`, so no packet is made. ping(8) says
    `connect: Network is unreachable`; a reply that has no route is not sent, and nobody is told.

    ## See it yourself
    `ip route get ADDRESS` in the namespace answers `RTNETLINK answers: Network is unreachable`; `ip route show table
    all` lists what there is. Setting an interface down deletes its routes, and setting it up again restores only those
    that come with an address (`fib_del_ifaddr()`, `fib_sync_up()`).

    ## How to fix it
    Add the route that the neighbours on the same network have: for most containers a default route via the address of
    the bridge. What wrote the container's network configuration will not come back by itself and repeat it.

    ## Often taken for
    A firewall on the way. No packet leaves here, so a capture on any interface stays empty.
    """
    yield from forgotten_address(case, end)
    if not isinstance(end, NoRoute) or end.forwarding or not lacks_route(case, end):
        return
    label = case.label(end.at)
    if end.error == "EINVAL" and end.route is None:
        title = f"{label} has no address {end.source} to send from"
        why = f"the kernel sends only from its own addresses, and {end.source} is none of {label}."
        proof = Proof(f"{label} does not have {end.source}", case.ip(end.at, "addr", "show"))
        yield Finding(title, why, end.at, (proof,))
        return
    title = f"{label} has no route to {end.destination}"
    what = "its reply to" if end.flow.leg == "reply" else "a packet for"
    explanation = (
        f"{label} cannot send {what} {end.destination}: no route covers it ({end.error}), so nothing is sent."
    )
    words = ("route", "get", end.destination) + (("from", end.source) if end.source else ())
    proof = Proof(f"{label} finds no way to {end.destination}", case.ip(end.at, *words))
    yield from missing_route(case, end, title, explanation, proof)
