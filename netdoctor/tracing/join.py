"""Each event joined to the rule it names, as the ruleset of its namespace has it.

nft names a rule by its handle, which becomes a number where the handles of the chain are known; legacy tables by its
number; a log may hold no more than the rule's text. trace_packet() of ip_tables.c calls a rule without conditions that
accepts, drops or returns a `return` or `policy`, as if it were the chain's own end: its number tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Record
from netdoctor.facts.traced import OWN_TABLE, TraceEvent
from netdoctor.kernel.netfilter.model import (
    FirewallRule,
    NoTrack,
    Pass,
    Place,
    Reject,
    SetMark,
    SetTos,
    SetTtl,
    Translate,
    Verdict,
)
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of
from netdoctor.tracing import wording

#: Namespace inode, family, table, chain → the handles of its rules in order; None where they are not known.
Handles = Callable[[int, str, str, str], "list[int] | None"]


class Joined(Record, frozen=True):
    """An event and the rule it names: `number` 0 is the policy; None where the rule is not to be found.

    `others` are the numbers of further rules that the event may mean as well (a log that only has the text). `verdict`
    is the event's, else (legacy) what the rule says.
    """

    event: TraceEvent
    place: Place
    number: int | None
    text: str
    verdict: str | None
    others: tuple[int, ...] = ()

    def means(self, number: int) -> bool:
        """Tell whether the event may be of that rule."""
        return number == self.number or number in self.others


def join(event: TraceEvent, ns: Namespace | None, handles: Handles = lambda *_: None) -> Joined | None:
    """Join one event; None for the plain end of a user chain, and for tables of a running trace."""
    place = Place(event.backend, event.family, event.table, event.chain)  # type: ignore[arg-type]
    if event.table.startswith(OWN_TABLE):
        return None
    ruleset = ruleset_of(ns) if ns is not None else None
    rules = _rules(ruleset, place) if ruleset is not None else None
    if event.backend == "legacy":
        base = ruleset.base(place) if ruleset is not None else None
        return _legacy(event, place, rules, base.policy if base is not None else None)
    if event.kind == "policy":
        return Joined(event, place, 0, _policy(event.verdict), event.verdict)
    if event.kind == "return" and event.handle is None and not event.text:
        return None
    if event.handle is None and not event.text:
        # __nft_trace_verdict() at the end of a chain that was gone to: nothing is named, nothing has matched.
        return None
    found = _by_handle(event, rules, handles) or _by_text(event, rules)
    if found is None:
        return Joined(event, place, None, event.text, event.verdict)
    first, others = found[0], tuple(rule.number for rule in found[1:])
    return Joined(event, place, first.number, first.text, event.verdict or verdict_of(first), others)


def joined(
    events: Iterable[TraceEvent], ns: Callable[[int], Namespace | None], handles: Handles
) -> list[Joined]:
    """Join all events of known namespaces, in their order."""
    found = (
        join(event, None if event.namespace is None else ns(event.namespace), handles) for event in events
    )
    return [one for one in found if one is not None]


def _rules(ruleset: Ruleset, place: Place) -> tuple[FirewallRule, ...] | None:
    try:
        return ruleset.rules(place)
    except KeyError:
        return None


def _legacy(
    event: TraceEvent, place: Place, rules: tuple[FirewallRule, ...] | None, policy: str | None
) -> Joined | None:
    number = event.number or 0
    if rules is not None and 1 <= number <= len(rules):
        rule = rules[number - 1]
        return Joined(event, place, number, rule.text, verdict_of(rule))
    if event.kind == "policy":
        return Joined(event, place, 0, _policy(policy), policy)
    return Joined(event, place, None, event.text, None) if event.kind == "rule" or rules is None else None


def _policy(verdict: str | None) -> str:
    return f"policy {verdict}" if verdict else "policy"


def verdict_of(rule: FirewallRule) -> str | None:
    """Return what the rule says of a packet for which all its conditions hold; None where it depends."""
    for statement in rule.statements:
        if isinstance(statement, Verdict):
            return " ".join(filter(None, (statement.kind, statement.chain)))
        if isinstance(statement, Reject):
            return "drop"
        if isinstance(statement, Translate):
            return "accept"
        if not isinstance(statement, Pass | SetMark | SetTos | SetTtl | NoTrack):
            return None
    return "continue"


def _by_handle(
    event: TraceEvent, rules: tuple[FirewallRule, ...] | None, handles: Handles
) -> list[FirewallRule] | None:
    if event.handle is None or rules is None:
        return None
    exact = [rule for rule in rules if rule.handle == event.handle]
    if exact:
        return exact
    known = handles(event.namespace or 0, event.family, event.table, event.chain)
    if known is None or len(known) != len(rules) or event.handle not in known:
        return None
    return [rules[known.index(event.handle)]]


def _by_text(event: TraceEvent, rules: tuple[FirewallRule, ...] | None) -> list[FirewallRule] | None:
    if not event.text or rules is None:
        return None
    said = wording.bare(event.text)
    return [rule for rule in rules if wording.bare(rule.text) == said] or None
