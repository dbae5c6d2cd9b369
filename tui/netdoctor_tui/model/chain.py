"""All rules of a chain with their counters, the ones that the packet met marked. Made for chains of 40,000 rules."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import NamespaceFacts
from netdoctor.kernel.netfilter.model import Place as ChainPlace
from netdoctor.kernel.netfilter.names import UndecodedError
from netdoctor.kernel.netfilter.ruleset import Ruleset
from netdoctor.kernel.netfilter.xtables import split
from netdoctor.render.sanitize import visible
from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Row, Span, row
from netdoctor_tui.model.rules import Chain

_COUNTERS = re.compile(r"\[(\d+):(\d+)\] |(?= -c (\d+) (\d+))")


class Line(NamedTuple):
    """A rule of a chain as its tool prints it, and its packet counter where it has one."""

    number: int
    text: str
    packets: int | None


def chain_lines(facts: NamespaceFacts, chain: Chain) -> list[Line] | None:
    """Return the rules of a chain, or None where the facts do not hold them."""
    for table in facts.firewall:
        if (table.backend, table.family, table.table) == (chain.backend, chain.family, chain.table):
            return _lines(facts, table, chain)
    return None


def _lines(facts: NamespaceFacts, table: FirewallText, chain: Chain) -> list[Line] | None:
    if table.error is not None:
        return None
    try:
        if table.tool != "nft" and table.native is None:
            return list(_saved(split(table.text).lines(chain.name)))
        rules = Ruleset((table,), lambda: facts.ipsets)
        place = ChainPlace(table.backend, table.family, table.table, chain.name)  # type: ignore[arg-type]
        return [Line(rule.number, rule.text, rule.packets) for rule in rules.rules(place)]
    except (KeyError, UndecodedError):
        return None


def _saved(lines: list[str]) -> Iterator[Line]:
    for number, line in enumerate(lines, 1):
        found = _COUNTERS.match(line)
        counted = found is not None and found[1] is not None
        text = line[found.end() :] if found is not None and counted else line
        yield Line(number, text, int(found[1]) if found is not None and counted else None)


def chain_rows(lines: list[Line] | None, met: Mapping[int, str], look: Look) -> list[Row]:
    """Return the rows of a chain. `met` are the verdicts of the rules that the packet met, by number."""
    if lines is None:
        return [row("the rules of this chain are not in the facts")]
    width = max((len(str(line.packets)) for line in lines if line.packets is not None), default=1)
    rows = []
    for line in lines:
        count = f"{line.packets:>{width}}" if line.packets is not None else " " * width
        verdict = met.get(line.number)
        text = visible(line.text)
        mark = Span(f"{look('▶')} ", "accent") if verdict is not None else Span("  ")
        told = Span(f"   {look('←')} {verdict}", "accent") if verdict is not None else Span("")
        spans = (mark, Span(f"{line.number:>5} {count} ", "dim"), Span(text, "lit" if verdict else ""), told)
        rows.append(Row(spans, ("rule", line.number), text))
    return rows or [row("the chain has no rules")]
