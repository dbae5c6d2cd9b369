"""What a traversal needs from outside: the rules, the namespace's routing, and somebody who decides the undecided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link
from netdoctor.kernel import fib
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.netfilter.model import FirewallRule, Place, SetFacts
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.packet import is_multicast, is_zeronet

T = TypeVar("T")

#: More connections than a question makes in one namespace.
NEW_CONNECTIONS = 8


class Rules(Protocol):
    """Where rules and sets come from."""

    def rules(self, place: Place) -> Sequence[FirewallRule] | None:
        """The rules of that chain in order; None (or KeyError) if there is no such chain."""

    def relevant(self, place: Place, src: str, dst: str) -> Sequence[FirewallRule] | None:
        """As `rules`, but those may be left out that ask for another single address than the packet has."""
        return self.rules(place)

    def set(self, place: Place, name: str, key: tuple[str, ...] | None = None) -> SetFacts | None:
        """The set or map that a rule of that chain calls by that name; None if it is not known.

        With a `key`, elements may be left out that this key does not find.
        """


class Environment(Protocol):
    """What some matches ask the namespace."""

    def address_type(self, address: str, ifname: str | None) -> str:
        """Type of the address (UNICAST, LOCAL, BROADCAST, MULTICAST …), as seen from that device if named."""

    def reverse_path(self, seen: Seen, loose: bool, accept_local: bool, validmark: bool) -> bool:
        """Whether the packet passes the reverse path test of xt_rpfilter."""

    def device(self, ifname: str) -> Link | None:
        """The device of that name."""

    def queues(self) -> frozenset[int]:
        """The packet queues that programs listen at."""

    def connections(self) -> int | None:
        """The most connections there may be with those of this walk; None where it is not known."""


class Choose(Protocol):
    """Picks one of several options where the facts do not decide; the caller comes back for the others."""

    def __call__(self, what: str, options: Sequence[T], /) -> T:
        """Return one of `options`; `what` says what is undecided."""


class NamespaceEnvironment:
    """The environment that a namespace's routing tables make."""

    def __init__(self, ns: Namespace, rules: Rules) -> None:
        self.ns = ns
        self.rules = rules

    def address_type(self, address: str, ifname: str | None) -> str:
        """inet_dev_addr_type(): what the local table says, where it says it of that device."""
        if ":" in address:
            return self._address_type_v6(address, ifname)
        if is_zeronet(address) or address == "255.255.255.255":
            return "BROADCAST"
        if is_multicast(address):
            return "MULTICAST"
        found = fib.table_lookup(self.ns, 255, FibFlow(address))
        if found is None or isinstance(found, FibMiss):
            return "UNICAST"
        device = self.ns.link_named(ifname) if ifname is not None else None
        hops = found.nexthops
        if ifname is not None and (device is None or not hops or hops[0].oif != device.index):
            return "UNICAST"
        return found.route.type.upper()

    def _address_type_v6(self, address: str, ifname: str | None) -> str:
        if address.lower().startswith("ff"):
            return "MULTICAST"
        device = self.ns.link_named(ifname) if ifname is not None else None
        owners = self.ns.owners(address)
        own = any(ifname is None or (device and owner.ifindex == device.index) for owner in owners)
        return "LOCAL" if own else "UNICAST"

    def device(self, ifname: str) -> Link | None:
        """Return the device of that name."""
        return self.ns.link_named(ifname)

    def queues(self) -> frozenset[int]:
        """Return the queues that programs listen at."""
        listed = (each.family for each in self.ns.rulesets() if each.kind == "nfqueue")
        return frozenset(int(number) for number in listed if number.isdigit())

    def connections(self) -> int | None:
        """nf_conntrack_count, and what a walk may add to it."""
        text = (self.ns.sysctl("netfilter/nf_conntrack_count") or "").strip()
        return int(text) + NEW_CONNECTIONS if text.isdigit() else None

    def reverse_path(self, seen: Seen, loose: bool, accept_local: bool, validmark: bool) -> bool:
        """rpfilter_mt() and nft_fib4_eval(): the route back to the source leaves by the device it came in by."""
        link = self.ns.link_named(seen.iif or "")
        if link is None or link.loopback:
            return True
        everyone = seen.dst == "255.255.255.255" or seen.dst.startswith("224.0.0.")
        if is_zeronet(seen.src) and everyone:
            return True
        unset = is_multicast(seen.dst) or seen.dst == "255.255.255.255" or is_zeronet(seen.dst)
        back = FibFlow(
            seen.src,
            None if unset else seen.dst,
            mark=seen.mark if validmark else 0,
            proto=0,
            ignore_linkstate=True,
        )
        found = fib.lookup(self.ns, back)
        if isinstance(found, FibMiss):
            return False
        if found.route.type != "unicast" and (found.route.type != "local" or not accept_local):
            return False
        return loose or any(hop.oif == link.index for hop in fib.route_nexthops(self.ns, found.route)[0])
