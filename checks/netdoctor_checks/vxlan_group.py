"""VXL014: the VTEPs of an overlay flood to a multicast group that the others do not hear."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.fix.vxlan import SetVxlan
from netdoctor.kernel.endings import DeliveredElsewhere, NeighbourUnresolved, NoVtep
from netdoctor_checks._vxlan import asked
from netdoctor_checks._vxlan_fixes import link_proof
from netdoctor_checks._vxlan_group import joinings, kept_apart, pairs


@check("VXL014")
def vxlan_group(end: NeighbourUnresolved | NoVtep | DeliveredElsewhere, case: Case) -> Iterator[Finding]:
    """The multicast group of an overlay does not join its VTEPs.

    ## What it means
    A VXLAN device with a `group` floods by sending to that multicast address, and joins it to hear the others. Two
    devices of one overlay have different groups, or one has none; or the node network does not carry the group.

    ## Why it breaks the path
    Broadcasts are sent to a group that the other node did not join (vxlan_multicast_join() is done for the device's own
    group on its own `dev`). ip_route_input_mc() there finds no member and drops the packet: ARP is never answered.

    ## See it yourself
    `ip -d link show DEV` prints `group ADDRESS … dev NIC` on each node; `ip maddr show dev NIC` lists what is joined;
    `bridge -d link show` prints the flood flags of a bridge between the nodes.

    ## How to fix it
    `ip link set DEV type vxlan group ADDRESS dev NIC` changes it in place: the kernel leaves one group and joins the
    other, and rewrites the default entry. Where the network has no multicast, use entries for flooding instead.

    ## Often taken for
    A missing FDB entry. There is one for flooding, and it names the group.
    """
    hop = asked(end)
    if hop is None:
        return
    for by, there in pairs(case, end, hop):
        if by.data.group == there.data.group and by.data.link and there.data.link:
            yield from kept_apart(case, hop, by)
            continue
        for odd, group, dev in joinings(case, by, there):
            yield Finding(
                f"{case.where(by.at)} floods to {by.data.group or 'no group'}, {case.where(there.at)} to "
                f"{there.data.group or 'no group'}",
                f"The question who has {hop.address} is sent to a group that the other VTEP did not join.",
                odd.at,
                (
                    link_proof(case, by.at, f"the sender has group {by.data.group}"),
                    link_proof(case, there.at, f"the receiver has group {there.data.group}"),
                ),
                Fix(
                    f"let {case.where(odd.at)} use the group {group} on {dev.name}",
                    (SetVxlan(odd.at.inode, odd.at.ifindex, group=group, link=dev.index),),
                    "medium",
                ),
            )
