"""All rules of a namespace, whatever wrote them: base chains in the kernel's order, the rest parsed on demand."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Protocol
from weakref import WeakKeyDictionary

from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import Namespace
from netdoctor.kernel.netfilter import mixed, sets
from netdoctor.kernel.netfilter.model import Base, Family, FirewallRule, Hook, Place, SetFacts
from netdoctor.kernel.netfilter.names import UndecodedError
from netdoctor.kernel.netfilter.nft import NativeTable
from netdoctor.kernel.netfilter.nft_large import LargeNativeTable
from netdoctor.kernel.netfilter.xtables import XtTable

#: Where nf_nat runs the NAT chains of a hook, whatever their own priority (nf_nat_proto.c); that orders them only
#: among themselves.
NAT_PRIORITIES: dict[Hook, int] = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}


Key = tuple[str, ...]


class Table(Protocol):
    """One table of either kind."""

    def bases(self) -> list[tuple[str, Base]]:
        """The base chains with their names."""

    def chains(self) -> tuple[str, ...]:
        """The names of all chains."""

    def rules(self, chain: str) -> tuple[FirewallRule, ...]:
        """The rules of a chain, parsed. Raises KeyError where there is no such chain."""

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """The rules of a chain that may match a packet with these addresses, parsed. Raises KeyError as `rules`."""

    def set(self, name: str, key: Key | None = None) -> SetFacts | None:
        """A set or map of the table; with a `key`, of its elements at least the one that this key finds."""


class Ruleset:
    """The rules of one namespace. `unread` are the tables whose rules are not known: anything may be in them."""

    def __init__(
        self,
        texts: Iterable[FirewallText],
        ipsets: Callable[[], tuple[SetText, ...]] = tuple,
        ask: Callable[[FirewallText, str], str | None] = lambda _, __: None,
        ask_set: Callable[[FirewallText, str, Key | None], str | None] = lambda *_: None,
    ) -> None:
        self._ask = ask
        self._ask_set = ask_set
        self._tables: dict[tuple[str, str, str], Table] = {}
        self._rules: dict[Place, tuple[FirewallRule, ...]] = {}
        self._relevant: dict[tuple[Place, str, str], tuple[FirewallRule, ...]] = {}
        self._bases: dict[tuple[Hook, tuple[str, ...]], list[tuple[Base, Place]]] = {}
        self._ipsets = sets.IpSets(ipsets)
        unread = []
        for text in texts:
            if text.error is not None:
                unread.append(text)
                continue
            try:
                self._tables[text.backend, text.family, text.table] = self._table(text)
            except UndecodedError:
                unread.append(text)
        self.unread = tuple(unread)

    def _table(self, text: FirewallText) -> Table:
        if text.tool == "nft" and text.partial:
            return LargeNativeTable(text, self._ask, self._ask_set)
        if text.tool == "nft":
            return NativeTable(text.family, text.text, text.devices)  # type: ignore[arg-type]
        if text.partial:
            return mixed.LargeTable(text, self._ipsets.types, self._ask)
        saved = XtTable(text, self._ipsets.types, self._ask)
        return mixed.MixedTable(saved, text) if text.native else saved

    def places(self) -> tuple[Place, ...]:
        """All chains of all tables."""
        return tuple(
            Place(backend, family, name, chain)  # type: ignore[arg-type]
            for (backend, family, name), table in self._tables.items()
            for chain in table.chains()
        )

    def base_chains(self, hook: Hook, families: tuple[Family, ...]) -> list[tuple[Base, Place]]:
        """Return the base chains at a hook, of tables of these families, in the order in which the kernel runs them.

        By priority; of equal ones the latest registered comes first (nf_hook_entries_grow() puts it there). When a
        table was registered is not recorded: tables are taken as made in the order in which they are listed, legacy
        ones before all others.
        NAT chains stand where nf_nat runs them.
        """
        key = hook, families
        if key not in self._bases:
            self._bases[key] = self._ordered(hook, families)
        return self._bases[key]

    def _ordered(self, hook: Hook, families: tuple[Family, ...]) -> list[tuple[Base, Place]]:
        found: list[tuple[Base, Place]] = []
        for (backend, family, name), table in self._tables.items():
            if family in families:
                found.extend(
                    (base, Place(backend, family, name, chain))  # type: ignore[arg-type]
                    for chain, base in table.bases()
                    if base.hook == hook
                )
        found.reverse()
        return sorted(found, key=lambda entry: (runs_at(entry[0]), entry[0].priority))

    def base(self, place: Place) -> Base | None:
        """Return where a chain hangs; None for a user chain, or one that is not known."""
        table = self._tables.get((place.backend, place.family, place.table))
        found = table.bases() if table is not None else []
        return next((base for name, base in found if name == place.chain), None)

    @cached_property
    def tracks_bridged(self) -> bool:
        """Whether a rule of the bridge family asks for connections: then nf_conntrack_bridge tracks bridged frames."""
        return any(
            family == "bridge" and isinstance(table, NativeTable) and table.mentions('{"ct": {')
            for (_, family, _), table in self._tables.items()
        )

    def rules(self, place: Place) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain, parsed on first use. Raises KeyError where there is no such chain."""
        if place not in self._rules:
            self._rules[place] = self._tables[place.backend, place.family, place.table].rules(place.chain)
        return self._rules[place]

    def relevant(self, place: Place, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain that may match a packet with these addresses (canonical text), in order.

        Left out are, from long chains, rules that ask for another single address: they need not be parsed. Raises
        KeyError where there is no such chain.
        """
        key = place, src, dst
        if key not in self._relevant:
            table = self._tables[place.backend, place.family, place.table]
            self._relevant[key] = table.relevant(place.chain, src, dst)
        return self._relevant[key]

    def set(self, place: Place, name: str, key: Key | None = None) -> SetFacts | None:
        """Return what a rule of that chain calls by this name: a set of its table, else an ipset; None: not known.

        With a `key` (written as in a `SetFacts`), elements may be left out that this key does not find.
        """
        table = self._tables.get((place.backend, place.family, place.table))
        own = table.set(name, key) if table is not None else None
        native = isinstance(table, NativeTable | LargeNativeTable)
        return own if own is not None or native else self._ipsets.facts(name)


def runs_at(base: Base) -> int:
    """Return the priority at which the kernel runs a base chain: of NAT chains, that of nf_nat."""
    return NAT_PRIORITIES.get(base.hook, base.priority) if base.kind == "nat" else base.priority


_known: WeakKeyDictionary[Namespace, Ruleset] = WeakKeyDictionary()


def ruleset_of(ns: Namespace) -> Ruleset:
    """Return the rules of a namespace; made once for each object."""
    found = _known.get(ns)
    if found is None:
        found = _known[ns] = Ruleset(ns.firewall(), ns.ipsets, ns.firewall_chain, ns.firewall_set)
    return found
