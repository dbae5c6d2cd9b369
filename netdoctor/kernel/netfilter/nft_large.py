"""A very large native table: its base chains at once, the rest in the parts that a packet comes by."""

from __future__ import annotations

from collections.abc import Callable

from netdoctor.facts.firewall import FirewallText
from netdoctor.kernel.netfilter.model import Base, Family, FirewallRule, SetFacts
from netdoctor.kernel.netfilter.names import UndecodedError
from netdoctor.kernel.netfilter.nft import NativeTable
from netdoctor.kernel.netfilter.unread import unread

Key = tuple[str, ...]


class LargeNativeTable:
    """A table whose other chains `ask` returns, and its sets `ask_set`. Raises UndecodedError as `NativeTable`."""

    def __init__(
        self,
        text: FirewallText,
        ask: Callable[[FirewallText, str], str | None],
        ask_set: Callable[[FirewallText, str, Key | None], str | None],
    ) -> None:
        self._text = text
        self._ask = ask
        self._ask_set = ask_set
        self._known = self._table(text.text)
        self._chains: dict[str, NativeTable | None] = {}
        self._sets: dict[tuple[str, Key | None], SetFacts | None] = {}

    def _table(self, text: str) -> NativeTable:
        family: Family = self._text.family  # type: ignore[assignment]
        return NativeTable(family, text, self._text.devices)

    def _part(self, text: str | None) -> NativeTable | None:
        try:
            return self._table(text) if text is not None else None
        except UndecodedError:
            return None

    def bases(self) -> list[tuple[str, Base]]:
        """Return the base chains with their names."""
        return self._known.bases()

    def chains(self) -> tuple[str, ...]:
        """Return the names of the chains that are known."""
        return self._known.chains()

    def rules(self, chain: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain. Raises KeyError where there is no such chain."""
        if chain in self._known.chains():
            return self._known.rules(chain)
        if chain not in self._chains:
            self._chains[chain] = self._part(self._ask(self._text, chain))
        found = self._chains[chain]
        return found.rules(chain) if found is not None else (unread(chain),)

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain that may concern a packet: all of them."""
        return self.rules(chain)

    def set(self, name: str, key: Key | None = None) -> SetFacts | None:
        """Return a set or map, with a `key` that of its elements which this key finds; None where it is not known."""
        if (name, key) not in self._sets:
            found = self._part(self._ask_set(self._text, name, key))
            self._sets[name, key] = found.set(name) if found is not None else None
        return self._sets[name, key]
