"""SYS001: ip_forward is 0."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import ArpNotAnswered
from netdoctor.kernel.packet import Place
from netdoctor_checks._router import Stopped, destination_of, globally_off, stopped, turned_on
from netdoctor_checks._vxlan_names import misled


@check("SYS001")
def ip_forward_off(end: Stopped, case: Case) -> Iterator[Finding]:
    """The host on the way does not forward: ip_forward is 0.

    ## What it means
    The packet reached a namespace that should pass it on, and forwarding is switched off there. A reload of
    /etc/sysctl.d, a hardening script or a network service that restarted has written 0.

    ## Why it breaks the path
    `ip_route_input_slow()` finds a route that leads away, sees forwarding off on the incoming device, and drops the
    packet (`ip_error()`), silently for the most part. A proxy ARP host stops answering too: `arp_process()` answers for
    others only where it would forward to them.

    ## See it yourself
    `sysctl net.ipv4.ip_forward` in the namespace says 0. `ip route get DESTINATION from SOURCE iif INTERFACE` answers
    `No route to host` although the route is there; `nstat -az IpInAddrErrors` counts.

    ## How to fix it
    `sysctl -w net.ipv4.ip_forward=1`, and a file in /etc/sysctl.d that sorts behind the one that sets 0. Writing it
    sets `forwarding` of every interface as well (`inet_forward_change()`).

    ## Often taken for
    A firewall that drops in FORWARD, or a fault of the destination: each container still reaches the host itself.
    Containers on one bridge do not need it. See Documentation/networking/ip-sysctl.rst.
    """
    if not stopped(end) or not globally_off(case, end) or misled(case, end):
        return
    label, name = case.label(end.at), case.name(end.at)
    title = f"{label} does not forward: net.ipv4.ip_forward is 0"
    explanation = (
        f"The packet for {destination_of(end)} came in by {name} and is not for {label} itself: dropped."
    )
    if isinstance(end, ArpNotAnswered):
        explanation = (
            f"{end.sender} asks by {name} who has {end.address}; {label} would answer as a proxy only if it "
            "forwarded."
        )
    yield from turned_on(case, end, "ipv4/ip_forward", title, explanation, Place(end.at.inode, 0))
