"""VXL005: the far VTEP has the lladdr that the frame comes from."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import VxlanRefused
from netdoctor_checks._vxlan import sent, vtep
from netdoctor_checks._vxlan_fixes import link_proof
from netdoctor_checks._vxlan_lladdr import renamings


@check("VXL005")
def vxlan_duplicate_vtep_mac(end: VxlanRefused, case: Case) -> Iterator[Finding]:
    """Two devices of one overlay have the same MAC address.

    ## What it means
    The frame that comes out of the tunnel has the MAC address of the receiving VXLAN device itself as its source.
    Cloned machines are the usual reason: the address is derived from a machine-id that both have.

    ## Why it breaks the path
    vxlan_rcv() takes a frame with its own source address for one of its own that came back, and drops it with the
    reason LOCAL_MAC. Nobody gets an error.

    ## See it yourself
    `ip link show DEV` on both nodes prints the same link/ether. The drop is counted as an RX error of the device.

    ## How to fix it
    Give one of them another address, and tell all others: their neighbour and FDB entries. Setting an address flushes
    the device's own permanent neighbours. For good: a new machine-id (`systemd-machine-id-setup`) before the agent
    starts, or a fixed address for each node.

    ## Often taken for
    A filter on the far node: the outer packet does arrive there.
    """
    one, there = sent(case, end), vtep(case, end.at)
    if end.why != "own-lladdr" or one is None or there is None or there.at == one.by.at:
        return
    for odd, changes, lladdr in renamings(case, one, there):
        yield Finding(
            f"{case.where(there.at)} has {there.link.address}, the MAC address that the frame comes from",
            f"{case.where(there.at)} takes what {case.where(one.by.at)} sends from {one.frame.src} for a frame of its "
            "own that came back, and drops it.",
            odd.at,
            (
                link_proof(case, there.at, f"the receiver has {there.link.address}"),
                link_proof(
                    case,
                    one.by.at,
                    f"the sender {'has it too' if not one.by.link.master else 'passes it on'}",
                ),
            ),
            Fix(f"give {case.where(odd.at)} the lladdr {lladdr}, and tell the others", changes, "medium"),
        )
