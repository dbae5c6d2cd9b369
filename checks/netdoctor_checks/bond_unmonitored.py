"""LNK014: a bond that watches no link keeps sending by a slave that is dead."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Bond
from netdoctor.fix.change import Fix
from netdoctor.fix.stacked import MonitorBond
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import helps, way
from netdoctor_checks._stacked import met


@check("LNK014")
def bond_unmonitored(end: Ending, case: Case) -> Iterator[Finding]:
    """A bond watches none of its links and goes on using a dead one.

    ## What it means
    The bond has neither miimon nor arp_interval. A slave that loses its carrier, or is set down, stays the active one,
    although another slave would work.

    ## Why it breaks the path
    Without a monitor a slave's link counts as up from the moment it was taken in (bond_enslave()), and nobody calls
    bond_select_active_slave() when that changes. Its queue discards what the bond hands it.

    ## See it yourself
    `ip -d link show dev BOND` prints `miimon 0 … arp_interval 0` and the `active_slave`; `ip link show dev SLAVE` says
    DOWN or NO-CARRIER. /proc/net/bonding/BOND shows `MII Polling Interval (ms): 0`.

    ## How to fix it
    `ip link set dev BOND type bond miimon 100`, and the same in the configuration that makes the bond: the default of
    `ip link add type bond` is no monitor at all.

    ## Often taken for
    A dead network, because bond0 is up and has its carrier: that is only what the bond believes.
    """
    for place in dict.fromkeys((*met(case, end), *way(case, end))):
        link = case.link(place)
        data = link.bond if link is not None else None
        if data is None or data.miimon or data.arp_interval:
            continue
        fix = Fix(f"have {case.where(place)} watch its links", (MonitorBond(place.inode, place.ifindex),))
        if helps(case, fix):
            yield _finding(case, place, data, fix)


def _finding(case: Case, bond: Place, data: Bond, fix: Fix) -> Finding:
    name = case.name(bond)
    slave = case.name(Place(bond.inode, data.active)) if data.active else "a slave"
    return Finding(
        f"{case.where(bond)} watches no link and goes on sending by {slave}, which is dead",
        f"{name} has no link monitor (miimon 0): {slave} stays in use although it cannot send.",
        bond,
        (
            Proof(f"{name} has miimon 0", case.ip(bond, "-d", "link", "show", "dev", name)),
            Proof(f"the slaves of {name}", case.ip(bond, "-d", "link", "show", "master", name)),
        ),
        fix,
    )
