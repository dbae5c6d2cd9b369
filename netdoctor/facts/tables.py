"""Namespaces and hosts made of whole tables: what a snapshot holds, and what a fix is laid over."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from ipaddress import ip_address
from typing import TypeVar

from netdoctor.facts.connections import Entry
from netdoctor.facts.containers import Container
from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import (
    Missing,
    Namespace,
    NamespaceFacts,
    NamespaceId,
    longest_first,
    prefix_bits,
)
from netdoctor.facts.links import Link, Record
from netdoctor.facts.processes import Process
from netdoctor.facts.records import (
    TABLES,
    Address,
    BridgeVlan,
    FdbEntry,
    Neighbour,
    NexthopObject,
    Route,
    Rule,
    Ruleset,
)
from netdoctor.facts.sockets import Socket
from netdoctor.facts.wireguard import WireGuard

R = TypeVar("R", bound=Record)
K = TypeVar("K")

#: IP version, prefix length, and the prefix as a number.
Prefix = tuple[int, int, int]


def plain_end(link: Link) -> bool:
    """A pair's end that is up and nothing else: no port of a bridge, no parent of a macvlan."""
    return link.kind == "veth" and link.up and not link.master and link.promiscuity == 0


def _grouped(records: Iterable[R], key: Callable[[R], K]) -> dict[K, list[R]]:
    """The records by their key, each group in the order they came in."""
    groups: dict[K, list[R]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups


class TableNamespace:
    """A `Namespace` over a `NamespaceFacts` record; answers every question from its tuples."""

    def __init__(self, facts: NamespaceFacts) -> None:
        self._facts = facts

    @property
    def id(self) -> NamespaceId:
        """See `Namespace.id`."""
        return self._facts.id

    @cached_property
    def _by_index(self) -> dict[int, Link]:
        return {link.index: link for link in self._facts.links}

    @cached_property
    def _by_name(self) -> dict[str, Link]:
        return {link.name: link for link in self._facts.links}

    @cached_property
    def _tables(self) -> dict[int, dict[Prefix, list[Route]]]:
        tables: dict[int, dict[Prefix, list[Route]]] = {}
        for route in self._facts.routes:
            version, bits = 6 if ":" in route.dst else 4, prefix_bits(route.dst, route.prefixlen)
            tables.setdefault(route.table, {}).setdefault((version, route.prefixlen, bits), []).append(route)
        return tables

    @cached_property
    def _lengths(self) -> dict[int, set[tuple[int, int]]]:
        return {table: {prefix[:2] for prefix in held} for table, held in self._tables.items()}

    @cached_property
    def _by_master(self) -> dict[int | None, list[Link]]:
        return _grouped(self._facts.links, lambda link: link.master)

    @cached_property
    def _by_kind(self) -> dict[str | None, list[Link]]:
        return _grouped(self._facts.links, lambda link: link.kind)

    @cached_property
    def _held(self) -> dict[int, list[Address]]:
        return _grouped(self._facts.addresses, lambda ifa: ifa.ifindex)

    @cached_property
    def _owned(self) -> dict[str, list[Address]]:
        return _grouped(self._facts.addresses, lambda ifa: ifa.local)

    @cached_property
    def _behind(self) -> dict[str, list[FdbEntry]]:
        return _grouped(self._facts.fdb, lambda entry: entry.lladdr)

    @cached_property
    def _neighbours(self) -> dict[tuple[int, str], Neighbour]:
        return {(n.ifindex, n.dst): n for n in self._facts.neighbours if not n.proxy}

    @cached_property
    def _nexthops(self) -> dict[int, NexthopObject]:
        return {nh.id: nh for nh in self._facts.nexthops}

    def links(self) -> tuple[Link, ...]:
        """See `Namespace.links`."""
        return self._facts.links

    def link(self, index: int) -> Link | None:
        """See `Namespace.link`."""
        return self._by_index.get(index)

    def link_named(self, name: str) -> Link | None:
        """See `Namespace.link_named`."""
        return self._by_name.get(name)

    def ports(self, master: int) -> tuple[Link, ...]:
        """See `Namespace.ports`."""
        return tuple(self._by_master.get(master, ()))

    def links_of_kind(self, kind: str) -> tuple[Link, ...]:
        """See `Namespace.links_of_kind`."""
        return tuple(self._by_kind.get(kind, ()))

    def addresses(self, ifindex: int | None = None) -> tuple[Address, ...]:
        """See `Namespace.addresses`."""
        if ifindex is None:
            return self._facts.addresses
        return tuple(self._held.get(ifindex, ()))

    def owners(self, address: str) -> tuple[Address, ...]:
        """See `Namespace.owners`."""
        return tuple(self._owned.get(address, ()))

    def indifferent(self, ifindex: int, address: str) -> bool:
        """See `Namespace.indifferent`."""
        link = self.link(ifindex)
        if link is None or not plain_end(link) or self.owners(address):
            return False
        return (self.sysctl(f"ipv4/conf/{link.name}/forwarding") or "1").strip() == "0"

    def routes(self) -> tuple[Route, ...]:
        """See `Namespace.routes`."""
        return self._facts.routes

    def routes_to(self, table: int, destination: str) -> tuple[Route, ...]:
        """See `Namespace.routes_to`."""
        held, version = self._tables.get(table, {}), 6 if ":" in destination else 4
        lengths = [length for family, length in self._lengths.get(table, ()) if family == version]
        whole = int(ip_address(destination))
        size = 128 if version == 6 else 32
        return longest_first(
            route for length in lengths for route in held.get((version, length, whole >> (size - length)), ())
        )

    def rules(self) -> tuple[Rule, ...]:
        """See `Namespace.rules`."""
        return self._facts.rules

    def nexthop(self, nh_id: int) -> NexthopObject | None:
        """See `Namespace.nexthop`."""
        return self._nexthops.get(nh_id)

    def neighbour(self, ifindex: int, dst: str) -> Neighbour | None:
        """See `Namespace.neighbour`."""
        return self._neighbours.get((ifindex, dst))

    def neighbours(self) -> tuple[Neighbour, ...]:
        """See `Namespace.neighbours`."""
        return self._facts.neighbours

    def fdb(self, ifindex: int, lladdr: str) -> tuple[FdbEntry, ...]:
        """See `Namespace.fdb`."""
        return tuple(e for e in self._behind.get(lladdr, ()) if ifindex in (e.ifindex, e.master))

    def fdb_entries(self) -> tuple[FdbEntry, ...]:
        """See `Namespace.fdb_entries`."""
        return self._facts.fdb

    def vlans(self, ifindex: int) -> tuple[BridgeVlan, ...]:
        """See `Namespace.vlans`."""
        return tuple(v for v in self._facts.vlans if v.ifindex == ifindex)

    def rulesets(self) -> tuple[Ruleset, ...]:
        """See `Namespace.rulesets`. Snapshots of before there were rules among the facts name tables here."""
        tables_are_read = bool(self._facts.firewall)
        return tuple(r for r in self._facts.rulesets if r.kind not in TABLES or not tables_are_read)

    def firewall(self) -> tuple[FirewallText, ...]:
        """See `Namespace.firewall`."""
        return self._facts.firewall

    def firewall_chain(self, table: FirewallText, chain: str) -> str | None:
        """See `Namespace.firewall_chain`. Recorded tables are whole."""
        return None

    def firewall_set(self, table: FirewallText, name: str, key: tuple[str, ...] | None) -> str | None:
        """See `Namespace.firewall_set`. Recorded tables are whole."""
        return None

    def ipsets(self) -> tuple[SetText, ...]:
        """See `Namespace.ipsets`."""
        return self._facts.ipsets

    def sysctl(self, name: str) -> str | None:
        """See `Namespace.sysctl`."""
        return self._facts.sysctls.get(name)

    def peer_namespace(self, nsid: int) -> int | None:
        """See `Namespace.peer_namespace`."""
        return self._facts.nsids.get(nsid)

    def sockets(self) -> tuple[Socket, ...] | None:
        """See `Namespace.sockets`."""
        return self._facts.sockets

    def holder(self, item: Socket) -> Process | None:
        """See `Namespace.holder`."""
        return item.holder

    def reader(self, ifindex: int) -> Process | None:
        """See `Namespace.reader`."""
        return next((one.process for one in self._facts.readers if one.ifindex == ifindex), None)

    def wireguard(self, ifindex: int) -> WireGuard | None:
        """See `Namespace.wireguard`."""
        return next((one for one in self._facts.wireguards if one.ifindex == ifindex), None)

    def connections(self, proto: int, src: str, dst: str) -> tuple[Entry, ...]:
        """See `Namespace.connections`."""
        return tuple(entry for entry in self._facts.connections or () if entry.joins(proto, src, dst))

    def facts(self) -> NamespaceFacts:
        """See `Namespace.facts`."""
        return self._facts


class TableHost:
    """A `Host` over recorded namespaces."""

    def __init__(
        self,
        name: str,
        namespaces: tuple[NamespaceFacts, ...],
        missing: tuple[Missing, ...] = (),
        unplaced: tuple[Container, ...] = (),
    ) -> None:
        self._name = name
        self._missing = missing
        self._unplaced = unplaced
        self._namespaces: dict[int, Namespace] = {ns.id.inode: TableNamespace(ns) for ns in namespaces}

    @property
    def name(self) -> str:
        """See `Host.name`."""
        return self._name

    @property
    def missing(self) -> tuple[Missing, ...]:
        """See `Host.missing`."""
        return self._missing

    @property
    def unplaced(self) -> tuple[Container, ...]:
        """See `Host.unplaced`."""
        return self._unplaced

    def namespaces(self) -> tuple[NamespaceId, ...]:
        """See `Host.namespaces`."""
        return tuple(ns.id for ns in self._namespaces.values())

    def namespace(self, inode: int) -> Namespace | None:
        """See `Host.namespace`."""
        return self._namespaces.get(inode)
