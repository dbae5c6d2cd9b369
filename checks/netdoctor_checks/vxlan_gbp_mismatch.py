"""VXL016: the sender marks its packets with a group policy, which the receiver does not know."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import VxlanRefused
from netdoctor_checks._vxlan import sent, vtep
from netdoctor_checks._vxlan_fixes import link_proof, recreate


@check("VXL016")
def vxlan_gbp_mismatch(end: VxlanRefused, case: Case) -> Iterator[Finding]:
    """One VTEP uses the group policy extension and the other does not.

    ## What it means
    With `gbp`, a VXLAN device writes a packet's mark into the header as a group policy id. The far device was made
    without it.

    ## Why it breaks the path
    vxlan_rcv() clears every header flag that it understands; what is left over makes the header invalid
    (VXLAN_INVALID_HDR), and the packet is dropped and counted in rx_frame_errors. Packets without a mark have no such
    flag and pass, so only some traffic is lost.

    ## See it yourself
    `ip -d link show DEV` prints `gbp` on one node only; `ip -s -s link show DEV` on the other counts `frame` errors.

    ## How to fix it
    Make the device without it anew with `gbp`, or the other without: the flag cannot be changed in place.

    ## Often taken for
    A firewall rule that matches marks.
    """
    one, there = sent(case, end), vtep(case, end.at)
    if end.why != "gbp" or one is None or there is None or one.by.data.gbp == there.data.gbp:
        return
    for odd, other in ((there, one.by), (one.by, there)):
        change = recreate(case, odd, gbp=other.data.gbp)
        if change is not None:
            words = "with" if other.data.gbp else "without"
            yield Finding(
                f"{case.where(one.by.at)} uses the group policy extension and {case.where(there.at)} does not",
                f"The packet's header carries a group policy id, which {case.where(there.at)} does not understand.",
                odd.at,
                (
                    link_proof(case, one.by.at, "the sender was made with gbp"),
                    link_proof(case, there.at, "the receiver was made without"),
                ),
                Fix(f"make {case.where(odd.at)} anew {words} gbp", (change,), "medium"),
            )
