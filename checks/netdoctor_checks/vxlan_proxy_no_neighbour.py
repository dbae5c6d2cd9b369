"""VXL017: a VTEP that answers ARP itself does not know the address."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetNeighbour
from netdoctor.kernel.endings import ArpNotAnswered
from netdoctor_checks._vxlan import owners_near, vtep
from netdoctor_checks._vxlan_fixes import believed, link_proof


@check("VXL017")
def vxlan_proxy_no_neighbour(end: ArpNotAnswered, case: Case) -> Iterator[Finding]:
    """A proxying VTEP has no neighbour entry for the address asked for.

    ## What it means
    With `proxy`, a VXLAN device answers ARP requests from its own neighbour table instead of flooding them. Docker's
    overlay driver fills that table for every remote container. The entry for this address is missing or not valid.

    ## Why it breaks the path
    arp_reduce() looks the address up in the device's neighbours. Without a valid entry it drops the request; with
    `l3miss` it tells user space too. The request is never flooded, so its owner does not hear of it.

    ## See it yourself
    `ip neigh show dev DEV` in the namespace of the overlay has no PERMANENT line for the address;
    `ip -d link show DEV` prints `proxy`.

    ## How to fix it
    `ip neigh replace ADDRESS lladdr MAC dev DEV nud permanent`, with the container's MAC address. Then see why the
    engine did not write it: gossip between the nodes (TCP and UDP 7946) is the usual suspect.

    ## Often taken for
    A container that is down. Note that setting the device down flushes its neighbours, permanent ones too.
    """
    by = vtep(case, end.at)
    if end.why != "proxy-no-neighbour" or by is None:
        return
    held = [case.link(place) for place in owners_near(case, end.address, by)]
    named = [link.address for link in held if link is not None and link.address]
    named += [lladdr for lladdr, _ in believed(case, end.address, (by,)).most_common()]
    for lladdr in dict.fromkeys(named):
        change = SetNeighbour(end.at.inode, end.at.ifindex, end.address, lladdr)
        yield Finding(
            f"{case.where(end.at)} answers ARP itself and has no neighbour entry for {end.address}",
            f"{end.sender} asks who has {end.address}; {case.name(end.at)} has proxy set, finds no valid entry and "
            f"drops the question instead of flooding it. The owner has {lladdr}.",
            end.at,
            (
                Proof(
                    f"no valid entry for {end.address}",
                    case.ip(end.at, "neigh", "show", "dev", case.name(end.at)),
                ),
                link_proof(case, end.at, "the device has proxy set"),
            ),
            Fix(f"say that {end.address} is at {lladdr}", (change,)),
        )
