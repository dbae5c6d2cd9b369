"""LNK007: a macvlan child and the device it stands on cannot talk to one another."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import Ending, MacvlanKept
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import doors, helps, hops
from netdoctor_checks._macvlan import shim


@check("LNK007")
def macvlan_parent_isolation(end: Ending, case: Case) -> Iterator[Finding]:
    """A macvlan interface cannot talk to the device it stands on.

    ## What it means
    One of the two is a macvlan child, the other is the very host that has the parent device, and the address
    asked for is that of the parent. This is by design, not damage.

    ## Why it breaks the path
    What a child sends goes out of the parent to the wire (macvlan_queue_xmit()) and is never given to the
    parent's own stack; what the parent sends goes to the wire too. No switch sends a frame back by the port it
    came from.

    ## See it yourself
    `ip -d link show dev DEV` prints `DEV@PARENT … macvlan`; the other machines of the LAN reach both.

    ## How to fix it
    Give the host a macvlan of its own over the same parent, in mode bridge, and route the child's address through
    it. Or let the host be reached by another way: a bridge instead of macvlan, or an address on another
    interface.

    ## Often taken for
    A firewall of the host: everything else answers, only container and host do not see one another.
    """
    for hop in hops(case, end):
        for door in doors(case, hop):
            for child, parent in ((hop.at, door), (door, hop.at)):
                if _is_child(case, child, parent):
                    yield _finding(case, child, parent)
                    return
    if isinstance(end, MacvlanKept) and end.why == "parent":
        sender = next(
            (
                p
                for p in case.segment(end.at)
                if (link := case.link(p)) is not None and link.address == end.frame.src
            ),
            None,
        )
        if sender is not None:
            yield _finding(case, sender, end.at)


def _is_child(case: Case, child: Place, parent: Place) -> bool:
    link = case.link(child)
    return link is not None and link.kind == "macvlan" and case.peer(child) == parent


def _finding(case: Case, child: Place, parent: Place) -> Finding:
    name, lower = case.name(child), case.name(parent)
    fix = shim(case, child, parent)
    return Finding(
        f"{case.where(child)} is a macvlan over {lower} in {case.label(parent)}, and the two cannot reach one another",
        f"Frames between a macvlan and its parent {lower} go out to the wire and do not come back: the two are kept "
        f"apart by design.",
        child,
        (
            Proof(f"{name} is a macvlan", case.ip(child, "-d", "link", "show", "dev", name)),
            Proof(f"{lower} is its parent", case.ip(parent, "-d", "link", "show", "dev", lower)),
        ),
        fix if fix is not None and helps(case, fix) else None,
    )
