"""VXL020: the node that the tunnel leads to has no VXLAN device of this overlay."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import VxlanRefused
from netdoctor.kernel.packet import Place
from netdoctor_checks._vxlan import sent, target, vteps
from netdoctor_checks._vxlan_fixes import fdb_proof
from netdoctor_checks._vxlan_made import made_alike


@check("VXL020")
def vxlan_device_missing(end: VxlanRefused, case: Case) -> Finding | None:
    """The far node has no VXLAN device of this overlay.

    ## What it means
    The packet goes to the node that it should go to. Neither that node's own namespace nor any other has a VXLAN device
    of this overlay whose socket would be there.

    ## Why it breaks the path
    Only a VXLAN device that is up opens the UDP port (vxlan_open()) and knows its VNI. Without one the node answers
    ICMP port unreachable to the sending node, or drops the packet because it does not know the number.

    ## See it yourself
    `ip -d link show type vxlan` in the node's namespace lists no device with the VNI; `ss -uln` has no socket on the
    port.

    ## How to fix it
    Let the overlay's agent make it again: restart flanneld, rejoin the swarm, reload the network configuration. What
    hung on the device (addresses, routes, neighbours, FDB entries) is gone with it, so making the device is
    only the first step.

    ## Often taken for
    A device that is down, or a firewall that blocks the port.
    """
    one = sent(case, end)
    if one is None or end.why not in ("port-closed", "vni"):
        return None
    here = [v for v in vteps(case, one.by.home) if v.home == end.at.inode and v.at != one.by.at]
    there = target(case, one)
    alike = [v for v in here if v.data.vni == one.by.data.vni or v.link.name == one.by.link.name]
    if alike or len(here) == 1 or (there is not None and there.home == end.at.inode):
        return None
    node = case.label(end.at)
    return Finding(
        f"{node} has no VXLAN device with VNI {end.packet.vni}, to which {case.where(one.by.at)} sends",
        f"The packet from {end.packet.src} arrives at UDP port {end.packet.dport} of {node}; no VXLAN device of this "
        "overlay is there to take it.",
        Place(end.at.inode, 0),
        (
            Proof(
                f"no device has VNI {end.packet.vni}", case.ip(end.at, "-d", "link", "show", "type", "vxlan")
            ),
            fdb_proof(case, one.by.at, f"the remote is {end.packet.dst}"),
        ),
        made_alike(case, one, end),
    )
