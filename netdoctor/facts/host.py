"""A namespace and a host: what the twin and the checks ask for, and the snapshot that answers without root.

Every source of facts (live host, snapshot file, another source with fixes laid over it) is a `Host` made of
`Namespace`s. A namespace loads each kind of fact on first use; the narrow questions (`owners`, `routes_to`)
exist so that a live
source can answer them without decoding what the packet never meets.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import Protocol

from netdoctor.facts.connections import Entry
from netdoctor.facts.containers import Container, label_of, made_up
from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.facts.links import Link, Record
from netdoctor.facts.processes import Process, Reader
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
from netdoctor.facts.wireguard import WireGuard

#: The kinds of fact of a namespace, in the order a snapshot lists them. Sysctls are asked for by name.
KINDS = (
    "links",
    "addresses",
    "routes",
    "rules",
    "nexthops",
    "neighbours",
    "fdb",
    "vlans",
    "rulesets",
    "firewall",
    "ipsets",
    "sockets",
    "connections",
    "readers",
    "wireguards",
)


class Missing(Record, frozen=True):
    """Something that could not be seen: what, why, and how to get it."""

    what: str
    why: str
    how_to_get_it: str


class NamespaceId(Record, frozen=True):
    """How a namespace is known: inode (its identity), the names of its files, processes and containers living in it.

    `paths` are files that open it (/run/netns/NAME, a bind mount, /proc/PID/ns/net); `names` are named namespaces.
    Of several containers the one that the namespace was made for comes first. `purpose` says what a namespace without
    processes is for, where a runtime tells.
    """

    inode: int
    names: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    processes: tuple[Process, ...] = ()
    is_host: bool = False
    containers: tuple[Container, ...] = ()
    purpose: str | None = None

    @property
    def label(self) -> str:
        """The name a person would use: one given by a person, `host`, a pod or container in it, else what is known."""
        given = next((name for name in self.names if not made_up(name)), None)
        if given is not None:
            return given
        if self.is_host:
            return "host"
        if contained := label_of(self.containers):
            return contained
        if self.purpose is not None:
            return self.purpose
        if self.names:
            return self.names[0]
        if self.processes:
            first = self.processes[0]
            return f"pid {first.pid} ({first.name})"
        if self.paths:
            return self.paths[0]
        return f"netns {self.inode}"


class NamespaceFacts(Record, frozen=True):
    """Everything recorded of one namespace: the unit of the snapshot format.

    `nsids` maps a link-netnsid of this namespace to the inode it stands for; `sysctls` maps names
    below /proc/sys/net, slash-separated (`ipv4/conf/eth0.100/rp_filter`), to their text. `sockets` and `connections`
    (of IPv4) are None where they were not recorded.
    """

    id: NamespaceId
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    rules: tuple[Rule, ...] = ()
    nexthops: tuple[NexthopObject, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    fdb: tuple[FdbEntry, ...] = ()
    vlans: tuple[BridgeVlan, ...] = ()
    rulesets: tuple[Ruleset, ...] = ()
    firewall: tuple[FirewallText, ...] = ()
    ipsets: tuple[SetText, ...] = ()
    sockets: tuple[Socket, ...] | None = None
    connections: tuple[Entry, ...] | None = None
    readers: tuple[Reader, ...] = ()
    wireguards: tuple[WireGuard, ...] = ()
    sysctls: dict[str, str] = {}
    nsids: dict[int, int] = {}


class Namespace(Protocol):
    """The facts of one network namespace, each kind loaded on first use."""

    @property
    def id(self) -> NamespaceId:
        """How this namespace is known."""

    def links(self) -> tuple[Link, ...]:
        """All devices, in ifindex order of the kernel's dump."""

    def link(self, index: int) -> Link | None:
        """The device with that ifindex, or None."""

    def link_named(self, name: str) -> Link | None:
        """The device of that name, or None."""

    def ports(self, master: int) -> tuple[Link, ...]:
        """The devices enslaved to `master`."""

    def links_of_kind(self, kind: str) -> tuple[Link, ...]:
        """The devices of that kind; asked of every namespace, so a live source must answer it cheaply."""

    def addresses(self, ifindex: int | None = None) -> tuple[Address, ...]:
        """All addresses, or those of one interface, in the kernel's order (it decides source address selection)."""

    def owners(self, address: str) -> tuple[Address, ...]:
        """The interface addresses equal to `address`."""

    def indifferent(self, ifindex: int, address: str) -> bool:
        """Certain, at little cost, that an ARP request for `address` that comes in by `ifindex` ends here unheard.

        So it is at a plain pair's end that is up, in a namespace that neither owns the address nor forwards from there.
        """

    def routes(self) -> tuple[Route, ...]:
        """All FIB entries of all tables and families, in the kernel's order."""

    def routes_to(self, table: int, destination: str) -> tuple[Route, ...]:
        """The entries of `table` whose prefix covers `destination`, longest prefix first, then in the FIB's order."""

    def rules(self) -> tuple[Rule, ...]:
        """The policy rules of both families in priority order."""

    def nexthop(self, nh_id: int) -> NexthopObject | None:
        """The nexthop object with that id, or None."""

    def neighbour(self, ifindex: int, dst: str) -> Neighbour | None:
        """The (non-proxy) neighbour entry for `dst` on that interface, or None."""

    def neighbours(self) -> tuple[Neighbour, ...]:
        """All neighbour entries, proxy entries included."""

    def fdb(self, ifindex: int, lladdr: str) -> tuple[FdbEntry, ...]:
        """FDB entries for `lladdr`: of a bridge (its ports and itself) or of the device `ifindex` itself."""

    def fdb_entries(self) -> tuple[FdbEntry, ...]:
        """All FDB entries of the namespace."""

    def vlans(self, ifindex: int) -> tuple[BridgeVlan, ...]:
        """VLAN membership of a bridge port or bridge."""

    def rulesets(self) -> tuple[Ruleset, ...]:
        """What is loaded here and may stop a packet, besides the tables of rules, which `firewall` has."""

    def firewall(self) -> tuple[FirewallText, ...]:
        """The tables of rules loaded here, of all backends and families; empty tables may be left out."""

    def firewall_chain(self, table: FirewallText, chain: str) -> str | None:
        """The lines of one chain of a table whose text is partial, or None where they cannot be read.

        Where other tools have written in the chain, nft's JSON of the whole table stands behind them. A chain of a
        native table is in nft's JSON, alone or in that of the whole table.
        """

    def firewall_set(self, table: FirewallText, name: str, key: tuple[str, ...] | None) -> str | None:
        """A set or map of a native table whose text is partial, in nft's JSON, or None where it cannot be read.

        With a `key` (written as in a `SetFacts`), of its elements only the one that this key finds may be there.
        """

    def ipsets(self) -> tuple[SetText, ...]:
        """The ipsets of this namespace."""

    def sysctl(self, name: str) -> str | None:
        """The text of a sysctl in this namespace, or None if it is absent or unreadable.

        `name` is the path below /proc/sys/net, slash-separated, because an interface's name may hold dots:
        `ipv4/ip_forward`, `ipv4/conf/eth0.100/rp_filter`, `bridge/bridge-nf-call-iptables`.
        """

    def peer_namespace(self, nsid: int) -> int | None:
        """The inode that a link-netnsid of this namespace stands for, or None where no known namespace has it."""

    def sockets(self) -> tuple[Socket, ...] | None:
        """The TCP sockets that listen and the UDP sockets that are bound; None where they cannot be seen."""

    def holder(self, item: Socket) -> Process | None:
        """A process that has this socket open, or None where none is seen."""

    def reader(self, ifindex: int) -> Process | None:
        """The process behind a TUN or TAP device, or None where none is seen."""

    def wireguard(self, ifindex: int) -> WireGuard | None:
        """The keys and peers of a WireGuard device, or None where they cannot be seen."""

    def connections(self, proto: int, src: str, dst: str) -> tuple[Entry, ...]:
        """The tracked connections that packets of `proto` from `src` to `dst` belong to, in either direction."""

    def facts(self) -> NamespaceFacts:
        """Everything, as one record."""


class Host(Protocol):
    """One machine: its namespaces, and what could not be seen of it."""

    @property
    def name(self) -> str:
        """The machine's host name."""

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What could not be seen so far."""

    def namespaces(self) -> tuple[NamespaceId, ...]:
        """All namespaces found."""

    @property
    def unplaced(self) -> tuple[Container, ...]:
        """The containers that are in none of the namespaces: stopped, or running where it cannot be seen."""

    def namespace(self, inode: int) -> Namespace | None:
        """The facts of one namespace, or None if it is not known (any more)."""


def canonical(address: str) -> str:
    """Return `address` in its canonical text form. Raises ValueError for what is no address."""
    return str(ip_address(address))


def prefix_bits(address: str, prefixlen: int) -> int:
    """Return the first `prefixlen` bits of `address` as a number, so that two prefixes can be compared."""
    ip = ip_address(address)
    return int(ip) >> (ip.max_prefixlen - prefixlen)


def covers(network: str, prefixlen: int, address: str) -> bool:
    """Tell whether `address` lies in `network`/`prefixlen`; never across families."""
    if (":" in network) != (":" in address):
        return False
    return prefix_bits(network, prefixlen) == prefix_bits(address, prefixlen)


def longest_first(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Order routes as fib_table_lookup() meets them: longest prefix, then TOS, then metric, then the dump's order."""
    return tuple(sorted(routes, key=lambda r: (-r.prefixlen, -r.tos, r.priority)))
