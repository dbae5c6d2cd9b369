"""macvlan children, their modes, and what gives one child the frames of another."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.facts.links import Macvlan
from netdoctor.facts.records import NextHop, Route
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetMacvlanMode, SetPort
from netdoctor.fix.layer3 import AddRoute
from netdoctor.fix.macvlan import AddMacvlan, AddMacvlanSource
from netdoctor.kernel import topology
from netdoctor.kernel.endings import Ending, MacvlanKept
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import doors, hops
from netdoctor_checks._mac import fresh

RT_SCOPE_LINK = 253


def mode(case: Case, place: Place) -> str | None:
    """The mode of a macvlan, None for any other device."""
    link = case.link(place)
    return (link.macvlan or Macvlan()).mode if link is not None and link.kind == "macvlan" else None


def listed(case: Case, end: MacvlanKept) -> Fix:
    sender, name = end.frame.src, case.where(end.at)
    return Fix(
        f"put {sender} on the list of {name}", (AddMacvlanSource(end.at.inode, end.at.ifindex, sender),)
    )


def remedies(case: Case, end: Ending) -> Iterator[tuple[Place, Fix]]:
    for hop in hops(case, end):
        for door in doors(case, hop):
            lower = case.peer(hop.at)
            if (
                mode(case, hop.at) is None
                or mode(case, door) is None
                or lower is None
                or lower != case.peer(door)
            ):
                continue
            odd = [place for place in (door, hop.at) if mode(case, place) not in ("bridge", "passthru")]
            if odd:
                changes = tuple(SetMacvlanMode(place.inode, place.ifindex, "bridge") for place in odd)
                names = " and ".join(case.where(place) for place in odd)
                yield (
                    (end.at if end.at in odd else odd[0]),
                    Fix(f"set {names} to mode bridge", changes, "medium"),
                )
            port = case.peer(lower)
            link = case.link(port) if port is not None else None
            if (
                odd
                and port is not None
                and link is not None
                and link.port is not None
                and not link.port.hairpin
            ):
                change = SetPort(port.inode, port.ifindex, "hairpin", True)
                yield odd[0], Fix(f"let {case.where(port)} send frames back: hairpin on", (change,), "medium")


def shim(case: Case, child: Place, parent: Place) -> Fix | None:
    """A macvlan of the host's own, and the way to the child through it; None where one has the parent for itself."""
    ns, held, own = case.ns(parent), case.addresses(child), case.addresses(parent)
    alone = any(mode(case, other) == "passthru" for other in topology.children(case.host, parent))
    if not held or not own or alone:
        return None
    name = next(f"shim{number}" for number in range(1000) if ns.link_named(f"shim{number}") is None)
    index = max(link.index for link in ns.links()) + 1
    hop = (NextHop(index),)
    routes = [
        Route(2, 254, ifa.local, 32, "unicast", hop, own[0].local, scope=RT_SCOPE_LINK, protocol=3)
        for ifa in held
    ]
    device = AddMacvlan(parent.inode, index, parent.ifindex, name, fresh(case, parent))
    changes = (device, *(AddRoute(parent.inode, route) for route in routes))
    return Fix(
        f"make a macvlan {name} for {case.label(parent)} over {case.name(parent)} and route {held[0].local} through it",
        changes,
        "medium",
    )
