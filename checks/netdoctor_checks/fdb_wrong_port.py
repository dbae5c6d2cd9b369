"""BRG008: an FDB entry sends the frame to the wrong port."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import DeleteFdb
from netdoctor.kernel.endings import Ending
from netdoctor_checks._fdb import Lookup, fdb_show, lookups, right_ports


@check("BRG008")
def fdb_wrong_port(end: Ending, case: Case) -> Iterator[Finding]:
    """An FDB entry sends the frame to the wrong bridge port.

    ## What it means
    The bridge's forwarding database says behind which port an lladdr is, and the device with that lladdr is
    cabled to another port. The entry is static or sticky, or was learned before the device moved.

    ## Why it breaks the path
    br_handle_frame_finish() finds the entry and forwards to its port alone; nothing is flooded. If that is the
    port the frame came in by, should_deliver() refuses it without a word. A learned or plain static entry moves
    with the next frame that its owner sends (br_fdb_update()), a sticky one never does.

    ## See it yourself
    `bridge fdb get LLADDR br BRIDGE` names the port; `ip -d link show dev PORT` its peer. `sticky` and `static`
    at the end of the line say that somebody set it; `bridge -s fdb` shows how old a learned one is.

    ## How to fix it
    `bridge fdb del LLADDR dev PORT master`. The bridge floods until it has learned anew.

    ## Often taken for
    A wrong neighbour entry: ARP is right here, the lladdr is that of the owner, and only unicast gets lost.
    """
    for found in lookups(case, end):
        right = right_ports(case, found.bridge, found.lladdr)
        if right and found.port not in right or case.link(found.port) is None:
            yield _finding(case, found, case.name(right[0]) if right else None)


def _finding(case: Case, found: Lookup, right: str | None) -> Finding:
    entry, port = found.entry, case.name(found.port)
    kind = "sticky" if entry.sticky else "static" if entry.static else "learned"
    behind = f"{found.lladdr} is behind {right}" if right is not None else f"{port} is no port any more"
    return Finding(
        f"{case.where(found.bridge)} sends frames for {found.lladdr} to port {port}: {behind}",
        f"A {kind} entry of the forwarding database names {port}, so the bridge hands the frame to that port alone.",
        found.port,
        (
            Proof(f"the entry names {port}", fdb_show(case, found.bridge, found.lladdr)),
            Proof(
                f"the ports and what they are cabled to ({behind})",
                case.ip(found.bridge, "-d", "link", "show"),
            ),
        ),
        Fix(
            f"delete the {kind} FDB entry for {found.lladdr} on {port}", (DeleteFdb(found.port.inode, entry),)
        ),
    )
