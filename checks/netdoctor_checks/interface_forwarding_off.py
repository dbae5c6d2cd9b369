"""SYS002: forwarding is off for the incoming interface."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import ArpNotAnswered
from netdoctor_checks._router import Stopped, destination_of, globally_off, stopped, turned_on


@check("SYS002")
def interface_forwarding_off(end: Stopped, case: Case) -> Iterator[Finding]:
    """Forwarding is off for the interface by which the packet comes in.

    ## What it means
    `ip_forward` is 1 and yet this one interface has `forwarding` 0. Interfaces made while `conf.default.forwarding` was
    0 start so, and tools that write per-interface settings leave it behind.

    ## Why it breaks the path
    Forwarding is decided by the incoming interface alone (`IN_DEV_FORWARD()` in `ip_route_input_slow()`). What leaves
    by the interface passes, what comes in by it is dropped; so often only one direction fails.

    ## See it yourself
    `sysctl net.ipv4.conf.INTERFACE.forwarding` says 0 beside `net.ipv4.ip_forward` 1; `ip route get DESTINATION from
    SOURCE iif INTERFACE` answers `No route to host`.

    ## How to fix it
    `sysctl -w net.ipv4.conf.INTERFACE.forwarding=1` for the incoming interface. Set `conf.default.forwarding` as well
    if new interfaces come up without it.

    ## Often taken for
    A route that is missing on the way back, or a firewall: the global switch is on, and nobody looks at the interface.
    On a host that answers as an ARP proxy it shows itself as an unanswered ARP request.
    """
    if not stopped(end) or globally_off(case, end):
        return
    label, name = case.label(end.at), case.name(end.at)
    title = f"{label} does not forward what comes in by {name}"
    explanation = (
        f"net.ipv4.conf.{name}.forwarding is 0 while ip_forward is 1: "
        f"the packet for {destination_of(end)} that came in by {name} is dropped."
    )
    if isinstance(end, ArpNotAnswered):
        explanation = (
            f"{end.sender} asks by {name} who has {end.address}; a proxy answers only where it forwards."
        )
    yield from turned_on(case, end, f"ipv4/conf/{name}/forwarding", title, explanation, end.at)
