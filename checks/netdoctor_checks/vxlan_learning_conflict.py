"""VXL013: what a VTEP would learn contradicts a permanent entry."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.fix.vxlan import ReplaceRemote, SetVxlan
from netdoctor.kernel.endings import VxlanRefused
from netdoctor_checks._underlay import owned
from netdoctor_checks._vxlan import sent, vtep
from netdoctor_checks._vxlan_fixes import elsewhere, fdb_proof, link_proof


@check("VXL013")
def vxlan_learning_conflict(end: VxlanRefused, case: Case) -> Iterator[Finding]:
    """A permanent FDB entry contradicts where the frame comes from.

    ## What it means
    The receiving VXLAN device learns: it notes from which node each MAC address comes. For the frame's source there is
    a permanent entry with another node in it.

    ## Why it breaks the path
    vxlan_snoop() may not move a permanent entry, and takes the frame for a forgery: vxlan_rcv() drops it with the
    reason VXLAN_ENTRY_EXISTS. The kernel log says that the address migrated, at most once in a while.

    ## See it yourself
    `bridge fdb show dev DEV` has the MAC address with another `dst` than the outer source that a capture shows;
    `ip -d link show DEV` does not say `nolearning`.

    ## How to fix it
    Correct the entry: `bridge fdb replace MAC dev DEV dst NODE-ADDRESS`. Where an agent writes the entries, learning
    has no business: `ip link set DEV type vxlan nolearning`. If the sender uses an odd address of its node, set its
    `local` to the one the others know.

    ## Often taken for
    Packet loss: the outer packet arrives, and only the entries that are wrong lose their frames.
    """
    one, there = sent(case, end), vtep(case, end.at)
    if end.why != "learning-conflict" or one is None or there is None or end.entry is None:
        return
    entry, src = end.entry, end.packet.src
    right = Fix(f"point the entry at {src}", (ReplaceRemote(there.at.inode, entry, elsewhere(entry, src)),))
    quiet = Fix(
        f"let {case.name(there.at)} not learn", (SetVxlan(there.at.inode, there.at.ifindex, learning=False),)
    )
    fixes = [(there.at, right), (there.at, quiet)]
    if entry.dst is not None and owned(case, one.by.home, entry.dst):
        usual = SetVxlan(one.by.at.inode, one.by.at.ifindex, local=entry.dst)
        fixes = [
            (there.at, quiet),
            (one.by.at, Fix(f"send from {entry.dst}, which the others know", (usual,))),
        ]
    for at, fix in fixes:
        yield Finding(
            f"{case.where(there.at)} has {entry.dst} for {entry.lladdr} and drops it when it comes from {src}",
            f"The frame from {entry.lladdr} comes from {src}; the permanent entry says {entry.dst}, and a device that "
            "learns drops what contradicts a permanent entry.",
            at,
            (
                fdb_proof(case, there.at, f"the entry for {entry.lladdr} has dst {entry.dst}, permanent"),
                link_proof(case, there.at, "learning is on (nolearning is not printed)"),
            ),
            fix,
        )
