"""The rules that the packet met: by namespace and chain, in order, the one that decides lit; and what TRACE told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import NamedTuple

from netdoctor.report import LegPart, NamespaceRef, Report, RulePart, TracePart
from netdoctor_tui.look import Look
from netdoctor_tui.model.path import Place
from netdoctor_tui.model.rows import Role, Row, Span, row, wrapped

#: How a verdict is marked: it ends the packet, lets it on, or leads elsewhere.
_STOPS = ("drop", "reject")


class Chain(NamedTuple):
    """A chain of a namespace, which a row of the rules stands for."""

    host: str | None
    namespace: NamespaceRef
    backend: str
    family: str
    table: str
    name: str


class Met(NamedTuple):
    """A rule that the packet met, with its chain."""

    chain: Chain
    rule: RulePart
    node: str


#: A rule as a trace names it: the namespace's inode, table, chain, number.
_Rule = tuple[int | None, str, str, int | None]

#: Chain → its rules' packet counters by number, where the facts have been read.
Counters = Mapping[Chain, Mapping[int, int]]


def met_on(leg: LegPart) -> list[Met]:
    """Return the rules that a leg's packet met, in order."""
    return [
        Met(_chain(step.host, step.namespace, rule), rule, step.node)
        for step in leg.steps
        for rule in step.rules
    ]


def met_in(report: Report, chain: Chain) -> dict[int, str]:
    """Return the verdicts of the rules of a chain that the packet met on either leg, by number."""
    found = [one.rule for leg in report.path.legs for one in met_on(leg) if one.chain == chain]
    return {rule.rule: rule.verdict for rule in found}


def _chain(host: str | None, namespace: NamespaceRef, rule: RulePart) -> Chain:
    return Chain(host, namespace, rule.backend, rule.family, rule.table, rule.chain)


def rule_rows(
    report: Report, place: Place | None, width: int, look: Look, counted: Counters | None = None
) -> list[Row]:
    """Return the rules of a cleaned report, those of the selected namespace first marked; then the trace."""
    rows: list[Row] = []
    for leg in report.path.legs:
        met = met_on(leg)
        if met:
            rows.append(row(Span(leg.direction, "bold")))
            rows += _leg(met, leg, place, width, look, counted or {})
    rows = rows or [row("the packet meets no rule on its way")]
    return rows + list(_trace(report, width, look))


def _leg(
    met: list[Met], leg: LegPart, place: Place | None, width: int, look: Look, counted: Counters
) -> Iterator[Row]:
    last = met[-1] if leg.outcome == "dropped" and _stops(met[-1].rule.verdict) else None
    before = None
    for chain, group in groupby(met, key=lambda one: one.chain):
        here = place is not None and chain.namespace == place.namespace and chain.host == place.host
        if (chain.host, chain.namespace) != before:
            before = chain.host, chain.namespace
            yield row(" ", Span(chain.namespace.name, "bold" if here else ""), key=chain)
        yield row(
            "  ", Span(f"{chain.family} {chain.table} {chain.name} ({chain.backend})", "accent"), key=chain
        )
        for one in group:
            yield from _met(one, one is last, width, look, counted.get(chain, {}))


def _met(one: Met, decides: bool, width: int, look: Look, packets: Mapping[int, int]) -> Iterator[Row]:
    rule = one.rule
    symbol, role = _mark(rule.verdict)
    number = "policy" if rule.rule == 0 else f"{rule.rule}"
    count = f" [{packets[rule.rule]} pkts]" if rule.rule in packets else ""
    lit: Role = "bad" if decides else ""
    head = f"   {look('▶') if decides else ' '} "
    decided = ", which decides" if decides else ""
    told = f" {number}: {rule.verdict}{decided}{count}"
    yield row(Span(head, role), Span(look(symbol), role), Span(told, lit), key=one.chain)
    if rule.rule_text:
        yield from wrapped(
            rule.rule_text, width, first="      ", indent="        ", key=one.chain, copy=rule.rule_text
        )


def _stops(verdict: str) -> bool:
    return verdict.startswith(_STOPS)


def _mark(verdict: str | None) -> tuple[str, Role]:
    if verdict is None:
        return "·", "dim"
    if _stops(verdict):
        return "╳", "bad"
    return ("→", "dim") if verdict.startswith(("jump", "goto", "return", "continue")) else ("●", "good")


def _trace(report: Report, width: int, look: Look) -> Iterator[Row]:
    """What the kernel said that it took real packets through; what was not foreseen is marked."""
    if not report.trace:
        return
    foreseen: set[_Rule] = {
        (one.chain.namespace.inode, one.rule.table, one.rule.chain, one.rule.rule)
        for leg in report.path.legs
        for one in met_on(leg)
    }
    yield row("")
    yield row(Span("TRACE", "accent"), "  what the kernel took a real packet through")
    for namespace, group in groupby(report.trace, key=lambda part: part.namespace):
        yield row(" ", Span(namespace.name if namespace is not None else "(namespace not known)", "bold"))
        for part in group:
            yield from _traced(part, foreseen, width, look)


def _traced(part: TracePart, foreseen: set[_Rule], width: int, look: Look) -> Iterator[Row]:
    inode = part.namespace.inode if part.namespace is not None else None
    symbol, role = _mark(part.verdict)
    number = "policy" if part.rule == 0 else "?" if part.rule is None else str(part.rule)
    known = part.verdict in (None, "continue") or part.rule == 0
    known = known or (inode, part.table, part.chain, part.rule) in foreseen
    doubt = "" if known else f"  {look('Δ')} not predicted"
    text = f" {part.family} {part.table} {part.chain} {number}: {part.verdict or ''}"
    yield row("  ", Span(look(symbol), role), text, Span(doubt, "doubt"))
    if part.rule_text:
        yield from wrapped(
            part.rule_text, width, first="      ", indent="        ", role="dim", copy=part.rule_text
        )
