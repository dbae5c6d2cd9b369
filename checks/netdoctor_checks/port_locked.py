"""BRG005: a locked port takes frames of authorised lladdrs only."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import FdbEntry
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import AddFdb, SetPort
from netdoctor.kernel.endings import NotForwardedByBridge
from netdoctor_checks._fdb import fdb_show

NUD_NOARP = 0x40


@check("BRG005")
def port_locked(end: NotForwardedByBridge, case: Case) -> Iterator[Finding]:
    """A locked bridge port does not admit the sender's lladdr.

    ## What it means
    A locked port (IEEE 802.1X style) takes frames only of lladdrs for which the forwarding database has an entry
    on that port. A daemon or an administrator is to add one for each station that is admitted; the sender has
    none there.

    ## Why it breaks the path
    br_handle_frame_finish() looks up the source lladdr of each frame that comes in by a locked port
    (BR_PORT_LOCKED). Where the entry is missing, local, or on another port, the frame is dropped before anything
    is learned.

    ## See it yourself
    `bridge -d link show dev PORT` prints `locked on`; `bridge fdb show brport PORT` lists what is admitted.

    ## How to fix it
    Admit the sender: `bridge fdb replace LLADDR dev PORT master static`. Or unlock the port: `bridge link set dev
    PORT locked off`, where nobody needs the lock.

    ## Often taken for
    A port that is down: not even ARP requests get through, while frames to the station do.
    """
    if end.why != "locked":
        return
    name, source = case.name(end.at), end.frame.src
    statics = [
        e for e in case.ns(end.at).fdb_entries() if e.ifindex == end.at.ifindex and e.static and not e.local
    ]
    unlock = Fix(f"unlock {name}", (SetPort(end.at.inode, end.at.ifindex, "locked", False),), "medium")
    entry = FdbEntry(end.at.ifindex, source, NUD_NOARP, master=end.bridge.ifindex, vlan=end.vid)
    admit = Fix(f"admit {source} on {name}", (AddFdb(end.at.inode, entry),))
    for fix in (admit, unlock) if statics and not end.vid else (unlock,):
        yield Finding(
            f"{name} in {case.label(end.at)} is locked and does not admit {source}",
            f"{name} is a locked port of {case.name(end.bridge)}, whose FDB has no entry for {source} on it; "
            f"frames of such senders are dropped.",
            end.at,
            (
                Proof(f"{name} is locked", case.bridge(end.at, "-d", "link", "show", "dev", name)),
                Proof(f"{source} has no entry on {name}", fdb_show(case, end.bridge, source)),
            ),
            fix,
        )
