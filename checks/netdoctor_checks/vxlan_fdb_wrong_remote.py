"""VXL002: the remote of an FDB entry is not the node that it should be."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.fix.vxlan import ReplaceRemote
from netdoctor.kernel import endings as e
from netdoctor.kernel.packet import ZERO_MAC, is_multicast
from netdoctor_checks._underlay import addresses, owned, reaches
from netdoctor_checks._vxlan import sent, target
from netdoctor_checks._vxlan_fixes import elsewhere, fdb_proof, link_proof, node

Astray = (
    e.NeighbourUnresolved | e.NotForMe | e.VxlanRefused | e.VxlanNotSent | e.NoRoute | e.TtlExceeded
    | e.DeliveredElsewhere | e.ArpNotAnswered | e.NotForwardedByBridge | e.ForwardingOff | e.MartianSource
    | e.ReversePath | e.RuleDropped
)  # fmt: skip


@check("VXL002")
def vxlan_fdb_wrong_remote(end: Astray, case: Case) -> Iterator[Finding]:
    """An FDB entry of a VTEP names the wrong node.

    ## What it means
    The VXLAN device has an entry for the destination's MAC address, or for flooding, and the remote address in it is
    not an address of the node behind which the destination is: an old address, another node, or nobody at all.

    ## Why it breaks the path
    vxlan_xmit_one() sends the outer packet to the entry's remote and never asks whether it is still the right one.
    Nobody may own that address, so that the underlay's ARP request stays unanswered; or another node decapsulates the
    frame and drops it as PACKET_OTHERHOST, because the inner MAC address is not its own.

    ## See it yourself
    `bridge fdb show dev DEV` shows `dst` beside the MAC address; compare it with `local` in
    `ip -d link show` on the node where the destination is. A capture on the node's NIC shows the outer destination.

    ## How to fix it
    `bridge fdb replace MAC dev DEV dst NODE-ADDRESS`. Then see why the agent did not follow: a node that changed its
    address, a task that moved, two writers of the same table.

    ## Often taken for
    A broken node network. The underlay is fine: ping the other node's real address from this one.
    """
    one = sent(case, end)
    if one is None or one.entry is None or one.entry.dst is None or is_multicast(one.entry.dst):
        return
    entry, by, there, dst = one.entry, one.by, target(case, one), one.entry.dst
    if there is None or owned(case, there.home, dst) or owned(case, by.home, dst):
        return
    if entry.lladdr == ZERO_MAC and reaches(case, by, there, ZERO_MAC):
        return
    what = "flooding" if entry.lladdr == ZERO_MAC else entry.lladdr
    holders = sorted({case.label(place) for place in case.owners(dst)})
    whose = f"an address of {', '.join(holders)}" if holders else "an address that nobody has"
    for address in addresses(case, there, by):
        yield Finding(
            f"{case.where(by.at)} sends what is for {case.where(there.at)} to {entry.dst}, {whose}",
            f"The FDB entry for {what} names {entry.dst}, so the encapsulated packet goes there; "
            f"{node(case, there)} is {address}.",
            by.at,
            (
                fdb_proof(case, by.at, f"the entry for {entry.lladdr} has dst {entry.dst}"),
                link_proof(case, there.at, f"the VTEP that should get it is {case.where(there.at)}"),
            ),
            Fix(
                f"point the entry at {address}",
                (ReplaceRemote(by.at.inode, entry, elsewhere(entry, address)),),
            ),
        )
