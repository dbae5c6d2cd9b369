"""Whether the answer to a dropped packet would meet the same rule on its way back."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.netfilter.environment import NamespaceEnvironment
from netdoctor.kernel.netfilter.hook import Passing, seen_of
from netdoctor.kernel.netfilter.model import Place as Where
from netdoctor.kernel.netfilter.ruleset import ruleset_of
from netdoctor.kernel.netfilter.traverse import traverse
from netdoctor.kernel.packet import CtRef, Ip, Place
from netdoctor_checks import _firewall as fw

#: Hooks that both directions of a conversation pass.
BOTH_WAYS = ("forward", "prerouting", "postrouting", "ingress", "egress")


def meets_answers(case: Case, end: RuleDropped) -> bool:
    """Tell whether the rule or policy would drop the answer as well.

    At the forward hook the answer is sent through the chain; elsewhere it counts whether the table accepts answers.
    """
    if end.hook not in BOTH_WAYS or end.flow.leg == "reply":
        return False
    packet = end.packet
    if (
        end.hook == "forward"
        and isinstance(packet, Ip)
        and end.family in ("ip", "inet")
        and packet.inner is None
    ):
        passing = _back(case, end)
        if passing is not None:
            return _dropped_alike(case, end, packet, passing)
    return not any("ESTABLISHED" in item.text or "established" in item.text for item in fw.tables(case, end))


def _dropped_alike(case: Case, end: RuleDropped, packet: Ip, passing: Passing) -> bool:
    ns = case.ns(end.at)
    rules = ruleset_of(ns)
    fresh = {"sport": packet.dport, "dport": packet.sport, "flags": 18 if packet.flags else 0, "mark": 0}
    back = replace(
        packet, src=packet.dst, dst=packet.src, echo="reply", ct=CtRef(-1, True, "ESTABLISHED"), **fresh
    )
    first = end.before[0][0] if end.before else end.chain
    start = Where(end.backend, end.family, end.table, first)  # type: ignore[arg-type]
    for base, where in rules.base_chains("forward", ("ip", "inet")):
        if where == start:
            seen = seen_of(back, passing, None)
            result = traverse(
                rules, base, where, seen, NamespaceEnvironment(ns, rules), lambda _, all_: all_[0]
            )
            last = result.hits[-1] if result.verdict != "accept" and result.hits else None
            return last is not None and (last.place.chain, last.number or None) == (end.chain, end.number)
    return False


def _back(case: Case, end: RuleDropped) -> Passing | None:
    """The devices of the packet at the forward hook, the other way round."""
    way_in = _ingress(case, end)
    if way_in is None:
        return None
    if not end.bridged:
        return Passing("forward", iif=case.name(end.at), oif=case.name(way_in))
    link = case.link(end.at)
    master = case.name(Place(end.at.inode, link.master)) if link is not None and link.master else None
    return Passing("forward", master, master, case.name(end.at), case.name(way_in), True)


def _ingress(case: Case, end: RuleDropped) -> Place | None:
    """The device, or for a bridged packet the port, by which the packet came into the namespace."""
    steps = [case.walk.steps[number] for number in case.walk.chain(end.step)]
    if end.bridged:
        took = [step.at for step in steps if step.at.inode == end.at.inode and step.stage == "receive"]
        return took[-1] if took else None
    routed = [
        step for step in steps if step.at == end.at and (step.stage, step.action) == ("route", "forward")
    ]
    return case.walk.steps[routed[-1].parent].at if routed and routed[-1].parent >= 0 else None
