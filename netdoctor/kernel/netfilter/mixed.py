"""A table of iptables-nft in which other tools have written as well.

The save format shows a native rule as far as iptables could have written it, and silently leaves out the rest
(a range of addresses becomes its last one). nft's JSON shows it all, but of an extension only the name. So each rule is
taken from the tool that says it in full: without extensions, what both understand alike keeps the words of iptables.
"""

from __future__ import annotations

from netdoctor.facts.firewall import FirewallText
from netdoctor.kernel.netfilter.model import (
    Base,
    Family,
    FirewallRule,
    Pass,
    SetFacts,
    Statement,
    Unknown,
    UnknownStatement,
)
from netdoctor.kernel.netfilter.nft import NativeTable
from netdoctor.kernel.netfilter.xtables import XtTable


class MixedTable:
    """The same table, read by both tools. Raises UndecodedError where nft's text is not its JSON."""

    def __init__(self, saved: XtTable, text: FirewallText) -> None:
        family: Family = text.family  # type: ignore[assignment]
        self._saved = saved
        self._native = NativeTable(family, text.table, text.native or "")

    def bases(self) -> list[tuple[str, Base]]:
        """Return the base chains with their names, as nft says."""
        return self._native.bases()

    def chains(self) -> tuple[str, ...]:
        """Return the names of all chains."""
        return self._native.chains()

    def rules(self, chain: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain. Raises KeyError where there is no such chain."""
        natives: dict[int, list[FirewallRule]] = {}
        for native in self._native.rules(chain):
            natives.setdefault(native.number, []).append(native)
        try:
            saved = {rule.number: rule for rule in self._saved.rules(chain)}
        except KeyError:
            saved = {}
        if len(saved) != len(natives):
            return self._native.rules(chain)
        return tuple(rule for number, found in natives.items() for rule in _better(saved[number], found))

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain that may concern a packet: all of them."""
        return self.rules(chain)

    def set(self, name: str) -> SetFacts | None:
        """Return a set of the table."""
        return self._native.set(name)


def _better(saved: FirewallRule, natives: list[FirewallRule]) -> list[FirewallRule]:
    """Return a rule as the tool shows it that shows it in full."""
    native = natives[0]
    if len(natives) > 1 or native.packets is None:  # iptables counts in every rule
        return natives
    extensions = any(isinstance(match, Unknown) and match.text.startswith("xt ") for match in native.matches)
    extensions |= any("xt " in _unknown(made) for made in native.statements)
    if extensions or _meaning(saved) == _meaning(native):
        return [saved]
    return natives


def _unknown(made: Statement) -> str:
    return made.text if isinstance(made, UnknownStatement | Pass) else ""


def _meaning(rule: FirewallRule) -> tuple[frozenset[object], tuple[Statement, ...]]:
    acts = tuple(made for made in rule.statements if not isinstance(made, Pass))
    return frozenset(_bare(match) for match in rule.matches), acts


def _bare(match: object) -> object:
    return match.__class__(**{**_fields(match), "text": ""}) if hasattr(match, "text") else match


def _fields(match: object) -> dict[str, object]:
    return {name: getattr(match, name) for name in match.__struct_fields__}  # type: ignore[attr-defined]
