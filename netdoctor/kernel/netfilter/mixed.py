"""A table of iptables-nft in which other tools have written as well.

The save format shows a native rule as far as iptables could have written it, and silently leaves out the rest
(a range of addresses becomes its last one). nft's JSON shows it all, but of an extension only the name. So each rule is
taken from the tool that says it in full: without extensions, what both understand alike keeps the words of iptables.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from netdoctor.facts.firewall import FirewallText, apart
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
        saved = self._saved.rules(chain) if chain in self._saved.chains() else ()
        return _merged(saved, self._native, chain)

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain that may concern a packet: all of them."""
        return self.rules(chain)

    def set(self, name: str, key: tuple[str, ...] | None = None) -> SetFacts | None:
        """Return a set of the table."""
        return self._native.set(name)


class LargeTable:
    """A table that is read chain by chain, each by both tools where others than iptables have written in it.

    Raises UndecodedError as `XtTable`, and where nft's text is not its JSON.
    """

    def __init__(
        self,
        text: FirewallText,
        dimensions: Callable[[str], tuple[str, ...] | None],
        ask: Callable[[FirewallText, str], str | None],
    ) -> None:
        self._family: Family = text.family  # type: ignore[assignment]
        self._ask = ask
        self._saved = XtTable(text, dimensions, self._lines)
        self._natives: dict[str, NativeTable] = {}

    def _lines(self, text: FirewallText, chain: str) -> str | None:
        printed = self._ask(text, chain)
        if printed is None:
            return None
        lines, native = apart(printed)
        if native is not None:
            self._natives[chain] = NativeTable(self._family, native)
        return lines

    def bases(self) -> list[tuple[str, Base]]:
        """Return the base chains with their names."""
        return self._saved.bases()

    def chains(self) -> tuple[str, ...]:
        """Return the names of the chains that are known."""
        return self._saved.chains()

    def rules(self, chain: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain. Raises KeyError where there is no such chain."""
        saved = self._saved.rules(chain)
        native = self._natives.get(chain)
        return saved if native is None else _merged(saved, native, chain)

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain that may concern a packet: all of them where other tools wrote in it."""
        saved = self._saved.relevant(chain, src, dst)
        return saved if chain not in self._natives else self.rules(chain)

    def set(self, name: str, key: tuple[str, ...] | None = None) -> SetFacts | None:
        """Return a set of the table."""
        found = (native.set(name) for native in self._natives.values())
        return next((facts for facts in found if facts is not None), None)


def _merged(saved: tuple[FirewallRule, ...], native: NativeTable, chain: str) -> tuple[FirewallRule, ...]:
    natives = native.rules(chain)
    if len(saved) != len(natives):
        return natives
    extended = native.extended(chain)
    return tuple(
        old if new.number in extended else _better(old, new) for old, new in zip(saved, natives, strict=True)
    )


def _better(saved: FirewallRule, native: FirewallRule) -> FirewallRule:
    """Return a rule without extensions in the words of iptables where it could have come from there."""
    counted = native.packets is not None  # iptables counts in every rule
    return saved if counted and _meaning(saved) == _meaning(native) else native


def _meaning(rule: FirewallRule) -> tuple[frozenset[Match], tuple[Statement, ...]]:
    acts = tuple(made for made in rule.statements if not isinstance(made, Pass))
    asked = (match for match in rule.matches if match != _ALWAYS)
    return frozenset(replace(m, text="") if isinstance(m, Address | Chance) else m for m in asked), acts
