"""LNK010: a VLAN device over a bridge port takes the frames that the bridge should have."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.stacked import DeleteLink
from netdoctor.kernel import topology
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import helps, way
from netdoctor_checks._stacked import met, vlan_name


@check("LNK010")
def vlan_over_bridge_port(end: Ending, case: Case) -> Iterator[Finding]:
    """A VLAN interface on a bridge port takes the frames of its VLAN away from the bridge.

    ## What it means
    A NIC is a port of a bridge, and a VLAN device stands on the NIC itself. Frames of that VLAN go to the VLAN
    device, whatever state it is in; the bridge, its other ports and a VLAN device on the bridge never see them.

    ## Why it breaks the path
    __netif_receive_skb_core() (net/core/dev.c) asks vlan_do_receive() before the device's rx_handler, which is where
    the bridge sits. A VLAN device that is down takes the frame as well, and frees it.

    ## See it yourself
    `ip -d link show type vlan` names what each VLAN device stands on (`DEV@PORT`); `ip link show master BRIDGE` lists
    the ports. `tcpdump -e -i PORT` sees the tagged frame, `tcpdump -i BRIDGE` does not.

    ## How to fix it
    Delete the VLAN device on the port, and use one on the bridge (`ip link add link BRIDGE name BRIDGE.N type vlan id
    N`), or make the VLAN device itself a port of a bridge of its own. Not both on one NIC.

    ## Often taken for
    A switch that does not carry the VLAN: untagged traffic of the same cable works, tagged frames arrive and vanish.
    """
    for place in dict.fromkeys((*met(case, end), *way(case, end))):
        link = case.link(place)
        if link is None or link.slave_kind != "bridge":
            continue
        for child in topology.children(case.host, place, "vlan"):
            fix = Fix(f"delete {case.where(child)}", (DeleteLink(child.inode, child.ifindex),), "medium")
            if helps(case, fix):
                yield _finding(case, child, place, fix)


def _finding(case: Case, child: Place, port: Place, fix: Fix) -> Finding:
    link, name, under = case.link(child), case.name(child), case.name(port)
    what = vlan_name(link.vlan) if link is not None and link.vlan is not None else "its VLAN"
    return Finding(
        f"{case.where(child)} takes the frames of {what} away from the bridge of {under}",
        f"{under} is a port of a bridge, and {name} stands on {under}: frames of {what} go to {name} before the bridge "
        "is asked.",
        child,
        (
            Proof(f"{name} stands on {under}", case.ip(child, "-d", "link", "show", "dev", name)),
            Proof(f"{under} is a port of a bridge", case.ip(port, "-d", "link", "show", "dev", under)),
        ),
        fix,
    )
