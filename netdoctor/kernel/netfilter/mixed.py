"""A table of iptables-nft in which other tools have written as well.

The save format shows a native rule as far as iptables could have written it, and silently leaves out the rest
(a range of addresses becomes its last one). nft's JSON shows it all, but of an extension only the name. So each rule is
taken from the tool that says it in full: without extensions, what both understand alike keeps the words of iptables.
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.firewall import FirewallText
from netdoctor.kernel.netfilter.model import (
    Address,
    AnyOf,
    Base,
    Chance,
    Family,
    FirewallRule,
    Match,
    Pass,
    SetFacts,
    Statement,
)
from netdoctor.kernel.netfilter.nft import NativeTable
from netdoctor.kernel.netfilter.xtables import XtTable


#: What holds for every packet is not said by both.
_ALWAYS = AnyOf(alternatives=((),))


class MixedTable:
    """The same table, read by both tools. Raises UndecodedError where nft's text is not its JSON."""

    def __init__(self, saved: XtTable, text: FirewallText) -> None:
        family: Family = text.family  # type: ignore[assignment]
        self._saved = saved
        self._native = NativeTable(family, text.native or "")

    def bases(self) -> list[tuple[str, Base]]:
        """Return the base chains with their names, as nft says."""
        return self._native.bases()

    def chains(self) -> tuple[str, ...]:
        """Return the names of all chains."""
        return self._native.chains()

    def rules(self, chain: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain. Raises KeyError where there is no such chain."""
        natives = self._native.rules(chain)
        saved = self._saved.rules(chain) if chain in self._saved.chains() else ()
        if len(saved) != len(natives):
            return natives
        extended = self._native.extended(chain)
        return tuple(
            old if native.number in extended else _better(old, native)
            for old, native in zip(saved, natives, strict=True)
        )

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain that may concern a packet: all of them."""
        return self.rules(chain)

    def set(self, name: str) -> SetFacts | None:
        """Return a set of the table."""
        return self._native.set(name)


def _better(saved: FirewallRule, native: FirewallRule) -> FirewallRule:
    """Return a rule without extensions in the words of iptables where it could have come from there."""
    counted = native.packets is not None  # iptables counts in every rule
    return saved if counted and _meaning(saved) == _meaning(native) else native


def _meaning(rule: FirewallRule) -> tuple[frozenset[Match], tuple[Statement, ...]]:
    acts = tuple(made for made in rule.statements if not isinstance(made, Pass))
    asked = (match for match in rule.matches if match != _ALWAYS)
    return frozenset(replace(m, text="") if isinstance(m, Address | Chance) else m for m in asked), acts
