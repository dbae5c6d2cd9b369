"""RTE004: an unreachable route."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import NoRoute
from netdoctor_checks._rejecting import refused


@check("RTE004")
def unreachable_route(end: NoRoute, case: Case) -> Iterator[Finding]:
    """A route of type unreachable refuses the packet.

    ## What it means
    The longest prefix for the address is a route of type `unreachable`: an order to refuse it. VPN clients, cluster
    agents and administrators put such routes, and a crash leaves them behind.

    ## Why it breaks the path
    `fib_table_lookup()` returns -EHOSTUNREACH for it (`fib_props[]`). A local sender gets `No route to host`; for a
    forwarded packet `ip_error()` sends ICMP host unreachable to its source.

    ## See it yourself
    `ip route get ADDRESS` says `No route to host`; `ip route show table all type unreachable` lists such routes.

    ## How to fix it
    Delete the route. If it took the place of the real one, put that back: to the interface behind which the address
    is, or via its node.

    ## Often taken for
    A container that does not answer ARP: that is also told as host unreachable, but only after about three seconds,
    while this refusal comes at once. See ip-route(8) for the types of routes.
    """
    if end.route is None or end.route.type != "unreachable":
        return
    told = "answers ICMP host unreachable" if end.forwarding else "refuses with EHOSTUNREACH"
    explanation = (
        f"{case.label(end.at)} looks {end.destination} up, meets a route that is there to refuse, and {told}."
    )
    yield from refused(case, end, "unreachable", explanation)
