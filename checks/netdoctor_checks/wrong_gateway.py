"""RTE008: a route names a gateway that nobody is, or one that is the wrong one."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor_checks._astray import Astray, finding, strayed, useful
from netdoctor_checks._detours import words


@check("RTE008")
def wrong_gateway(end: Astray, case: Case) -> Iterator[Finding]:
    """A route names a gateway that does not lead to the destination.

    ## What it means
    The route that the packet takes has a gateway. Nobody on that segment has its address, or who has it is not the one
    that can pass the packet on; another neighbour could.

    ## Why it breaks the path
    ip_finish_output2() resolves the gateway's lladdr, not the destination's. Where nobody answers, arp_error_report()
    ends the packet with EHOSTUNREACH after three requests, a second apart. Where the wrong one answers, it drops
    the packet or sends it astray.

    ## See it yourself
    `ip route get DESTINATION` names the gateway; `ip neigh show GATEWAY` shows FAILED, or the lladdr of whoever
    answered. Compare with the routes of the other containers there.

    ## How to fix it
    `ip route replace PREFIX via GATEWAY`. Where an agent writes the route, its idea of the node's address is old:
    restart it, or correct what it reads.

    ## Often taken for
    A dead gateway. The gateway that was meant is well; it is only never asked.
    """
    found = strayed(case, end)
    if found is None or found.gateway is None:
        return
    gateway, goal = found.gateway, found.destination
    route, who = words(case, found.at, found.route), case.label(found.at)
    holders = [case.label(place) for place in case.owners(gateway) if place in case.segment(found.at)]
    if holders:
        title = f"{who} sends to {goal} by {holders[0]} ({gateway}), which does not lead there"
        why = f"The route `{route}` hands the packet to {holders[0]}, where it ends; "
    else:
        title = f"{who} sends to {goal} via {gateway}, which nobody on that segment has"
        why = (
            f"The route `{route}` makes the kernel ask for the lladdr of {gateway} on {case.name(found.at)}, where "
            f"nobody has that address; the packet waits for the answer and is discarded; "
        )
    for detour in useful(case, found, same_device=True):
        direct = detour.hop is not None and detour.hop.gateway is None
        other = f"{goal} is on that segment itself" if direct else "another neighbour passes it on"
        yield finding(case, found, detour, title, f"{why}{other}.")
