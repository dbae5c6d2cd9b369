"""A host as it would be with changes made: some kinds of fact of some namespaces replaced, the rest asked of a source.

Nothing is touched; this is what a fix is proven on.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from netdoctor.facts.connections import Entry
from netdoctor.facts.containers import Container
from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import Host, Missing, Namespace, NamespaceFacts, NamespaceId
from netdoctor.facts.links import Link
from netdoctor.facts.processes import Process
from netdoctor.facts.records import (
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
from netdoctor.facts.tables import TableNamespace
from netdoctor.facts.wireguard import WireGuard


class Draft:
    """The facts of one namespace while changes are being made to them: each kind is read once it is needed."""

    def __init__(self, base: Namespace) -> None:
        self.base = base
        self.replaced: dict[str, tuple[Any, ...]] = {}
        self.sysctls: dict[str, str] = {}
        self.nsids: dict[int, int] = {}
        self.forgotten: set[Entry] = set()

    def _get(self, kind: str, read: Callable[[], tuple[Any, ...]]) -> tuple[Any, ...]:
        if kind not in self.replaced:
            self.replaced[kind] = read()
        return self.replaced[kind]

    @property
    def links(self) -> tuple[Link, ...]:
        """All devices."""
        return self._get("links", self.base.links)

    @links.setter
    def links(self, value: tuple[Link, ...]) -> None:
        self.replaced["links"] = value

    @property
    def addresses(self) -> tuple[Address, ...]:
        """All addresses."""
        return self._get("addresses", self.base.addresses)

    @addresses.setter
    def addresses(self, value: tuple[Address, ...]) -> None:
        self.replaced["addresses"] = value

    @property
    def routes(self) -> tuple[Route, ...]:
        """All routes."""
        return self._get("routes", self.base.routes)

    @routes.setter
    def routes(self, value: tuple[Route, ...]) -> None:
        self.replaced["routes"] = value

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All policy rules."""
        return self._get("rules", self.base.rules)

    @rules.setter
    def rules(self, value: tuple[Rule, ...]) -> None:
        self.replaced["rules"] = value

    @property
    def neighbours(self) -> tuple[Neighbour, ...]:
        """All neighbour entries."""
        return self._get("neighbours", self.base.neighbours)

    @neighbours.setter
    def neighbours(self, value: tuple[Neighbour, ...]) -> None:
        self.replaced["neighbours"] = value

    @property
    def fdb(self) -> tuple[FdbEntry, ...]:
        """All FDB entries."""
        return self._get("fdb", self.base.fdb_entries)

    @fdb.setter
    def fdb(self, value: tuple[FdbEntry, ...]) -> None:
        self.replaced["fdb"] = value

    @property
    def vlans(self) -> tuple[BridgeVlan, ...]:
        """All VLAN memberships."""
        return self._get(
            "vlans", lambda: tuple(v for link in self.links for v in self.base.vlans(link.index))
        )

    @vlans.setter
    def vlans(self, value: tuple[BridgeVlan, ...]) -> None:
        self.replaced["vlans"] = value

    @property
    def firewall(self) -> tuple[FirewallText, ...]:
        """All tables of rules."""
        return self._get("firewall", self.base.firewall)

    @firewall.setter
    def firewall(self, value: tuple[FirewallText, ...]) -> None:
        self.replaced["firewall"] = value

    @property
    def ipsets(self) -> tuple[SetText, ...]:
        """All ipsets."""
        return self._get("ipsets", self.base.ipsets)

    @ipsets.setter
    def ipsets(self, value: tuple[SetText, ...]) -> None:
        self.replaced["ipsets"] = value

    @property
    def wireguards(self) -> tuple[WireGuard, ...]:
        """All WireGuard devices."""
        kind = (link.index for link in self.base.links_of_kind("wireguard"))
        return self._get(
            "wireguards", lambda: tuple(one for index in kind if (one := self.base.wireguard(index)) is not None)
        )

    @wireguards.setter
    def wireguards(self, value: tuple[WireGuard, ...]) -> None:
        self.replaced["wireguards"] = value

    def edit_link(self, ifindex: int, **fields: Any) -> None:
        """Replace fields of one device."""
        self.links = tuple(replace(link, **fields) if link.index == ifindex else link for link in self.links)

    def finished(self) -> Namespace:
        """The namespace with the changes made."""
        others = (dict(self.sysctls), dict(self.nsids), frozenset(self.forgotten))
        return LaidOver(self.base, dict(self.replaced), *others)


class LaidOver:
    """A `Namespace` that answers from its replaced kinds first, and from its base for all others."""

    def __init__(
        self,
        base: Namespace,
        replaced: dict[str, tuple[Any, ...]],
        sysctls: dict[str, str],
        nsids: dict[int, int] | None = None,
        forgotten: frozenset[Entry] = frozenset(),
    ) -> None:
        self._base = base
        self._replaced = replaced
        self._sysctls = sysctls
        self._nsids = nsids or {}
        self._forgotten = forgotten
        self._table = TableNamespace(replace(NamespaceFacts(base.id), **replaced))

    def _of(self, kind: str) -> Namespace:
        return self._table if kind in self._replaced else self._base

    @property
    def id(self) -> NamespaceId:
        """See `Namespace.id`."""
        return self._base.id

    def links(self) -> tuple[Link, ...]:
        """See `Namespace.links`."""
        return self._of("links").links()

    def link(self, index: int) -> Link | None:
        """See `Namespace.link`."""
        return self._of("links").link(index)

    def link_named(self, name: str) -> Link | None:
        """See `Namespace.link_named`."""
        return self._of("links").link_named(name)

    def ports(self, master: int) -> tuple[Link, ...]:
        """See `Namespace.ports`."""
        return self._of("links").ports(master)

    def links_of_kind(self, kind: str) -> tuple[Link, ...]:
        """See `Namespace.links_of_kind`."""
        return self._of("links").links_of_kind(kind)

    def addresses(self, ifindex: int | None = None) -> tuple[Address, ...]:
        """See `Namespace.addresses`."""
        return self._of("addresses").addresses(ifindex)

    def owners(self, address: str) -> tuple[Address, ...]:
        """See `Namespace.owners`."""
        return self._of("addresses").owners(address)

    def indifferent(self, ifindex: int, address: str) -> bool:
        """See `Namespace.indifferent`; with changes laid over, every namespace is looked at in full."""
        return False

    def routes(self) -> tuple[Route, ...]:
        """See `Namespace.routes`."""
        return self._of("routes").routes()

    def routes_to(self, table: int, destination: str) -> tuple[Route, ...]:
        """See `Namespace.routes_to`."""
        return self._of("routes").routes_to(table, destination)

    def rules(self) -> tuple[Rule, ...]:
        """See `Namespace.rules`."""
        return self._of("rules").rules()

    def nexthop(self, nh_id: int) -> NexthopObject | None:
        """See `Namespace.nexthop`."""
        return self._base.nexthop(nh_id)

    def neighbour(self, ifindex: int, dst: str) -> Neighbour | None:
        """See `Namespace.neighbour`."""
        return self._of("neighbours").neighbour(ifindex, dst)

    def neighbours(self) -> tuple[Neighbour, ...]:
        """See `Namespace.neighbours`."""
        return self._of("neighbours").neighbours()

    def fdb(self, ifindex: int, lladdr: str) -> tuple[FdbEntry, ...]:
        """See `Namespace.fdb`."""
        return self._of("fdb").fdb(ifindex, lladdr)

    def fdb_entries(self) -> tuple[FdbEntry, ...]:
        """See `Namespace.fdb_entries`."""
        return self._of("fdb").fdb_entries()

    def vlans(self, ifindex: int) -> tuple[BridgeVlan, ...]:
        """See `Namespace.vlans`."""
        return self._of("vlans").vlans(ifindex)

    def rulesets(self) -> tuple[Ruleset, ...]:
        """See `Namespace.rulesets`."""
        return self._base.rulesets()

    def firewall(self) -> tuple[FirewallText, ...]:
        """See `Namespace.firewall`."""
        return self._of("firewall").firewall()

    def firewall_chain(self, table: FirewallText, chain: str) -> str | None:
        """See `Namespace.firewall_chain`. A chain that was changed stands in the text of its table."""
        return self._base.firewall_chain(table, chain)

    def firewall_set(self, table: FirewallText, name: str, key: tuple[str, ...] | None) -> str | None:
        """See `Namespace.firewall_set`. No fix changes a set."""
        return self._base.firewall_set(table, name, key)

    def ipsets(self) -> tuple[SetText, ...]:
        """See `Namespace.ipsets`."""
        return self._of("ipsets").ipsets()

    def sysctl(self, name: str) -> str | None:
        """See `Namespace.sysctl`."""
        return self._sysctls.get(name) or self._base.sysctl(name)

    def peer_namespace(self, nsid: int) -> int | None:
        """See `Namespace.peer_namespace`."""
        return self._nsids.get(nsid) or self._base.peer_namespace(nsid)

    def sockets(self) -> tuple[Socket, ...] | None:
        """See `Namespace.sockets`."""
        return self._base.sockets()

    def holder(self, item: Socket) -> Process | None:
        """See `Namespace.holder`."""
        return self._base.holder(item)

    def reader(self, ifindex: int) -> Process | None:
        """See `Namespace.reader`."""
        return self._base.reader(ifindex)

    def wireguard(self, ifindex: int) -> WireGuard | None:
        """See `Namespace.wireguard`."""
        return self._of("wireguards").wireguard(ifindex)

    def connections(self, proto: int, src: str, dst: str) -> tuple[Entry, ...]:
        """See `Namespace.connections`."""
        found = self._base.connections(proto, src, dst)
        return tuple(entry for entry in found if entry not in self._forgotten)

    def facts(self) -> NamespaceFacts:
        """See `Namespace.facts`."""
        facts = replace(self._base.facts(), **self._replaced)
        nsids = {**facts.nsids, **self._nsids}
        kept = [entry for entry in facts.connections or () if entry not in self._forgotten]
        facts = replace(facts, connections=tuple(kept) if facts.connections is not None else None)
        return replace(facts, sysctls={**facts.sysctls, **self._sysctls}, nsids=nsids)


class OverlayHost:
    """A `Host` in which some namespaces are replaced."""

    def __init__(self, base: Host, replaced: dict[int, Namespace]) -> None:
        self.base = base
        self._replaced = replaced
        self._known: dict[int, Namespace | None] = {}

    @property
    def name(self) -> str:
        """See `Host.name`."""
        return self.base.name

    @property
    def missing(self) -> tuple[Missing, ...]:
        """See `Host.missing`."""
        return self.base.missing

    @property
    def unplaced(self) -> tuple[Container, ...]:
        """See `Host.unplaced`."""
        return self.base.unplaced

    def namespaces(self) -> tuple[NamespaceId, ...]:
        """See `Host.namespaces`."""
        return self.base.namespaces()

    def namespace(self, inode: int) -> Namespace | None:
        """See `Host.namespace`."""
        if inode not in self._known:  # one overlay may lie on another, many deep
            self._known[inode] = self._replaced.get(inode) or self.base.namespace(inode)
        return self._known[inode]
