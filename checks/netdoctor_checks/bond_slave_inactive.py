"""LNK015: frames arrive by a slave that is not the active one; or the bond has none that may send."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Bond
from netdoctor.fix.change import Fix
from netdoctor.fix.stacked import Enslave, SetActiveSlave
from netdoctor.kernel.endings import BondKept, NoCarrier
from netdoctor.kernel.packet import Place
from netdoctor_checks._down import gains
from netdoctor_checks._hop import helps


@check("LNK015")
def bond_slave_inactive(end: BondKept | NoCarrier, case: Case) -> Iterator[Finding]:
    """A bond takes nothing from an inactive slave, or has no slave that may send.

    ## What it means
    In mode active-backup one slave is in use, and the bond discards what the others take in. If the far side sends by
    the cable of a backup slave, nothing arrives. Where no slave is left, nothing is sent either.

    ## Why it breaks the path
    bond_handle_frame() marks what an inactive slave takes in for exact delivery, so neither IP nor ARP of the bond
    sees it. bond_xmit_activebackup() drops where there is no active slave.

    ## See it yourself
    `ip -d link show dev BOND` prints `active_slave`; `ip -d link show dev SLAVE` prints `bond_slave state BACKUP`. The
    counters of the backup slave (`ip -s link`) grow with every ping.

    ## How to fix it
    Have both sides use the same cable: `ip link set dev BOND type bond active_slave SLAVE`, and better a switch
    between them, or a mode that both ends agree on (802.3ad). A bond without slaves needs some: `ip link set dev NIC
    down`, then `ip link set dev NIC master BOND`.

    ## Often taken for
    A firewall: a capture on the slave sees the frames arrive.
    """
    link = case.link(end.at)
    if isinstance(end, NoCarrier) or end.why == "no-active-slave":
        if link is not None and link.kind == "bond":
            yield from _without(case, end.at)
        return
    master = Place(end.at.inode, link.master or 0) if link is not None else end.at
    bond, name = case.link(master), case.name(end.at)
    data = (bond.bond or Bond()) if bond is not None else Bond()
    change = SetActiveSlave(master.inode, master.ifindex, end.at.ifindex)
    active = case.name(Place(master.inode, data.active)) if data.active else "another slave"
    yield Finding(
        f"frames arrive by {case.where(end.at)}, and {case.name(master)} listens to {active} only",
        f"{name} is not the active slave of {case.name(master)} (mode {data.mode}): what it takes in is discarded.",
        end.at,
        (
            Proof(f"{name} is a backup slave", case.ip(end.at, "-d", "link", "show", "dev", name)),
            Proof("the active slave", case.ip(master, "-d", "link", "show", "dev", case.name(master))),
        ),
        Fix(f"make {name} the active slave of {case.where(master)}", (change,), "medium"),
    )


def _enslaved(case: Case, bond: Place, slave: Place) -> Fix:
    changes = (Enslave(slave.inode, slave.ifindex, bond.ifindex), *gains(case, slave, {slave}))
    return Fix(f"make {case.name(slave)} a slave of {case.name(bond)}", changes)


def _without(case: Case, at: Place) -> Iterator[Finding]:
    """No slave may send; where there is none, a free device may have been one."""
    ns, name = case.ns(at), case.name(at)
    free = [link for link in ns.links() if link.kind in (None, "", "veth") and not (link.master or link.loopback)]
    free = [link for link in free if not case.addresses(Place(at.inode, link.index))]
    made = (_enslaved(case, at, Place(at.inode, link.index)) for link in free)
    fixes: list[Fix | None] = [fix for fix in made if helps(case, fix)] if not ns.ports(at.ifindex) else []
    shown = Proof(f"the slaves of {name}", case.ip(at, "-d", "link", "show", "master", name))
    why = f"{name} has no slave that is up, has a carrier and may send: what is given to it is dropped."
    for fix in fixes or [None]:
        yield Finding(f"{case.where(at)} has no slave that may send", why, at, (shown,), fix)
