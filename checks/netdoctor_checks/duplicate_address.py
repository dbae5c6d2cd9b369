"""ADR002: two containers have the same address, and the wrong one got the packet."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import Ending
from netdoctor_checks._claims import claimed, finding, on_the_way


@check("ADR002")
def duplicate_address(end: Ending, case: Case) -> Iterator[Finding]:
    """Two namespaces have the same address, and the wrong one got the packet.

    ## What it means
    The address is configured twice. Both answer ARP requests for it; which answer is taken depends on who is faster,
    and on what neighbour entry is already there.

    ## Why it breaks the path
    The packet is delivered to the namespace whose lladdr is in the neighbour entry. To that one the echo belongs to
    nobody (ping_rcv() finds no socket), or its own answer does not find the way back.

    ## See it yourself
    `arping -D -I DEV ADDRESS` names the second owner by its lladdr. `ip addr show to ADDRESS` shows the address in both
    namespaces.

    ## How to fix it
    Delete the address in the namespace that should not have it, and release it in the address database that handed it
    out twice.

    ## Often taken for
    A flaky network: some pings are answered and some are not, as the neighbour entry changes.
    """
    claim = claimed(case, end)
    if claim is None or on_the_way(case, claim):
        return
    label, right = case.label(claim.at), case.label(claim.rightful)
    title = f"{label} has the address {claim.address}, which is {right}'s"
    why = (
        f"The packet for {claim.address} went to {label} in place of {right}, because both have that address."
    )
    yield from finding(case, claim, title, why)
