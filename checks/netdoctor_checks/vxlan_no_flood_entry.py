"""VXL011: a VTEP has nobody to flood to, or not the one who would answer."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.vxlan import AddRemote
from netdoctor.kernel.endings import NeighbourUnresolved, NoVtep
from netdoctor.kernel.packet import ZERO_MAC, Place, is_multicast
from netdoctor_checks._underlay import addresses, reaches, self_remote
from netdoctor_checks._vxlan import Vtep, asked, flooding, overlay, towards
from netdoctor_checks._vxlan_fixes import fdb_proof, has_fixed, link_proof, remote
from netdoctor_checks._vxlan_unseen import no_flooding


@check("VXL011")
def vxlan_no_flood_entry(end: NoVtep | NeighbourUnresolved, case: Case) -> Iterator[Finding]:
    """A VTEP has no entry for flooding to the other node.

    ## What it means
    Broadcasts, ARP requests above all, are sent to every remote of the FDB entry for 00:00:00:00:00:00. The VXLAN
    device has none, or none for the node where the address asked for is.

    ## Why it breaks the path
    vxlan_xmit() finds neither the broadcast address nor the default entry and drops the frame (NO_TX_TARGET). The
    question who has the address never gets to its owner, so nobody answers, although a unicast entry may be there.

    ## See it yourself
    `bridge fdb show dev DEV` has no 00:00:00:00:00:00 line with the other node's address. A capture on the far bridge
    shows no ARP request.

    ## How to fix it
    `bridge fdb append 00:00:00:00:00:00 dev DEV dst NODE-ADDRESS`, once for every other node. A multicast `group` on
    the device does the same, where the node network carries multicast.

    ## Often taken for
    A dead container at the other end. Give the source a permanent neighbour entry and the ping works.
    """
    hop = asked(end)
    if hop is None or (isinstance(end, NoVtep) and not int(end.lladdr[:2], 16) & 1):
        return
    for by in flooding(case, end):
        there = towards(case, hop.address, by)
        static = not by.link.master and any(has_fixed(case, v) for v in (by, *overlay(case, by)))
        if there is None and by.link.master and isinstance(end, NoVtep):
            yield no_flooding(case, by, hop)
        if there is None or static or by.data.proxy or reaches(case, by, there, ZERO_MAC) or _by_group(there):
            continue
        if self_remote(case, by) is not None:
            continue
        near = [there, *(v for v in overlay(case, by) if v.at != there.at and reaches(case, v, by, ZERO_MAC))]
        missing = [v for v in near if not reaches(case, by, v, ZERO_MAC)]
        found = [dst for v in missing for dst in addresses(case, v, by)[:1]]
        changes = tuple[Change, ...](AddRemote(by.at.inode, remote(by, ZERO_MAC, dst)) for dst in found)
        if changes:
            yield Finding(
                f"{case.where(by.at)} has no entry for flooding to {case.label(there.home)}",
                f"{case.where(Place(hop.inode, hop.ifindex))} asks who has {hop.address}; the broadcast comes to "
                f"{case.name(by.at)}, whose list for flooding does not lead to {case.where(there.at)}.",
                by.at,
                (
                    fdb_proof(case, by.at, f"no line 00:00:00:00:00:00 for {found[0]}"),
                    link_proof(case, there.at, f"the VTEP on the other side is {case.where(there.at)}"),
                ),
                Fix(f"flood to {', '.join(found)} as well", changes),
            )


def _by_group(there: Vtep) -> bool:
    return there.data.group is not None and is_multicast(there.data.group)
