"""BRG015: the same frame comes round again."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.ports import LeaveBridge
from netdoctor.kernel.endings import Looped
from netdoctor_checks._hop import helps


@check("BRG015", generic=True)
def layer2_loop(end: Looped, case: Case) -> Iterator[Finding]:
    """Frames go round in a layer-2 loop.

    ## What it means
    Two or more bridges are joined by more than one cable, so that a frame comes back to where it was. Ethernet
    frames have no TTL: nothing ends it.

    ## Why it breaks the path
    Each round teaches the bridges that the sender is behind another port (br_fdb_update()), so answers go astray,
    and broadcasts multiply until the links are full.

    ## See it yourself
    `bridge monitor fdb` shows the same lladdr moving between ports; the counters of `ip -s link` run although
    nobody sends.

    ## How to fix it
    Take one of the parallel cables out of its bridge, or switch spanning tree on for all bridges concerned (`ip
    link set dev BRIDGE type bridge stp_state 1`) and wait until it has settled.

    ## Often taken for
    A duplicate lladdr, which makes the entries of the forwarding database jump as well.
    """
    rounds = [number for number in case.walk.chain(end.step) if case.walk.steps[number].stage == "bridge"]
    ports = list(dict.fromkeys(case.walk.steps[number].at for number in rounds[::-1]))
    ports = [place for place in ports if (link := case.link(place)) is not None and link.master]
    fixes = [
        Fix(f"take {case.where(p)} out of its bridge", (LeaveBridge(p.inode, p.ifindex),), "high")
        for p in ports[:6]
    ]
    useful: list[Fix | None] = [fix for fix in fixes if helps(case, fix)]
    for fix in useful or [None]:
        yield Finding(
            f"the frame goes round in a loop by way of {case.where(end.at)}",
            "The same frame came by here before: the bridges on its way form a ring, and nothing ends that.",
            end.at,
            (Proof("the ports and their bridges", case.bridge(end.at, "link", "show")),),
            fix,
        )
