"""BRG007: broadcast (or multicast) is not flooded to the port."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetPort
from netdoctor.kernel.endings import NotForwardedByBridge

KINDS = {"broadcast-flood": ("broadcast", "bcast_flood"), "multicast-flood": ("multicast", "mcast_flood")}


@check("BRG007")
def broadcast_flood_off(end: NotForwardedByBridge, case: Case) -> Finding | None:
    """Broadcasts are not flooded to the bridge port.

    ## What it means
    The port has `bcast_flood off` (or `mcast_flood off`): the bridge sends no broadcasts (multicasts) out of it,
    so ARP requests never reach what is behind it.

    ## Why it breaks the path
    br_flood() passes over ports without BR_BCAST_FLOOD or BR_MCAST_FLOOD. What the host itself sends through the
    bridge is exempt from that, so the gateway may resolve the container while its neighbours cannot.

    ## See it yourself
    `bridge -d link show dev PORT` prints `bcast_flood off`. A capture behind the port shows no ARP request.

    ## How to fix it
    `bridge link set dev PORT bcast_flood on`. Where flooding is off on purpose (proxy ARP, EVPN), the agent has
    to provide the neighbours instead.

    ## Often taken for
    A destination that is down. It answers as soon as somebody knows its lladdr.
    """
    if end.why not in KINDS:
        return None
    kind, flag = KINDS[end.why]
    name = case.name(end.at)
    return Finding(
        f"{name} in {case.label(end.at)} takes no {kind}s of {case.name(end.bridge)}",
        f"The {'ARP request' if end.flow.arp else 'frame'} is a {kind}, and {name} takes none: {flag} is off.",
        end.at,
        (Proof(f"{flag} is off on {name}", case.bridge(end.at, "-d", "link", "show", "dev", name)),),
        Fix(f"let {name} take {kind}s again", (SetPort(end.at.inode, end.at.ifindex, flag, True),)),
    )
