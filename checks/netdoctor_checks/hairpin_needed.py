"""BRG014: the frame would have to leave by the port it came in by."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetPort
from netdoctor.kernel.endings import NotForwardedByBridge
from netdoctor_checks._fdb import fdb_show


@check("BRG014", generic=True)
def hairpin_needed(end: NotForwardedByBridge, case: Case) -> Finding | None:
    """The frame would have to leave the bridge by the port it came in by.

    ## What it means
    For the bridge, sender and receiver are behind the same port: two macvlan children in mode vepa behind one
    NIC, two machines behind a downstream switch, or a container that reaches itself through an address
    translation.

    ## Why it breaks the path
    should_deliver() never sends a frame back out of its ingress port, unless the port is in hairpin mode
    (BR_HAIRPIN_MODE); the copy is dropped without a counter or a message.

    ## See it yourself
    `bridge fdb get LLADDR br BRIDGE` names the ingress port itself; `bridge -d link show dev PORT` prints
    `hairpin off`.

    ## How to fix it
    `bridge link set dev PORT hairpin on`, if both really are behind this port. Otherwise the FDB has the wrong
    port, or two devices have the same lladdr.

    ## Often taken for
    A firewall of the switch. IEEE 802.1Q calls what is needed here reflective relay.
    """
    if end.why != "same-port":
        return None
    port = case.name(end.at)
    return Finding(
        f"{case.name(end.bridge)} in {case.label(end.bridge)} would have to send the frame back out of {port}",
        f"The bridge knows {end.frame.dst} behind {port}, where the frame came in, and does not send it back that way.",
        end.at,
        (
            Proof(f"{end.frame.dst} is known behind {port}", fdb_show(case, end.bridge, end.frame.dst)),
            Proof(f"hairpin is off on {port}", case.bridge(end.at, "-d", "link", "show", "dev", port)),
        ),
        Fix(
            f"let {port} send frames back: hairpin on",
            (SetPort(end.at.inode, end.at.ifindex, "hairpin", True),),
            "medium",
        ),
    )
