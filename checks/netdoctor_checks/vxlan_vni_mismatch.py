"""VXL006: the packet carries a VNI that no VTEP of the receiving node has."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import VxlanRefused
from netdoctor_checks._vxlan import sent
from netdoctor_checks._vxlan_fixes import fdb_proof, link_proof, node
from netdoctor_checks._vxlan_sides import alternatives, counterpart


@check("VXL006")
def vxlan_vni_mismatch(end: VxlanRefused, case: Case) -> Iterator[Finding]:
    """The far node has no VXLAN device with the packet's VNI.

    ## What it means
    The 24-bit number in the VXLAN header says to which overlay a packet belongs. The receiving node has the overlay's
    device with another number, or the sender's FDB entry writes a number of its own (`vni N`).

    ## Why it breaks the path
    vxlan_rcv() looks for a device with that VNI on the socket's port (vxlan_vs_find_vni()). It finds none and drops the
    packet with the reason VXLAN_VNI_NOT_FOUND. Nobody gets an error.

    ## See it yourself
    `ip -d link show DEV` prints `vxlan id N` on each node; `bridge fdb show dev DEV` prints `vni N` where an entry has
    one of its own. RFC 7348, section 5, has the header.

    ## How to fix it
    The number cannot be changed in a device that exists: it must be deleted and made anew, with all that hangs on it.
    An entry's own number goes with `bridge fdb replace`.

    ## Often taken for
    A blocked UDP port. The port is open: with a closed one, the node would answer `port unreachable`.
    """
    one = sent(case, end)
    there = counterpart(case, one, end) if one is not None else None
    if end.why != "vni" or one is None or there is None or end.packet.vni == there.data.vni:
        return
    if there.data.port != end.packet.dport:
        return
    for at, fix in alternatives(case, one, there, "vni"):
        yield Finding(
            f"{case.where(one.by.at)} sends VNI {end.packet.vni} to {node(case, there)}, where "
            f"{case.name(there.at)} has VNI {there.data.vni}",
            f"{node(case, there)} takes the packet on UDP port {end.packet.dport} and finds no device with VNI "
            f"{end.packet.vni}.",
            at,
            (
                link_proof(case, one.by.at, f"the sender's device has VNI {one.by.data.vni}"),
                link_proof(case, there.at, f"the receiver's has VNI {there.data.vni}"),
                fdb_proof(case, one.by.at, f"the entry that is used sends with VNI {end.packet.vni}"),
            ),
            fix,
        )
