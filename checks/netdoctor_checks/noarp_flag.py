"""NEI006: a device neither asks nor answers ARP."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetArp
from netdoctor.kernel.endings import ArpNotAnswered, Ending, NeighbourUnresolved
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import helps, hops, silences
from netdoctor_checks._stacked import data

ETHERNET = 1


@check("NEI006")
def noarp_flag(end: Ending, case: Case) -> Iterator[Finding]:
    """ARP is switched off on an interface.

    ## What it means
    The device has the flag NOARP. That is normal on tunnels, where there is nobody to ask; on an Ethernet-like
    device somebody set it (`ip link set DEV arp off`).

    ## Why it breaks the path
    arp_rcv() drops every ARP message that comes in by such a device, so nobody learns its address. In the other
    direction arp_constructor() makes entries of state NOARP whose lladdr is the device's own: what it sends is
    addressed to itself and comes back or gets lost.

    ## See it yourself
    `ip link show dev DEV` prints NOARP between the angle brackets; `ip neigh show nud noarp dev DEV` lists what
    the device made up.

    ## How to fix it
    `ip link set dev DEV arp on`. The made-up entries go away with it.

    ## Often taken for
    A host that is down (nobody answers for its address) or an FDB that points the wrong way (the frames come back
    by the port they left from).
    """
    if isinstance(end, ArpNotAnswered | NeighbourUnresolved):
        # An ipvlan in mode L3 has the flag by its nature: with ARP switched on it would answer no more.
        for silent in (each for each in silences(case, end, "noarp") if data(case, each.at) is None):
            text = f"The request for {silent.address} arrives at {case.name(silent.at)}, which takes no ARP message."
            yield _finding(case, silent.at, text)
    for hop in hops(case, end):
        link = case.link(hop.at)
        if link is None or not link.noarp or link.arp_type != ETHERNET or hop.lladdr != link.address:
            continue
        if data(case, hop.at) is not None:
            continue
        text = f"{link.name} may not ask who has {hop.address}, so the frame is addressed to {link.name}'s own lladdr."
        finding = _finding(case, hop.at, text)
        if finding.fix is not None and helps(case, finding.fix):
            yield finding


def _finding(case: Case, at: Place, explanation: str) -> Finding:
    name = case.name(at)
    return Finding(
        f"ARP is switched off on {case.where(at)}",
        explanation,
        at,
        (Proof(f"{name} has the flag NOARP", case.ip(at, "link", "show", "dev", name)),),
        Fix(f"switch ARP on again on {case.where(at)}", (SetArp(at.inode, at.ifindex),)),
    )
