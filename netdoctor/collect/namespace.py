"""A namespace of the live host: facts read from the kernel when they are asked for, and no earlier.

Tables are fetched undecoded (net/core/rtnetlink.c and the dump functions of each) and searched as bytes; only the
messages that a question is about are decoded, so a question costs what its path costs, whatever else lives in the
namespace.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from functools import cached_property, lru_cache
from ipaddress import ip_address
from typing import TypeVar

from netdoctor.collect import requests, sysctls
from netdoctor.collect.access import Access
from netdoctor.collect.behind import Behind
from netdoctor.collect.conntrack import read_all_connections, read_connections
from netdoctor.collect.decode import links as decode_links
from netdoctor.collect.decode import records as decode
from netdoctor.collect.fib import Fib
from netdoctor.collect.firewall import read_ipsets, read_whole_firewall
from netdoctor.collect.firewall.live import LiveFirewall
from netdoctor.collect.netlink import Dump
from netdoctor.collect.owner import Owner
from netdoctor.collect.processes import Holders
from netdoctor.collect.rulesets import read_rulesets
from netdoctor.collect.sockets import read_sockets
from netdoctor.facts.connections import Entry
from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.host import Missing, NamespaceFacts, NamespaceId, canonical, longest_first
from netdoctor.facts.links import Link
from netdoctor.facts.processes import Process
from netdoctor.facts.records import (
    AF_INET,
    AF_INET6,
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
from netdoctor.facts.tables import plain_end
from netdoctor.facts.wireguard import WireGuard

T = TypeVar("T")

#: What a kernel answers that lacks a table (no IPv6, no nexthop objects, no VLAN filtering): there is nothing in it.
NO_SUCH_TABLE = (errno.EOPNOTSUPP, errno.EAFNOSUPPORT, errno.ENOENT, errno.EINVAL)


class LiveNamespace:
    """A `Namespace` of this machine."""

    def __init__(self, host: Owner, namespace: NamespaceId) -> None:
        self._host = host
        self._id = namespace
        self._dumps: dict[str, Dump] = {}
        self._links: dict[int, Link | None] = {}
        self._picked: dict[bytes, tuple[Link, ...]] = {}
        self._routes: dict[bytes, Route] = {}
        self.sysctls_read: dict[str, str | None] = {}
        self._fibs: dict[int, Fib] = {}
        self._firewall = LiveFirewall(self._noted)

    @property
    def id(self) -> NamespaceId:
        """See `Namespace.id`."""
        return self._id

    def _access(self) -> Access:
        return self._host.pool.access(self._id)

    def _table(self, name: str) -> Dump:
        """Return a whole table, undecoded, fetched once."""
        if name not in self._dumps:
            self._dumps[name] = self._dump(name, *requests.DUMPS[name])
        return self._dumps[name]

    def _dump(self, name: str, kind: int, body: bytes) -> Dump:
        try:
            dump = self._access().route.dump(kind, body)
        except OSError as error:
            if error.errno not in NO_SUCH_TABLE:
                self._host.note_failure(f"the {name} of {self._id.label}", error)
            return Dump([])
        if dump.interrupted:
            self._host.note(
                Missing(
                    f"a consistent view of the {name} of {self._id.label}",
                    "they changed during every attempt to read them",
                    "run netdoctor again when the machine is quieter",
                )
            )
        return dump

    def _get_link(self, body: bytes) -> Link | None:
        try:
            message = self._access().route.get(requests.RTM_GETLINK, body)
        except OSError as error:
            if error.errno not in (errno.ENODEV, errno.EINVAL, errno.ERANGE):
                self._host.note_failure(f"a device of {self._id.label}", error)
            return None
        return decode_links.link(message)

    def links(self) -> tuple[Link, ...]:
        """See `Namespace.links`."""
        return self._all_links

    @cached_property
    def _all_links(self) -> tuple[Link, ...]:
        links = tuple(decode_links.link(message) for message in self._table("links").messages())
        self._links = {link.index: link for link in links}
        return links

    def link(self, index: int) -> Link | None:
        """See `Namespace.link`. Until all links are asked for, the kernel is asked for this one alone."""
        if index <= 0:
            return None
        if index not in self._links:
            known = "links" in self._dumps
            self._links[index] = None if known else self._get_link(requests.link_by_index(index))
        return self._links[index]

    def link_named(self, name: str) -> Link | None:
        """See `Namespace.link_named`."""
        found = next((link for link in self._links.values() if link is not None and link.name == name), None)
        if found is None and "links" not in self._dumps and 0 < len(name.encode()) < 16:
            found = self._get_link(requests.link_by_name(name))
            if found is not None:
                self._links[found.index] = found
        return found

    def ports(self, master: int) -> tuple[Link, ...]:
        """See `Namespace.ports`. The kernel picks them (IFLA_MASTER in a strict dump)."""
        picked = self._pick(requests.links_of(master), requests.u32(requests.IFLA_MASTER, master))
        return tuple(link for link in picked if link.master == master)

    def links_of_kind(self, kind: str) -> tuple[Link, ...]:
        """See `Namespace.links_of_kind`. The kernel picks them (IFLA_INFO_KIND in a strict dump)."""
        picked = self._pick(requests.links_of_kind(kind), kind.encode())
        return tuple(link for link in picked if link.kind == kind)

    def _pick(self, body: bytes, needle: bytes) -> tuple[Link, ...]:
        """Return at least the links that a filtered dump asks for; `needle` is in each of their messages."""
        if "links" in self._dumps:
            return self.links()
        if body not in self._picked:
            messages = self._dump("links", requests.RTM_GETLINK, body).holding(needle)
            self._picked[body] = _decode(decode_links.link, messages)
            self._links.update((link.index, link) for link in self._picked[body])
        return self._picked[body]

    def addresses(self, ifindex: int | None = None) -> tuple[Address, ...]:
        """See `Namespace.addresses`."""
        messages: Iterable[bytes] = self._table("addresses").messages()
        if ifindex is not None:
            messages = (m for m in messages if requests.ifindex_of(m) == ifindex)
        return _decode(decode.address, messages)

    def owners(self, address: str) -> tuple[Address, ...]:
        """See `Namespace.owners`. Only messages that hold the bytes of the address are decoded."""
        wanted, packed = _forms(address)
        messages = self._table("addresses").holding(packed)
        return tuple(a for a in _decode(decode.address, messages) if a.local == wanted)

    def indifferent(self, ifindex: int, address: str) -> bool:
        """See `Namespace.indifferent`. One link and the addresses are read, no sysctl file and no route."""
        try:
            message = self._access().route.get(requests.RTM_GETLINK, requests.link_by_index(ifindex))
        except OSError:
            return False
        if decode_links.forwards(message):
            return False
        link = self._links.setdefault(ifindex, decode_links.link(message))
        return link is not None and plain_end(link) and not self.owners(address)

    def routes(self) -> tuple[Route, ...]:
        """See `Namespace.routes`."""
        return self._all_routes

    @cached_property
    def _all_routes(self) -> tuple[Route, ...]:
        messages = [*self._table("routes4").messages(), *self._table("routes6").messages()]
        return tuple(self._route(message) for message in messages)

    def _route(self, message: bytes) -> Route:
        if message not in self._routes:
            self._routes[message] = decode.route(message)
        return self._routes[message]

    def routes_to(self, table: int, destination: str) -> tuple[Route, ...]:
        """See `Namespace.routes_to`."""
        family = AF_INET6 if ":" in destination else AF_INET
        if family not in self._fibs:
            dump = self._table("routes6" if family == AF_INET6 else "routes4")
            self._fibs[family] = Fib(dump.messages())
        return longest_first(self._route(m) for m in self._fibs[family].covering(table, destination))

    def rules(self) -> tuple[Rule, ...]:
        """See `Namespace.rules`."""
        return self._all_rules

    @cached_property
    def _all_rules(self) -> tuple[Rule, ...]:
        messages = self._table("rules").messages()
        ours = (m for m in messages if requests.family_of(m) in (AF_INET, AF_INET6))
        return tuple(sorted(_decode(decode.rule, ours), key=lambda rule: rule.priority))

    def nexthop(self, nh_id: int) -> NexthopObject | None:
        """See `Namespace.nexthop`."""
        messages = self._table("nexthops").holding(requests.u32(requests.NHA_ID, nh_id))
        return next((nh for nh in _decode(decode.nexthop, messages) if nh.id == nh_id), None)

    def nexthops(self) -> tuple[NexthopObject, ...]:
        """All nexthop objects of the namespace."""
        return _decode(decode.nexthop, self._table("nexthops").messages())

    def neighbour(self, ifindex: int, dst: str) -> Neighbour | None:
        """See `Namespace.neighbour`."""
        wanted, packed = _forms(dst)
        messages = self._table("neighbours").holding(packed)
        ours = (m for m in messages if requests.ifindex_of(m) == ifindex)
        return next((n for n in _decode(decode.neighbour, ours) if n.dst == wanted and not n.proxy), None)

    def neighbours(self) -> tuple[Neighbour, ...]:
        """See `Namespace.neighbours`. Proxy entries are a dump of their own (NTF_PROXY in the request)."""
        return self._all_neighbours

    @cached_property
    def _all_neighbours(self) -> tuple[Neighbour, ...]:
        messages = [*self._table("neighbours").messages(), *self._table("proxies").messages()]
        ours = (m for m in messages if requests.family_of(m) in (AF_INET, AF_INET6))
        return _decode(decode.neighbour, ours)

    def fdb(self, ifindex: int, lladdr: str) -> tuple[FdbEntry, ...]:
        """See `Namespace.fdb`."""
        messages = self._table("fdb").holding(bytes.fromhex(lladdr.replace(":", "")))
        entries = _decode(decode.fdb_entry, messages)
        return tuple(e for e in entries if e.lladdr == lladdr and ifindex in (e.ifindex, e.master))

    def fdb_entries(self) -> tuple[FdbEntry, ...]:
        """See `Namespace.fdb_entries`."""
        return self._all_fdb

    @cached_property
    def _all_fdb(self) -> tuple[FdbEntry, ...]:
        return _decode(decode.fdb_entry, self._table("fdb").messages())

    def vlans(self, ifindex: int | None = None) -> tuple[BridgeVlan, ...]:
        """See `Namespace.vlans`; without `ifindex`, those of all devices."""
        messages = self._table("vlans").messages()
        return tuple(
            vlan
            for message in messages
            if ifindex is None or requests.ifindex_of(message) == ifindex
            for vlan in decode_links.vlans(message)
        )

    def rulesets(self) -> tuple[Ruleset, ...]:
        """See `Namespace.rulesets`."""
        return self._all_rulesets

    @cached_property
    def _all_rulesets(self) -> tuple[Ruleset, ...]:
        return self._noted("the rulesets", read_rulesets)

    def firewall(self) -> tuple[FirewallText, ...]:
        """See `Namespace.firewall`. A partial table holds the chains that have been asked for, too."""
        return self._firewall.texts()

    def firewall_chain(self, table: FirewallText, chain: str) -> str | None:
        """See `Namespace.firewall_chain`."""
        return self._firewall.chain(table, chain)

    def firewall_set(self, table: FirewallText, name: str, key: tuple[str, ...] | None) -> str | None:
        """See `Namespace.firewall_set`."""
        return self._firewall.set(table, name, key)

    def ipsets(self) -> tuple[SetText, ...]:
        """See `Namespace.ipsets`."""
        return self._all_ipsets

    @cached_property
    def _all_ipsets(self) -> tuple[SetText, ...]:
        return self._noted("the ipsets", read_ipsets)

    def _noted(
        self, what: str, reader: Callable[[Access, NamespaceId], tuple[tuple[T, ...], tuple[Missing, ...]]]
    ) -> tuple[T, ...]:
        """Return what a reader finds; what it could not see is noted with the host."""
        try:
            found, missing = reader(self._access(), self._id)
        except OSError as error:
            self._host.note_failure(f"{what} of {self._id.label}", error)
            return ()
        for entry in missing:
            self._host.note(entry)
        return found

    def sockets(self) -> tuple[Socket, ...] | None:
        """See `Namespace.sockets`."""
        return self._all_sockets

    @cached_property
    def _all_sockets(self) -> tuple[Socket, ...] | None:
        try:
            return read_sockets(self._access())
        except OSError as error:
            self._host.note_failure(f"the sockets of {self._id.label}", error)
            return None

    def holder(self, item: Socket) -> Process | None:
        """See `Namespace.holder`."""
        return self._holders.of(item)

    @cached_property
    def _holders(self) -> Holders:
        return Holders(self._host.processes(self._id.inode), self._host.strangers)

    def reader(self, ifindex: int) -> Process | None:
        """See `Namespace.reader`."""
        return self._behind.reader(ifindex)

    def wireguard(self, ifindex: int) -> WireGuard | None:
        """See `Namespace.wireguard`."""
        return self._behind.wireguard(ifindex)

    @cached_property
    def _behind(self) -> Behind:
        return Behind(self, self._host, self._access, self._holders)

    def connections(self, proto: int, src: str, dst: str) -> tuple[Entry, ...]:
        """See `Namespace.connections`."""
        return self._noted("tracked connections", lambda access, _: (read_connections(access, proto, src, dst), ()))

    def sysctl(self, name: str) -> str | None:
        """See `Namespace.sysctl`."""
        return self._read_sysctls((name,))[name]

    def _read_sysctls(self, wanted: tuple[str, ...]) -> dict[str, str | None]:
        """Return at least the values of `wanted`, entering the namespace once for those not known yet."""
        unknown = [name for name in wanted if name not in self.sysctls_read]
        if unknown:
            try:
                self.sysctls_read.update(self._access().run(lambda: sysctls.read(unknown)))
            except OSError as error:
                self._host.note_failure(f"the sysctls of {self._id.label}", error)
                self.sysctls_read.update(dict.fromkeys(unknown))
        return self.sysctls_read

    def peer_namespace(self, nsid: int) -> int | None:
        """See `Namespace.peer_namespace`. An id below 0 stands for none (NETNSA_NSID_NOT_ASSIGNED)."""
        return self._host.resolve(self._id, nsid) if 0 <= nsid < 0x80000000 else None

    def _nsids(self) -> dict[int, int]:
        said = {link.link_netnsid for link in self.links() if link.link_netnsid is not None}
        resolved = {nsid: self.peer_namespace(nsid) for nsid in sorted(said)}
        return {nsid: inode for nsid, inode in resolved.items() if inode is not None}

    def facts(self) -> NamespaceFacts:
        """See `Namespace.facts`."""
        links = self.links()
        values = self._read_sysctls(tuple(sysctls.names(link.name for link in links)))
        return NamespaceFacts(
            id=self._id,
            links=links,
            addresses=self.addresses(),
            routes=self.routes(),
            rules=self.rules(),
            nexthops=self.nexthops(),
            neighbours=self.neighbours(),
            fdb=self.fdb_entries(),
            vlans=self.vlans(),
            rulesets=self.rulesets(),
            firewall=self._noted("the firewall rules", read_whole_firewall),
            ipsets=self.ipsets(),
            sockets=self._holders.told(self.sockets()),
            connections=self._noted("tracked connections", read_all_connections),
            readers=self._behind.readers(),
            wireguards=self._behind.wireguards(),
            sysctls={name: value for name, value in values.items() if value is not None},
            nsids=self._nsids(),
        )


@lru_cache(maxsize=256)
def _forms(address: str) -> tuple[str, bytes]:
    """The canonical text of an address and its bytes; every namespace is asked about the same few."""
    return canonical(address), ip_address(address).packed


def _decode(decoder: Callable[[bytes], T], messages: Iterable[bytes]) -> tuple[T, ...]:
    return tuple(decoder(message) for message in messages)
