"""RTE003: a blackhole route."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import NoRoute
from netdoctor_checks._rejecting import refused


@check("RTE003")
def blackhole_route(end: NoRoute, case: Case) -> Iterator[Finding]:
    """A blackhole route swallows the packet.

    ## What it means
    The longest prefix for the address is a route of type `blackhole`, or a route whose nexthop object is one. Somebody
    put it there to cut an address off, or an agent keeps it for a whole address block and the longer prefix that should
    win over it is missing.

    ## Why it breaks the path
    `fib_table_lookup()` returns -EINVAL for it (`fib_props[]`). A local sender gets `Invalid argument`; a forwarded
    packet is dropped silently, without an ICMP message.

    ## See it yourself
    `ip route get ADDRESS` says `Invalid argument`; `ip route show table all type blackhole` lists such routes, and
    `ip nexthop show` tells nexthop objects that are blackholes.

    ## How to fix it
    Delete the route where it is a leftover. The blackhole of an address block (`proto bird`, or with the pods' /32
    beside it) is meant to be there: then add the missing longer prefix instead.

    ## Often taken for
    Packet loss or a firewall: there is no answer of any kind, and no counter of a rule moves.
    """
    route = end.route
    if route is None or end.error != "EINVAL" or (route.type == "unicast" and route.nh_id is None):
        return
    what = "the nexthop object of the route" if route.type == "unicast" else "the route"
    silent = "and drops it without a word" if end.forwarding else "and the sender gets EINVAL"
    explanation = (
        f"The kernel looks {end.destination} up in {case.label(end.at)}, {what} says blackhole, {silent}."
    )
    yield from refused(case, end, "blackhole", explanation)
