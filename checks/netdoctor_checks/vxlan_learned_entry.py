"""VXL018: the path hangs on an FDB entry that was learned and will age."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.facts.records import NTF_EXT_LEARNED, FdbEntry
from netdoctor.fix.change import Fix
from netdoctor.fix.vxlan import ReplaceRemote
from netdoctor.kernel.packet import ZERO_MAC
from netdoctor.kernel.walk import Walk
from netdoctor_checks._vxlan import vtep
from netdoctor_checks._vxlan_fixes import fdb_proof, link_proof


@check("VXL018")
def vxlan_learned_entry(walk: Walk, case: Case) -> Iterator[Finding]:
    """The path through the tunnel hangs on an entry that was learned.

    ## What it means
    The VXLAN device found the far node by an entry that it learned from traffic. No permanent entry and no entry for
    flooding stands behind it: the one that an agent should have written is missing, and learning hides that.

    ## Why it breaks the path
    It does not, as long as there is traffic. vxlan_cleanup() removes learned entries that were not refreshed for
    `ageing` seconds (300). After a quiet while the device does not know where to send, and only a packet from the other
    side can mend it.

    ## See it yourself
    `bridge fdb show dev DEV` prints the entry without `permanent` (`bridge -s` shows its age), and has no line for
    00:00:00:00:00:00.

    ## How to fix it
    Write the entry: `bridge fdb replace MAC dev DEV dst NODE-ADDRESS`, or one for flooding. Restart the agent that
    should have done so, and switch learning off where an agent writes the table.

    ## Often taken for
    An idle timeout of a firewall: it works, and fails after some minutes of silence.
    """
    told: set[FdbEntry] = set()
    for step in walk.steps:
        entry = next((fact for fact in step.facts if isinstance(fact, FdbEntry)), None)
        by = vtep(case, step.at) if step.action == "encapsulate" else None
        if by is None or entry is None or entry in told or entry.static or entry.flags & NTF_EXT_LEARNED:
            continue
        ns = case.ns(by.at)
        if (
            entry not in ns.fdb(by.at.ifindex, entry.lladdr)
            or ns.fdb(by.at.ifindex, ZERO_MAC)
            or not by.data.ageing
        ):
            continue
        told.add(entry)
        yield Finding(
            f"{case.where(by.at)} knows the way to {entry.lladdr} only from what it learned",
            f"The entry for {entry.lladdr} is forgotten after {by.data.ageing} seconds without traffic from there, and "
            "nothing else says where to send then.",
            by.at,
            (
                fdb_proof(
                    case, by.at, f"the entry for {entry.lladdr} is not permanent, and nothing is for flooding"
                ),
                link_proof(case, by.at, f"learning is on, ageing is {by.data.ageing} seconds"),
            ),
            Fix(f"make the entry for {entry.lladdr} permanent", (ReplaceRemote(by.at.inode, entry, entry),)),
        )
