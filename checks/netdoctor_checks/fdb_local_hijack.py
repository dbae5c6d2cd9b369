"""BRG009: the bridge takes the destination's lladdr for one of its own."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import FdbEntry
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import DeleteFdb
from netdoctor.kernel.endings import Ending, NotForwardedByBridge
from netdoctor.kernel.packet import Place
from netdoctor_checks._fdb import fdb_show
from netdoctor_checks._hop import helps, hops
from netdoctor_checks._mac import another_lladdr, lladdr, port_namesakes, talkers


@check("BRG009")
def fdb_local_hijack(end: Ending, case: Case) -> Iterator[Finding]:
    """The bridge takes the destination's lladdr for one of its own.

    ## What it means
    The forwarding database has a local (permanent) entry for an lladdr that belongs to a container: somebody
    added it with `bridge fdb add … permanent`, or a bridge port was given the same lladdr as a container.

    ## Why it breaks the path
    A local entry means: this is me. br_handle_frame_finish() passes the frame up to the host instead of to a
    port, and there it is PACKET_OTHERHOST and dropped. The bridge also refuses to learn such an lladdr
    (br_fdb_update()).

    ## See it yourself
    `bridge fdb get LLADDR br BRIDGE` prints `permanent`; `ip -s -s link show dev BRIDGE` counts otherhost frames.

    ## How to fix it
    Delete the entry: `bridge fdb del LLADDR dev PORT master`. Where it comes from the lladdr of a port, give the
    port another one; libvirt and Docker use fe:… for the host's ends so that they never collide.

    ## Often taken for
    A container that does not answer, though it never gets the packet; a static entry, which looks alike but leads
    to a port.
    """
    if isinstance(end, NotForwardedByBridge) and end.why == "local-entry" and end.entry is not None:
        port = Place(end.bridge.inode, end.entry.ifindex)
        if end.frame.dst != lladdr(case, end.bridge):
            yield _finding(case, end.bridge, port, end.frame.dst, end.entry)
    for hop in hops(case, end):
        for talker in talkers(case, hop):
            for port, bridge, address in port_namesakes(case, hop, talker):
                finding = _finding(case, bridge, port, address, None)
                if finding.fix is not None and helps(case, finding.fix):
                    yield finding


def _finding(case: Case, bridge: Place, port: Place, address: str, entry: FdbEntry | None) -> Finding:
    name, where = case.name(port), f"{case.name(bridge)} in {case.label(bridge)}"
    if entry is None or address == lladdr(case, port):
        fix, reason = another_lladdr(case, port), f"it is the lladdr of its port {name}"
    else:
        fix = Fix(f"delete the local FDB entry for {address}", (DeleteFdb(bridge.inode, entry),))
        reason = f"a local entry on {name} says so"
    return Finding(
        f"{where} takes {address} for its own: {reason}",
        f"The bridge passes frames for {address} up to the host, where nobody has it, since {reason}.",
        port,
        (
            Proof(
                f"the FDB of {case.name(bridge)} has {address} as permanent", fdb_show(case, bridge, address)
            ),
        ),
        fix,
    )
