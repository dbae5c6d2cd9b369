"""VXL001: a VTEP has no remote for the lladdr that it shall send to."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.fix.vxlan import AddRemote
from netdoctor.kernel.endings import NoVtep
from netdoctor_checks._underlay import addresses
from netdoctor_checks._vxlan import behind, sent, target
from netdoctor_checks._vxlan_fixes import fdb_proof, link_proof, node, remote
from netdoctor_checks._vxlan_unseen import no_remote


@check("VXL001")
def vxlan_fdb_missing(end: NoVtep, case: Case) -> Iterator[Finding]:
    """A VTEP has no FDB entry for the MAC address it shall send to.

    ## What it means
    The packet has reached the VXLAN device and its destination MAC address is known. The device's own forwarding
    database says nothing about the node behind which that address is, and has no entry for everything else either.

    ## Why it breaks the path
    vxlan_xmit() looks the address up (vxlan_find_mac()), then the all-zero default entry. With neither, it drops the
    frame with the reason NO_TX_TARGET and counts it in tx_dropped; where `l2miss` is set it also tells user space,
    which is expected to write the entry. Nobody gets an ICMP error.

    ## See it yourself
    `bridge fdb show dev DEV` has no line for the MAC address and none for 00:00:00:00:00:00;
    `ip -s link show DEV` counts TX drops. bridge(8) explains the columns.

    ## How to fix it
    `bridge fdb append MAC dev DEV dst NODE-ADDRESS`. The overlay's agent (flanneld, dockerd, the EVPN daemon) should
    have written it: look why it missed that node, or lost its lease for it.

    ## Often taken for
    A firewall on the node network, since nothing arrives. A capture on the node's NIC shows that nothing leaves.
    """
    if int(end.lladdr[:2], 16) & 1 or (one := sent(case, end)) is None:
        return
    right = behind(case, end.lladdr, one.by)
    there = right or target(case, one)
    name = case.name(end.at)
    if there is None:
        yield no_remote(case, end.at, end.lladdr)
        return
    far = case.where(there.at)
    known = f"which is behind {far}" if right is not None else f"though {far} is where the packet should go"
    for address in addresses(case, there, one.by):
        yield Finding(
            f"{name} in {case.label(end.at)} has no FDB entry for {end.lladdr}, {known}",
            f"The VXLAN device knows no remote for {end.lladdr} and has no default entry, so vxlan_xmit() drops the "
            f"frame; {node(case, there)} is to be reached at {address}.",
            end.at,
            (
                fdb_proof(case, end.at, f"no line for {end.lladdr} and none for 00:00:00:00:00:00"),
                link_proof(case, there.at, f"the other end is {far}, VNI {there.data.vni}"),
            ),
            Fix(
                f"tell {name} that {end.lladdr} is behind {address}",
                (AddRemote(end.at.inode, remote(one.by, end.lladdr, address)),),
            ),
        )
