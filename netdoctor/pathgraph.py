"""The path graph of a report: every device visited, the ways between them, and the cabling not travelled. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from heapq import heappop, heappush
from itertools import count

from netdoctor.facts.host import Host
from netdoctor.facts.links import Link
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor.kernel.topology import link_at, named, neighbours
from netdoctor.kernel.walk import Walk
from netdoctor.places import host_name, namespace_ref
from netdoctor.report import Direction, Edge, Node

#: How many devices the search for the way not travelled looks at; a destination farther away is shown alone.
MAX_SEARCH = 2000

#: Being forwarded inside a namespace counts as this many cables: what is plugged together is shown first.
FORWARDED = 4


def node_id(at: Place) -> str:
    """The id of a place in the graph; stable within a report."""
    return f"{at.inode}/{at.ifindex}"


def kind_of(link: Link) -> str:
    """What a device is, in a word: the kernel's kind, else loopback or nic."""
    return link.kind or ("loopback" if link.loopback else "nic")


def graph(
    host: Host, walk: Walk, legs: Mapping[Direction, Iterable[int]], ending: Ending | None, goal: Place | None
) -> tuple[tuple[Node, ...], tuple[Edge, ...]]:
    """Return the nodes and edges of a walk.

    `legs` are the numbers of the steps of each leg. Where the packet ends before `goal`, the cabling from there to it
    is drawn too: nodes `unreached`, edges of kind `wire` (a cable) or `route` (forwarding).
    """
    ways = {number: leg for leg, numbers in legs.items() for number in numbers}
    states = _states(walk, set(ways), ending)
    edges = _edges(walk, ways, ending)
    if ending is not None and goal is not None and states.get(goal) not in ("passed", "ended"):
        way = _cabled(host, ending.at, goal) or [goal]
        for at in way:
            states.setdefault(at, "unreached")
        joined = {frozenset((edge.source, edge.target)) for edge in edges if edge.state != "visited"}
        edges += [
            Edge(node_id(near), node_id(far), _joint(host, near, far), "not travelled", "unused")
            for near, far in zip(way, way[1:], strict=False)
            if frozenset((node_id(near), node_id(far))) not in joined
        ]
    return tuple(_node(host, at, state) for at, state in states.items()), tuple(edges)


def _joint(host: Host, near: Place, far: Place) -> str:
    return "wire" if far in neighbours(host, near) else "route"


def _states(walk: Walk, decided: set[int], ending: Ending | None) -> dict[Place, str]:
    states: dict[Place, str] = {}
    for number, step in enumerate(walk.steps):
        state = "passed" if number in decided else states.get(step.at, "visited")
        states[step.at] = "passed" if states.get(step.at) == "passed" else state
    if ending is not None:
        states[ending.at] = "ended"
    return states


def _node(host: Host, at: Place, state: str) -> Node:
    link = link_at(host, at) if at.ifindex else None
    kind = kind_of(link) if link is not None else "namespace"
    name = link.name if link is not None else None
    label = f"{named(host, at.inode)}: {name}" if name else named(host, at.inode)
    where = host_name(host, at.inode)
    return Node(node_id(at), kind, where, namespace_ref(host, at.inode), name, label, state)


def _edges(walk: Walk, ways: dict[int, Direction], ending: Ending | None) -> list[Edge]:
    edges: dict[tuple[str, str, str], Edge] = {}
    for number, step in enumerate(walk.steps):
        if step.parent < 0 or walk.steps[step.parent].at == step.at:
            continue
        key = node_id(walk.steps[step.parent].at), node_id(step.at), step.stage
        before = edges.get(key)
        legs = before.legs if before is not None else ()
        leg = ways.get(number)
        if leg is not None and leg not in legs:
            legs = (*legs, leg)
        if step.stage == "wire":
            edges[key] = Edge(*key, step.detail, "assumed", legs)
        elif before is None or legs != before.legs:
            edges[key] = Edge(*key, step.action, "used" if legs else "visited", legs)
    if ending is not None and ending.step >= 0 and walk.steps[ending.step].at != ending.at:
        key = node_id(walk.steps[ending.step].at), node_id(ending.at), "end"
        edges[key] = Edge(*key, type(ending).__name__, "broken", (ending.flow.leg,))
    return list(edges.values())


def _cabled(host: Host, start: Place, goal: Place) -> list[Place]:
    """The shortest way along cables, and through namespaces that forward; empty where there is none."""
    costs, before = {start: 0}, {start: start}
    done: set[Place] = set()
    order = count()
    heap = [(0, next(order), start)]
    while heap and len(done) < MAX_SEARCH:
        cost, _, at = heappop(heap)
        if at == goal:
            return _way_back(before, goal)
        if at in done:
            continue
        done.add(at)
        for other, more in _next(host, at):
            if cost + more < costs.get(other, cost + more + 1):
                costs[other], before[other] = cost + more, at
                heappush(heap, (cost + more, next(order), other))
    return []


def _way_back(before: dict[Place, Place], goal: Place) -> list[Place]:
    way = [goal]
    while before[way[-1]] != way[-1]:
        way.append(before[way[-1]])
    return way[::-1]


def _next(host: Host, at: Place) -> list[tuple[Place, int]]:
    """The devices cabled to this one, and, unless it is a port of something, those it may be forwarded to."""
    cabled = neighbours(host, at)
    link = link_at(host, at)
    if link is None or link.master:
        return [(other, 1) for other in cabled]
    routed = [other for other in neighbours(host, at, routed=True) if other not in cabled]
    free = [other for other in routed if (device := link_at(host, other)) is not None and not device.master]
    return [(other, 1) for other in cabled] + [(other, FORWARDED) for other in free]
