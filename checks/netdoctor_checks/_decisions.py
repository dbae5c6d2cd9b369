"""The routing decisions behind an ending: which namespace looked up what, and which policy rules had a say in it."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Record
from netdoctor.facts.records import RT_TABLE_DEFAULT, RT_TABLE_LOCAL, RT_TABLE_MAIN, Route, Rule
from netdoctor.fix.change import applied
from netdoctor.fix.layer3 import DeleteRule
from netdoctor.kernel import fib, topology
from netdoctor.kernel.endings import ArpNotAnswered, Ending, TtlExceeded
from netdoctor.kernel.fib import FibFlow, FibHit, FibMiss
from netdoctor.kernel.packet import Ip, Place

BUILT_IN = (RT_TABLE_LOCAL, RT_TABLE_MAIN, RT_TABLE_DEFAULT)
#: A host with a rule for each of its pods has a few hundred; beyond that nobody waits for the answer.
MAX_RULES = 400
FAR = 1_000_000


class Decision(Record, frozen=True):
    """One lookup on the packet's way: the namespace, the key, and the route chosen (None where none was)."""

    inode: int
    flow: FibFlow
    route: Route | None = None
    out: Place | None = None


def decisions(case: Case, end: Ending) -> list[Decision]:
    """The lookups on the way to `end` since the packet was sent, last first."""
    found: list[Decision] = []
    steps = case.walk.steps
    for number in case.walk.chain(end.step):
        step = steps[number]
        packet = step.carries
        if step.stage == "deliver":
            # What follows is the reply; the request's lookups did their work.
            found = []
        if step.stage != "route" or not isinstance(packet, Ip):
            continue
        route = next((fact for fact in step.facts if isinstance(fact, Route)), None)
        out = step.at if step.action in ("output", "forward") else None
        src = packet.src if packet.src != "0.0.0.0" else None
        iif = _ingress(case, step.parent, step.at) if step.action not in ("output", "none") else "lo"
        found.append(Decision(step.at.inode, FibFlow(packet.dst, src, iif), route, out))
    if isinstance(end, ArpNotAnswered):
        found.append(Decision(end.at.inode, FibFlow(end.address, end.sender, case.name(end.at), proto=0)))
    return found[::-1]


def _ingress(case: Case, parent: int, at: Place) -> str:
    """The device by which the packet came in: that of the step before the lookup."""
    before = case.walk.steps[parent].at if parent >= 0 else at
    return case.name(before if before.inode == at.inode and before.ifindex else at)


def sender_of(case: Case, end: Ending) -> int:
    """The namespace that sent the packet (or asked the question) that came to this end."""
    if end.flow.asker is not None:
        return end.flow.asker.inode
    chain = case.walk.chain(end.step)
    start = 0
    for position, number in enumerate(chain):
        step = case.walk.steps[number]
        if step.stage == "deliver" or step.action == "encapsulate":
            start = position
    place = case.walk.steps[chain[start]].at if chain else end.at
    return place.inode


def round_trip(case: Case, end: TtlExceeded) -> list[Decision]:
    """One decision for each namespace that forwarded the packet more than once, the nearest to its goal first."""
    seen: dict[int, list[Decision]] = {}
    for decision in decisions(case, end):
        if decision.out is not None and decision.flow.iif != "lo" and decision.flow.dst == end.packet.dst:
            seen.setdefault(decision.inode, []).append(decision)
    looped = [made[0] for made in seen.values() if len(made) > 1]
    near = topology.distances(case.host, case.owners(end.packet.dst), routed=True)
    return sorted(looped, key=lambda made: near.get(made.out, FAR) if made.out is not None else FAR)


def built_in(rule: Rule) -> bool:
    """Tell whether the rule is one of those a namespace starts with, wherever it stands, or the one that VRFs need."""
    return rule.l3mdev or rule.table in BUILT_IN and rule == Rule(rule.family, rule.priority, "table", rule.table)


def outcome(ns: Namespace, flow: FibFlow) -> tuple[object, ...]:
    """What a lookup comes to, in a form in which two can be compared."""
    found = fib.lookup(ns, flow)
    if isinstance(found, FibMiss):
        return (found.error,)
    return found.route.type, tuple((hop.oif, hop.gateway) for hop in found.nexthops)


def deciding_rules(case: Case, decision: Decision) -> Iterator[Rule]:
    """The added policy rules without which the lookup would have come to something else."""
    ns = case.host.namespace(decision.inode)
    if ns is None:
        return
    before = outcome(ns, decision.flow)
    for rule in [rule for rule in ns.rules() if rule.family == 2 and not built_in(rule)][:MAX_RULES]:
        without = applied(case.host, (DeleteRule(decision.inode, rule),)).namespace(decision.inode)
        if without is not None and outcome(without, decision.flow) != before:
            yield rule


def main_route(ns: Namespace, flow: FibFlow) -> Route | None:
    """The route that the main table alone would choose."""
    found = fib.table_lookup(ns, RT_TABLE_MAIN, flow)
    return found.route if isinstance(found, FibHit) else None


def prefix(route: Route) -> str:
    """A route's prefix, as ip-route(8) prints it."""
    if route.prefixlen == 0:
        return "default"
    return route.dst if route.prefixlen == 32 else f"{route.dst}/{route.prefixlen}"
