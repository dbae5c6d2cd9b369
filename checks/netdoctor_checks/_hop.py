"""The layer-2 hop on which a packet ended: who sent, to which next hop, and over which cables it should have come."""

from __future__ import annotations

from collections import deque
from weakref import WeakKeyDictionary

from netdoctor.case import Case
from netdoctor.facts.links import Record
from netdoctor.facts.records import NUD_VALID, Neighbour
from netdoctor.fix.change import Fix, applied
from netdoctor.kernel import topology
from netdoctor.kernel.endings import ArpNotAnswered, Ending, NeighbourUnresolved
from netdoctor.kernel.packet import Frame, Place
from netdoctor.kernel.sysctls import conf_or

_cables: WeakKeyDictionary[Case, dict[Place, dict[Place, Place]]] = WeakKeyDictionary()


class Hop(Record, frozen=True):
    """A next hop: the device that sends, the address it sends to, the lladdr it used and the entry that said so.

    `lladdr` is None where it was asked for and not learned; `entry` is None where it was learned on this walk.
    """

    at: Place
    address: str
    lladdr: str | None = None
    entry: Neighbour | None = None


def hops(case: Case, end: Ending) -> list[Hop]:
    """The hops under way at the ending: the one whose frame it is, then, for a tunnel packet, the one it carries."""
    found: list[Hop] = []
    inside, wrapped = 0, True
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.stage == "deliver":
            break
        if step.action == "decapsulate":
            inside += 1
        elif step.action == "encapsulate":
            wrapped = wrapped or not inside
            inside = max(inside - 1, 0)
        elif step.stage == "neighbour" and not inside:
            hop = _hop(step.at, step.action, step.detail, step.facts)
            if wrapped:
                found.append(hop)
            elif (hop.at, hop.address) != (found[-1].at, found[-1].address):
                break
            wrapped = False
    return found


def _hop(at: Place, action: str, detail: str, facts: tuple[Record, ...]) -> Hop:
    words = detail.rstrip("?").split()
    if action == "ask":
        return Hop(at, words[-1])
    entry = next((fact for fact in facts if isinstance(fact, Neighbour)), None)
    used = entry is not None and entry.state in NUD_VALID and entry.lladdr == words[-1]
    return Hop(at, words[0], words[-1], entry if used else None)


def doors(case: Case, hop: Hop) -> list[Place]:
    """The devices on the hop's segment by which the owners of its address can be reached.

    An address may sit on another device of its namespace (lo); then all of that namespace on the segment count.
    """
    near = case.segment(hop.at)
    found: list[Place] = []
    for owner in case.owners(hop.address):
        if owner.inode == hop.at.inode:
            continue
        same = [place for place in near if place.inode == owner.inode and station(case, place)]
        found += [owner] if owner in near else same
    return list(dict.fromkeys(found))


def station(case: Case, place: Place) -> bool:
    """Tell whether frames are for the device itself: it is no port of a bridge."""
    link = case.link(place)
    return link is not None and not link.master and not link.loopback


def cable(case: Case, start: Place, goal: Place) -> list[Place]:
    """The devices from `start` to `goal` over the shortest cabling, both included; empty where there is none."""
    table = _cables.setdefault(case, {})
    if start not in table:
        table[start] = _tree(case, start)
    before = table[start]
    if goal not in before:
        return []
    found = [goal]
    while found[-1] != start:
        found.append(before[found[-1]])
    return found[::-1]


def _tree(case: Case, start: Place) -> dict[Place, Place]:
    before = {start: start}
    queue = deque([start])
    while queue and len(before) < topology.MAX_PLACES:
        place = queue.popleft()
        for other in topology.neighbours(case.host, place):
            if other not in before:
                before[other] = place
                queue.append(other)
    return before


def way(case: Case, end: Ending) -> list[Place]:
    """Every device that the packet needs on the hops under way, in the order in which it meets them, each once."""
    found: dict[Place, None] = {}
    for hop in reversed(hops(case, end)):
        found.setdefault(hop.at)
        for door in doors(case, hop):
            found.update(dict.fromkeys(cable(case, hop.at, door)))
    return list(found)


def last_frame(case: Case, end: Ending) -> Frame | None:
    """The frame that ended, or in which the packet last travelled."""
    frame = getattr(end, "frame", None)
    if isinstance(frame, Frame):
        return frame
    for number in reversed(case.walk.chain(end.step)):
        carried = case.walk.steps[number].carries
        if isinstance(carried, Frame):
            return carried
    return None


def silences(case: Case, end: ArpNotAnswered | NeighbourUnresolved, why: str) -> list[ArpNotAnswered]:
    """The places that had to answer the same ARP request and did not, for the reason `why`."""
    if isinstance(end, ArpNotAnswered):
        return [end] if end.why == why else []
    asked = [
        item
        for item in case.walk.endings
        if isinstance(item, ArpNotAnswered) and item.flow.asker == end.asker
    ]
    return [item for item in asked if item.why == why and _concerned(case, item)]


def _concerned(case: Case, silent: ArpNotAnswered) -> bool:
    """Tell whether the namespace would have had something to say: it owns the address, or answers for others."""
    ns = case.ns(silent.at)
    return bool(ns.owners(silent.address)) or conf_or(ns, case.name(silent.at), "proxy_arp")


def helps(case: Case, fix: Fix) -> bool:
    """Tell whether the fix gets the packet any further: a story without other evidence is told only then."""
    return case.progress(applied(case.host, fix.changes)) > 0
