"""RTE005: a prohibit route."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import NoRoute
from netdoctor_checks._rejecting import refused


@check("RTE005")
def prohibit_route(end: NoRoute, case: Case) -> Iterator[Finding]:
    """A route of type prohibit refuses the packet.

    ## What it means
    The longest prefix for the address is a route of type `prohibit`: traffic to it was forbidden by means of routing.

    ## Why it breaks the path
    `fib_table_lookup()` returns -EACCES for it (`fib_props[]`). A local sender gets `Permission denied`; for a
    forwarded packet `ip_error()` sends ICMP communication administratively prohibited (type 3, code 13) to its source,
    which ping(8) shows as `Packet filtered`.

    ## See it yourself
    `ip route get ADDRESS` says `Permission denied`; `ip route show table all type prohibit` lists such routes.

    ## How to fix it
    Ask who forbade it and why; if it is a leftover, delete the route, and put the real one back where it took its
    place.

    ## Often taken for
    A firewall's REJECT with admin-prohibited: ping prints the same words. Look at the routes of the namespace whose
    address the ICMP message carries before looking for rules.
    """
    if end.route is None or end.route.type != "prohibit":
        return
    told = "answers ICMP administratively prohibited" if end.forwarding else "refuses with EACCES"
    explanation = (
        f"{case.label(end.at)} looks {end.destination} up, meets a route that forbids it, and {told}."
    )
    yield from refused(case, end, "prohibit", explanation)
