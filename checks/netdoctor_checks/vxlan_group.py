"""VXL014: the VTEPs of an overlay flood to different multicast groups."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.fix.vxlan import SetVxlan
from netdoctor.kernel.endings import DeliveredElsewhere, NeighbourUnresolved, NoVtep
from netdoctor.kernel.packet import Place, is_multicast
from netdoctor_checks._vxlan import Vtep, asked, sent, towards, vtep
from netdoctor_checks._vxlan_fixes import link_proof, odd_first, underlay_devices


@check("VXL014")
def vxlan_group(end: NeighbourUnresolved | NoVtep | DeliveredElsewhere, case: Case) -> Iterator[Finding]:
    """The VTEPs of an overlay use different multicast groups.

    ## What it means
    A VXLAN device with a `group` floods by sending to that multicast address, and joins it to hear the others. Two
    devices of one overlay have different groups, or one has none, or joined it on another interface.

    ## Why it breaks the path
    Broadcasts are sent to a group that the other node did not join (vxlan_multicast_join() is done for the device's own
    group on its own `dev`). ip_route_input_mc() there finds no member and drops the packet: ARP is never answered.

    ## See it yourself
    `ip -d link show DEV` prints `group ADDRESS … dev NIC` on each node; `ip maddr show dev NIC` lists what is joined.

    ## How to fix it
    `ip link set DEV type vxlan group ADDRESS dev NIC` changes it in place: the kernel leaves one group and joins the
    other, and rewrites the default entry.

    ## Often taken for
    A switch that does not carry multicast. First see that both ends mean the same group.
    """
    hop, one = asked(end), sent(case, end)
    if hop is None:
        return
    places = [one.by.at] if one is not None else sorted(case.visited(hop), key=lambda at: (at.inode, at.ifindex))
    for by in (v for at in places if (v := vtep(case, at)) is not None):
        there = towards(case, hop.address, by)
        groups = {v.data.group for v in (by, there) if v is not None and v.data.group and is_multicast(v.data.group)}
        if there is None or not groups or (by.data.group == there.data.group and by.data.link and there.data.link):
            continue
        for odd, group in odd_first(case, by, there, "group"):
            if not isinstance(group, str) or not is_multicast(group):
                continue
            for link in _devices(case, odd, there if odd is by else by):
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
                        f"let {case.where(odd.at)} use the group {group} on {link}",
                        (SetVxlan(odd.at.inode, odd.at.ifindex, group=group, link=_index(case, odd, link)),),
                        "medium",
                    ),
                )


def _devices(case: Case, odd: Vtep, other: Vtep) -> list[str]:
    """The device on which to join: the one it has, else those in the subnet of the other's addresses."""
    own = case.link(Place(odd.home, odd.data.link)) if odd.data.link else None
    known = [ifa.local for ifa in case.ns(other.home).addresses() if ifa.family == 2 and not ifa.local.startswith("127.")]
    near = [link.name for address in known for link in underlay_devices(case, odd, address)]
    return list(dict.fromkeys(([own.name] if own is not None else []) + near))[:2]


def _index(case: Case, odd: Vtep, name: str) -> int:
    link = case.ns(odd.home).link_named(name)
    return link.index if link is not None else 0
