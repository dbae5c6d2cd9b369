"""LNK006: the mode of a macvlan keeps the frame from its sibling."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Macvlan
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetMacvlanMode, SetPort
from netdoctor.fix.macvlan import AddMacvlanSource
from netdoctor.kernel.endings import Ending, MacvlanKept
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import doors, helps, hops

MEANING = {
    "private": "mode private: it takes nothing from its siblings",
    "vepa": "mode vepa: it leaves it to the switch outside to send frames between siblings back",
    "source": "mode source: it takes frames of listed senders only",
    "passthru": "mode passthru: it has the parent for itself",
    "bridge": "mode bridge: it takes from siblings in mode bridge only",
}


@check("LNK006")
def macvlan_mode(end: Ending, case: Case) -> Iterator[Finding]:
    """The mode of a macvlan interface keeps the frame away

    ## What it means
    macvlan children of one parent reach one another directly only if both are in mode bridge. In mode private they never
    do; in mode vepa the outer switch must send the frame back (hairpin); in mode source a child takes only frames of the
    senders on its list.

    ## Why it breaks the path
    macvlan_queue_xmit() looks among the siblings only for a sender in mode bridge. macvlan_broadcast() and
    macvlan_forward_source() pass over the children whose mode does not take the frame, ARP requests included.

    ## See it yourself
    `ip -d link show dev DEV` prints `macvlan mode …`, and the list of senders in mode source.

    ## How to fix it
    `ip link set dev DEV type macvlan mode bridge` on both. In mode source, put the sender on the list:
    `ip link set dev DEV type macvlan macaddr add LLADDR`. For vepa, set hairpin on the switch port instead.

    ## Often taken for
    A firewall or a wrong subnet: both children reach everything outside, only not one another.
    """
    if isinstance(end, MacvlanKept) and end.why == "source":
        yield _finding(case, end.at, _listed(case, end))
    kept = [end.at] if isinstance(end, MacvlanKept) and end.why not in ("source", "parent") else []
    for place, fix in _remedies(case, end):
        finding = _finding(case, place, fix)
        if place in kept or helps(case, fix):
            yield finding
            kept = []
    for place in kept:
        yield _finding(case, place, None)


def mode(case: Case, place: Place) -> str | None:
    """The mode of a macvlan, None for any other device."""
    link = case.link(place)
    return (link.macvlan or Macvlan()).mode if link is not None and link.kind == "macvlan" else None


def _listed(case: Case, end: MacvlanKept) -> Fix:
    sender, name = end.frame.src, case.where(end.at)
    return Fix(f"put {sender} on the list of {name}", (AddMacvlanSource(end.at.inode, end.at.ifindex, sender),))


def _remedies(case: Case, end: Ending) -> Iterator[tuple[Place, Fix]]:
    for hop in hops(case, end):
        for door in doors(case, hop):
            lower = case.peer(hop.at)
            if mode(case, hop.at) is None or mode(case, door) is None or lower is None or lower != case.peer(door):
                continue
            odd = [place for place in (door, hop.at) if mode(case, place) not in ("bridge", "passthru")]
            if odd:
                changes = tuple(SetMacvlanMode(place.inode, place.ifindex, "bridge") for place in odd)
                names = " and ".join(case.where(place) for place in odd)
                yield (end.at if end.at in odd else odd[0]), Fix(f"set {names} to mode bridge", changes, "medium")
            port = case.peer(lower)
            link = case.link(port) if port is not None else None
            if odd and port is not None and link is not None and link.port is not None and not link.port.hairpin:
                change = SetPort(port.inode, port.ifindex, "hairpin", True)
                yield odd[0], Fix(f"let {case.where(port)} send frames back: hairpin on", (change,), "medium")


def _finding(case: Case, place: Place, fix: Fix | None) -> Finding:
    name, how = case.name(place), mode(case, place) or "bridge"
    return Finding(
        f"{case.where(place)} is a macvlan in mode {how}",
        f"{name} is in {MEANING.get(how, how)}. The frame between the two is not handed over.",
        place,
        (Proof(f"{name} is in mode {how}", case.ip(place, "-d", "link", "show", "dev", name)),),
        fix,
    )
