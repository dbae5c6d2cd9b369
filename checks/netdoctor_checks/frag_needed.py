"""MTU001: the packet is larger than the MTU of its way, and may not be fragmented."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import Route
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute, DeleteRoute
from netdoctor.kernel.endings import FragNeeded
from netdoctor_checks._mtu import frag_fix, mtu


@check("MTU001")
def frag_needed(end: FragNeeded, case: Case) -> Iterator[Finding]:
    """The packet is larger than the MTU of its way and may not be fragmented.

    ## What it means
    The packet has the don't-fragment bit, and the device it should leave by (or the route, where it has an mtu of
    its own) takes only smaller ones.

    ## Why it breaks the path
    ip_forward() drops it and sends ICMP type 3 code 4 with the MTU to the sender; for its own packets the kernel
    returns EMSGSIZE (ip_exceeds_mtu(), __ip_append_data()). ping without a size of its own is small, so the
    pinging works and transfers hang where that ICMP message is lost.

    ## See it yourself
    `ping -M do -s SIZE ADDRESS` reports `Frag needed` with the MTU; `ip link show dev DEV` prints it, and `ip
    route get ADDRESS` shows what the sender has learned.

    ## How to fix it
    Give all devices of one segment the same MTU, that of the path. Over a tunnel the packets must be smaller: the
    MTU of the pods is that of the underlay less the tunnel's headers (50 bytes for VXLAN over IPv4), so lower it
    at the pods.

    ## Often taken for
    A firewall that lets the small packets through; a slow network.
    """
    name, here = case.name(end.at), case.label(end.at)
    route = next((fact for fact in case.walk.steps[end.step].facts if isinstance(fact, Route)), None)
    limited = route is not None and route.mtu is not None and route.mtu < mtu(case, end.at)
    source = f"the route has mtu {end.mtu}" if limited else f"{name} has MTU {end.mtu}"
    show = ("route", "get", end.packet.dst) if limited else ("link", "show", "dev", name)
    fixes: list[Fix | None] = [frag_fix(case, end, _next_hop(end, route))]
    if limited and route is not None:
        change = AddRoute(end.at.inode, replace(route, mtu=None), True)
        fixes.insert(0, Fix("set the route anew without its mtu", (DeleteRoute(end.at.inode, route), change)))
    for fix in [item for item in fixes if item is not None] or fixes[:1]:
        yield Finding(
            f"the packet of {end.packet.length} bytes does not fit through {name} in {here}: {source}",
            f"Here {source}, the packet is {end.packet.length} bytes long and may not be fragmented, so "
            f"{here} drops it and reports `fragmentation needed`.",
            end.at,
            (Proof(source, case.ip(end.at, *show)),),
            fix,
        )


def _next_hop(end: FragNeeded, route: Route | None) -> str:
    hops = route.nexthops if route is not None else ()
    return next((hop.gateway for hop in hops if hop.oif == end.at.ifindex and hop.gateway), end.packet.dst)
