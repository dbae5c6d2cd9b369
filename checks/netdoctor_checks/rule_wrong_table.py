"""RTE007: a policy rule that leads to the wrong table."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import Rule
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.layer3 import AddRoute, DeleteRule, route_words, rule_words
from netdoctor.kernel.endings import Ending, ForwardingOff, MartianSource, NoRoute, TtlExceeded
from netdoctor.kernel.fib import RULE_ERRORS
from netdoctor.kernel.packet import Place
from netdoctor_checks._decisions import Decision, deciding_rules, decisions, main_route

FURTHER = 2
STRAYED = (ForwardingOff, NoRoute, TtlExceeded, MartianSource)


@check("RTE007")
def rule_wrong_table(end: Ending, case: Case) -> Iterator[Finding]:
    """A policy rule takes the packet to a table that leads astray, while the main table knows the way.

    ## What it means
    An added rule matches the packet before the rule for the main table does. The table it names, or the jump it makes,
    leads to another device, to a gateway that is not there, or to nothing at all.

    ## Why it breaks the path
    `fib_rules_lookup()` takes the first answer. Tables of later rules are asked only where the table has no match at
    all; a default route in it always matches, so main is never reached.

    ## See it yourself
    `ip rule show`, then `ip route show table N` for the table it names. Ask as the packet does: `ip route get
    DESTINATION from SOURCE iif INTERFACE mark MARK`. Without these words the rule may not match and all looks well.

    ## How to fix it
    Delete the rule if it is a leftover of a VPN or of a former address. Where the table is meant for a source, copy the
    route that main has into it. Where the rule only should not concern pods, put `lookup main` for their prefix before.

    ## Often taken for
    A missing or wrong route: `ip route show` prints only the main table, which is right. See ip-rule(8).
    """
    for decision in decisions(case, end):
        for rule in deciding_rules(case, decision):
            if rule.action in RULE_ERRORS:
                continue
            without = Fix(f"delete the rule {_words(rule)}", (DeleteRule(decision.inode, rule),), "medium")
            gain = case.progress(applied(case.host, without.changes))
            # Where the packet strayed to one who cannot use it, main may lack the route as well.
            if gain >= FURTHER or (gain and isinstance(end, STRAYED)):
                yield from _findings(case, decision, rule, without)


def _findings(case: Case, decision: Decision, rule: Rule, without: Fix) -> Iterator[Finding]:
    ns, label, flow = case.ns(decision.inode), case.label(decision.inode), decision.flow
    iif = ("iif", flow.iif) if flow.iif != "lo" else ()
    question = (flow.dst, *(("from", flow.src) if flow.src else ()), *iif)
    before = Proof("the rule comes before the one for main", case.ip(decision.inode, "rule", "show"))
    evidence = (before, Proof("this is the way it takes", case.ip(decision.inode, "route", "get", *question)))
    where = f"table {rule.table}" if rule.action == "table" else f"rule {rule.goto}"
    title = f"a policy rule in {label} takes packets to {flow.dst} to {where}: {_words(rule)}"
    known = main_route(ns, flow)
    explanation = f"The rule matches before main is asked, and {where} does not lead to {flow.dst}"
    explanation += "; main has another route." if known is not None else "."
    fixes = [without]
    if rule.action == "table" and known is not None and not rule.suppress_prefixlength:
        copy = AddRoute(decision.inode, replace(known, table=rule.table), instead=False)
        fix = Fix(f"add the route {' '.join(route_words(ns, copy.route))} in {label}", (copy,))
        served = [route for route in ns.routes() if route.table == rule.table and route.family == 2]
        fixes = [fix, without] if len(served) > 1 and known.prefixlen else [without, fix]
    for item in fixes:
        yield Finding(title, explanation, Place(decision.inode, 0), evidence, item)


def _words(rule: Rule) -> str:
    return " ".join(rule_words(rule))
