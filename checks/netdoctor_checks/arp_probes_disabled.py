"""NEI009: the sender asks nobody, because it may send no ARP request."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import NeighbourUnresolved
from netdoctor.kernel.packet import Place
from netdoctor.kernel.sysctls import number

DEFAULT = 3


@check("NEI009")
def arp_probes_disabled(end: NeighbourUnresolved, case: Case) -> Finding | None:
    """The sender may send no ARP request.

    ## What it means
    `net.ipv4.neigh.DEV.mcast_solicit` is 0: the number of broadcast requests the kernel may send for an unknown
    neighbour. Some overlays did that to have a daemon of their own answer (app_solicit); where the daemon is
    gone, nobody asks any more.

    ## Why it breaks the path
    __neigh_event_send() adds up the probes that are allowed. With none the entry becomes FAILED at once and the
    packet is dropped; with application probes only, the question goes to user space and never to the wire.

    ## See it yourself
    `sysctl net.ipv4.neigh.DEV.mcast_solicit`; a capture on the device shows no ARP at all, while `ip neigh show
    dev DEV` shows FAILED.

    ## How to fix it
    `sysctl -w net.ipv4.neigh.DEV.mcast_solicit=3`, the default, and the same for ucast_solicit, by which the
    kernel verifies what it knows.

    ## Often taken for
    A destination that does not answer. Here nobody was asked.
    """
    at = Place(end.asker.inode, end.asker.ifindex)
    ns, name = case.ns(at), case.name(at)
    base = f"ipv4/neigh/{name}"
    if number(ns, f"{base}/mcast_solicit", DEFAULT) != 0:
        return None
    zero = [key for key in ("mcast_solicit", "ucast_solicit") if number(ns, f"{base}/{key}", DEFAULT) == 0]
    return Finding(
        f"{case.where(at)} may not ask who has {end.asker.address}: mcast_solicit is 0",
        f"{case.label(at)} does not know where {end.asker.address} is and may send no ARP request on {name}, so the "
        f"packet is dropped.",
        at,
        tuple(
            Proof(f"net.{base.replace('/', '.')}.{key} is 0", case.sysctl(at, f"{base}/{key}"))
            for key in zero
        ),
        Fix(
            f"let {name} in {case.label(at)} send ARP requests again",
            tuple(SetSysctl(at.inode, f"{base}/{key}", str(DEFAULT)) for key in zero),
        ),
    )
