"""LNK006: the mode of a macvlan keeps the frame from its sibling."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import Ending, MacvlanKept
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import helps
from netdoctor_checks._macvlan import listed, mode, remedies

MEANING = {
    "private": "mode private: it takes nothing from its siblings",
    "vepa": "mode vepa: it leaves it to the switch outside to send frames between siblings back",
    "source": "mode source: it takes frames of listed senders only",
    "passthru": "mode passthru: it has the parent for itself",
    "bridge": "mode bridge: it takes from siblings in mode bridge only",
}


@check("LNK006")
def macvlan_mode(end: MacvlanKept | Ending, case: Case) -> Iterator[Finding]:
    """The mode of a macvlan interface keeps the frame away.

    ## What it means
    macvlan children of one parent reach one another directly only if both are in mode bridge. In mode private
    they never do; in mode vepa the outer switch must send the frame back (hairpin); in mode source a child takes
    only frames of the senders on its list.

    ## Why it breaks the path
    macvlan_queue_xmit() looks among the siblings only for a sender in mode bridge. macvlan_broadcast() and
    macvlan_forward_source() pass over the children whose mode does not take the frame, ARP requests included.

    ## See it yourself
    `ip -d link show dev DEV` prints `macvlan mode …`, and the list of senders in mode source.

    ## How to fix it
    `ip link set dev DEV type macvlan mode bridge` on both. In mode source, put the sender on the list: `ip link
    set dev DEV type macvlan macaddr add LLADDR`. For vepa, set hairpin on the switch port instead.

    ## Often taken for
    A firewall or a wrong subnet: both children reach everything outside, only not one another.
    """
    if isinstance(end, MacvlanKept) and end.why == "source":
        yield _finding(case, end.at, listed(case, end))
    kept = [end.at] if isinstance(end, MacvlanKept) and end.why not in ("source", "parent") else []
    for place, fix in remedies(case, end):
        finding = _finding(case, place, fix)
        if place in kept or helps(case, fix):
            yield finding
            kept = []
    for place in kept:
        yield _finding(case, place, None)


def _finding(case: Case, place: Place, fix: Fix | None) -> Finding:
    name, how = case.name(place), mode(case, place) or "bridge"
    return Finding(
        f"{case.where(place)} is a macvlan in mode {how}",
        f"{name} is in {MEANING.get(how, how)}. The frame between the two is not handed over.",
        place,
        (Proof(f"{name} is in mode {how}", case.ip(place, "-d", "link", "show", "dev", name)),),
        fix,
    )
