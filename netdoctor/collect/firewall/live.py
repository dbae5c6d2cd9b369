"""The tables of rules of one live namespace: read once, very large ones in the parts that a question asks for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from netdoctor.collect.access import Access
from netdoctor.collect.firewall import read_chain, read_firewall, read_set, read_whole_firewall
from netdoctor.facts.firewall import FirewallText, apart, holding, is_whole
from netdoctor.facts.host import Missing, NamespaceId

Found = tuple[tuple[Any, ...], tuple[Missing, ...]]


class Reading(Protocol):
    """Runs a reader in the namespace; what it could not see is noted with the host."""

    def __call__(self, what: str, reader: Callable[[Access, NamespaceId], Found], /) -> tuple[Any, ...]:
        """Return what the reader finds."""


class LiveFirewall:
    """The tables of one namespace, and the parts of partial ones. Every part is read once."""

    def __init__(self, read: Reading) -> None:
        self._read = read
        self._texts: tuple[FirewallText, ...] | None = None
        self._parts: dict[tuple[object, ...], str | None] = {}
        self._whole: dict[tuple[str, str], str] = {}

    def texts(self) -> tuple[FirewallText, ...]:
        """See `Namespace.firewall`. A partial table holds the chains that have been asked for, too."""
        if self._texts is None:
            self._texts = self._read("the firewall rules", read_firewall)
        return self._texts

    def chain(self, table: FirewallText, chain: str) -> str | None:
        """See `Namespace.firewall_chain`."""
        key = table.family, table.table, "chain", chain
        if key not in self._parts:
            what = f"chain {chain} of the firewall rules"
            lines = self._part(table, what, lambda access, ns: read_chain(access, table, chain, ns))
            self._parts[key] = lines
            if table.tool != "nft" and apart(lines or "")[1] is not None:
                if any(text.partial for text in self.texts()):
                    self._texts = self._read("the firewall rules", read_whole_firewall)
            else:
                self._texts = tuple(holding(text, table, chain, lines) for text in self.texts())
        return self._parts[key]

    def set(self, table: FirewallText, name: str, key: tuple[str, ...] | None) -> str | None:
        """See `Namespace.firewall_set`."""
        part = table.family, table.table, "set", name, key
        if part not in self._parts:
            what = f"set {name} of the firewall rules"
            self._parts[part] = self._part(
                table, what, lambda access, ns: read_set(access, table, name, key, ns)
            )
        return self._parts[part]

    def _part(
        self, table: FirewallText, what: str, reader: Callable[[Access, NamespaceId], Found]
    ) -> str | None:
        """Read a part; where it can only be had with the whole table, that serves all further ones."""
        owner = table.family, table.table
        if owner in self._whole:
            return self._whole[owner]
        found = self._read(what, reader)
        if found and is_whole(found[0]):
            self._whole[owner] = found[0]
        return found[0] if found else None
