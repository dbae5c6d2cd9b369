"""VXL003: a VTEP that cannot ask has no neighbour entry for the next hop."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetNeighbour
from netdoctor.kernel.endings import ArpNotAnswered, NeighbourUnresolved, NoVtep
from netdoctor.kernel.packet import ZERO_MAC, Place
from netdoctor_checks._vxlan import asked, owners_near, vtep
from netdoctor_checks._vxlan_fixes import believed, fdb_proof, has_fixed
from netdoctor_checks._vxlan_unseen import no_neighbour


@check("VXL003")
def vxlan_neigh_missing(end: NoVtep | NeighbourUnresolved | ArpNotAnswered, case: Case) -> Iterator[Finding]:
    """A VTEP has no neighbour entry for the next hop, and no way to ask for it.

    ## What it means
    The route leads to a next hop beyond the VXLAN device. Overlays of flannel's kind have a permanent neighbour entry
    for every other node, so that nobody need ask. The one for this next hop is missing.

    ## Why it breaks the path
    arp_solicit() sends a broadcast into the device. Without an all-zero FDB entry there is nowhere to flood it to:
    vxlan_xmit() drops it, the queued packets are discarded after three tries (neigh_invalidate()), and a forwarding
    node reports `Destination Host Unreachable`.

    ## See it yourself
    `ip neigh show dev DEV` has no PERMANENT line for the next hop (or says FAILED); `ip route get DST` shows which one
    that is; `bridge fdb show dev DEV` has no 00:00:00:00:00:00.

    ## How to fix it
    `ip neigh replace NEXTHOP lladdr MAC dev DEV nud permanent`, with the MAC address of the other node's VTEP. Setting
    the device down flushes permanent neighbours: restart the agent after a flap.

    ## Often taken for
    A dead node. The other node never hears of it.
    """
    hop = asked(end)
    by = vtep(case, Place(hop.inode, hop.ifindex)) if hop is not None else None
    if hop is None or by is None or by.link.master or getattr(end, "why", "") == "proxy-no-neighbour":
        return
    said = [lladdr for lladdr, _ in believed(case, hop.address, (by,)).most_common()]
    if any(case.ns(by.at).fdb(by.at.ifindex, ZERO_MAC)) and not (said or has_fixed(case, by)):
        return
    holders = [
        v
        for place in owners_near(case, hop.address, by)
        if (v := vtep(case, place)) is not None and v.at != by.at
    ]
    if isinstance(end, NoVtep) and not holders and not said:
        yield no_neighbour(case, by, hop)
    for lladdr in dict.fromkeys([v.link.address for v in holders if v.link.address] + said):
        yield Finding(
            f"{case.where(by.at)} has no neighbour entry for {hop.address}, its next hop",
            f"The kernel can only ask by broadcast for the MAC address of {hop.address}, and whom {case.name(by.at)} "
            f"could flood that to does not answer. The VTEP there has {lladdr}.",
            by.at,
            (
                Proof(
                    f"no usable entry for {hop.address}",
                    case.ip(by.at, "neigh", "show", "dev", case.name(by.at)),
                ),
                fdb_proof(case, by.at, "no entry for flooding leads to an answer"),
            ),
            Fix(
                f"say that {hop.address} is at {lladdr}",
                (SetNeighbour(by.at.inode, by.at.ifindex, hop.address, lladdr),),
            ),
        )
