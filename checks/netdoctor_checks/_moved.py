"""Ends of veth pairs that are in another namespace than the one they belong to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.case import Case
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.layer2 import SetMaster, SetUp
from netdoctor.fix.move import move
from netdoctor.kernel.packet import Place
from netdoctor_checks._bare import Clue, clues, remedies
from netdoctor_checks._routes import MAX_SIBLINGS, forwards
from netdoctor_checks._wiring import Sought, bridges


class Stray(NamedTuple):
    """An end of a pair, where it is, its other end, and the namespace it should be in."""

    at: Place
    peer: Place
    home: int


def strays(case: Case, home: int) -> list[Stray]:
    """Bare ends of pairs in other namespaces that could be the missing device of `home`, the likeliest first."""
    found = []
    for known in case.host.namespaces():
        ns = case.host.namespace(known.inode)
        for link in ns.links_of_kind("veth") if ns is not None and known.inode != home else ():
            at = Place(known.inode, link.index)
            peer = case.peer(at)
            if peer is None or peer.inode in (home, known.inode) or link.master:
                continue
            if case.addresses(at) or forwards(case, at):
                continue
            if _serves(case, peer) and len(case.ns(at).links()) > 2:
                found.append(Stray(at, peer, home))
    return found


def _serves(case: Case, peer: Place) -> bool:
    """Tell whether this is a host's end: a bridge port, or a device of a namespace that forwards."""
    link = case.link(peer)
    return link is not None and bool(link.master or forwards(case, peer))


def return_of(case: Case, stray: Stray, asked: str | None, towards: str | None) -> Iterator[tuple[Clue, Fix]]:
    """Fixes that move the end back, bring it up and give it the address that others know it by."""
    index, changes = _moved(case, stray, _usual_name(case, stray))
    then = Case(applied(case.host, changes), case.question, case.walk, case.progress)
    back = Place(stray.home, index)
    for clue in list(clues(then, back, asked))[:3]:
        for remedy in remedies(then, back, clue, towards):
            summary = f"move {case.name(stray.at)} back to {case.label(stray.home)}, and {remedy.summary}"
            yield clue, Fix(summary, (*changes, *remedy.changes), "high")


def _moved(case: Case, stray: Stray, name: str) -> tuple[int, tuple[Change, ...]]:
    at, peer = stray.at, (stray.peer.inode, stray.peer.ifindex)
    index, changes = move(case.host, at.inode, at.ifindex, stray.home, name, peer)
    return index, (*changes, SetUp(stray.home, index))


def _usual_name(case: Case, stray: Stray) -> str:
    """What the other containers of that host call their device."""
    ends = case.ns(stray.peer).links_of_kind("veth")[:MAX_SIBLINGS]
    far = [case.peer(Place(stray.peer.inode, end.index)) for end in ends]
    names = Counter(case.name(place) for place in far if place is not None and case.addresses(place))
    return names.most_common(1)[0][0] if names else "eth0"


def host_end_astray(case: Case, hop: Sought, owner: Place) -> Iterator[tuple[Stray, Fix]]:
    """The host end of the seeker's (or the owner's) pair is in a namespace without the bridge that the other is on."""
    for near, far in ((hop.at, owner), (owner, hop.at)):
        end = case.peer(near)
        link = case.link(end) if end is not None else None
        if end is None or link is None or link.kind != "veth" or link.master or case.addresses(end):
            continue
        for inode in {place.inode for place in case.segment(far)} - {end.inode, near.inode}:
            for bridge in bridges(case, far, inode):
                stray = Stray(end, near, inode)
                taken = case.ns(inode).link_named(link.name) is not None
                index, changes = _moved(case, stray, f"veth{link.index}x" if taken else link.name)
                summary = f"move {link.name} to {case.label(inode)}, as a port of {case.name(bridge)}"
                yield stray, Fix(summary, (*changes, SetMaster(inode, index, bridge.ifindex)), "high")
