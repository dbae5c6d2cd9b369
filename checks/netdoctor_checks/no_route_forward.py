"""RTE002: a router has no route."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import NoRoute
from netdoctor_checks._missing import lacks_route, missing_route


@check("RTE002")
def no_route_forward(end: NoRoute, case: Case) -> Iterator[Finding]:
    """A namespace that forwards has no route to the destination.

    ## What it means
    The packet came to a host or node on its way, and there no route covers its destination. The route to a pod, or to
    the pod subnet of another node, is missing: the agent that writes it is down, or a network manager removed it.

    ## Why it breaks the path
    `ip_route_input_slow()` finds nothing in the tables that the policy rules name and answers with ICMP network
    unreachable (`ip_error()`), which the sender may never see. Where only the blackhole of an address block is left,
    the packet is dropped without a word.

    ## See it yourself
    `ip route get DESTINATION from SOURCE iif INTERFACE` asks the kernel the very question that the packet puts;
    `nstat -az IpInNoRoutes IpExtInNoRoutes` counts while somebody pings.

    ## How to fix it
    Restart the agent that owns the routes. Until it is back, add the route by hand: to the interface behind which the
    address is, or via the node that has it.

    ## Often taken for
    A fault of the container: its own routes are right, and the packet leaves it. Also for forwarding being off, which
    answers differently: then the kernel says host unreachable to `ip route get`.
    """
    if not end.forwarding or not lacks_route(case, end):
        return
    label, name = case.label(end.at), case.name(end.at)
    title = f"{label} has no route to {end.destination}"
    explanation = (
        f"The packet from {end.source} came in by {name} of {label} to be forwarded, "
        f"and no route there covers {end.destination}; it ends here ({end.error})."
    )
    words = ("route", "get", end.destination, "from", end.source or "0.0.0.0", "iif", name)
    proof = Proof(f"{label} finds no way to {end.destination}", case.ip(end.at, *words))
    yield from missing_route(case, end, title, explanation, proof)
