"""ADR003: a namespace on the way takes the packet for its own."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import Ending
from netdoctor_checks._claims import claimed, finding, on_the_way


@check("ADR003")
def address_local_on_host(end: Ending, case: Case) -> Iterator[Finding]:
    """A namespace on the way has the destination's address and takes the packet.

    ## What it means
    A hop that should pass the packet on has the same address itself, as a rule on `lo` or on a bridge: a leftover of a
    service address, of a test, or of a container that once ran with the host's network.

    ## Why it breaks the path
    The rule with priority 0 looks into the table `local` before any other. ip_route_input_slow() finds RTN_LOCAL
    there, so that the packet is delivered to this namespace and is never forwarded.

    ## See it yourself
    `ip route get ADDRESS` there answers `local ADDRESS dev lo`. `ip addr show to ADDRESS` names the device.

    ## How to fix it
    `ip addr del ADDRESS/PREFIX dev DEV` on the hop. Where there is no such address, a `local` route for a whole prefix
    does the same: `ip route show table local`.

    ## Often taken for
    A destination that ignores pings. It never gets one.
    """
    claim = claimed(case, end)
    if claim is None or not on_the_way(case, claim):
        return
    label, right = case.label(claim.at), case.label(claim.rightful)
    title = f"{label} takes packets for {claim.address} itself, though {right} has that address"
    why = f"The local table of {label}, which comes before all routes, has {claim.address}; the packet ends there."
    yield from finding(case, claim, title, why)
