"""Which NICs of several hosts are on one wire: inferred, for no snapshot shows what lies between hosts.

A wire is a segment of layer 2 with any number of NICs on it, as a switch makes one. What speaks for it, strongest
first: a neighbour or forwarding entry that names the other's lladdr; addresses in one subnet; an address in the other's
subnet; that two hosts have one NIC each and nothing says where one of them belongs. Two NICs with the same address are
on different wires: each host has its own 172.17.0.1, and each virtual machine of VirtualBox its own 10.0.2.15.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from ipaddress import ip_address

from netdoctor.facts.host import Host, Namespace, prefix_bits
from netdoctor.facts.links import Link

#: A device: the key of its namespace and its ifindex there.
Port = tuple[int, int]
#: A subnet: its address family's length in bits, the length of its prefix, and that prefix as a number.
Subnet = tuple[int, int, int]

#: Devices that stand on another and speak through it.
OVER = ("macvlan", "macvtap", "ipvlan", "vlan")
#: ARPHRD_ETHER (include/uapi/linux/if_arp.h).
ETHER = 1


class Wires:
    """The wires found, each a set of ports, and why each port is on it."""

    def __init__(self) -> None:
        self._wire: dict[Port, _Wire] = {}
        self._why: dict[Port, str] = {}

    def others(self, port: Port) -> tuple[Port, ...]:
        """The other ports of the wire that `port` is on."""
        wire = self._wire.get(port)
        return tuple(other for other in wire.ports if other != port) if wire is not None else ()

    def why(self, one: Port, other: Port) -> str:
        """What speaks for the two being on one wire."""
        return self._why.get(other) or self._why.get(one, "")

    def leads_to(self, nic: Nic, host: str) -> bool:
        """Whether a wire is known that joins the NIC with that host."""
        wire = self._wire.get(nic.port)
        return wire is not None and host in wire.hosts

    def join(self, one: Nic, other: Nic, why: str) -> None:
        """Put two NICs, with all that are on their wires, on one wire."""
        for nic in (one, other):
            self._why.setdefault(nic.port, why)
            self._wire.setdefault(nic.port, _Wire(nic))
        mine, theirs = self._wire[one.port], self._wire[other.port]
        if mine is theirs:
            return
        small, large = sorted((mine, theirs), key=lambda wire: len(wire.ports))
        large.ports += small.ports
        large.hosts |= small.hosts
        for port in small.ports:
            self._wire[port] = large


class _Wire:
    """One wire: its ports, and the hosts that they are of."""

    def __init__(self, nic: Nic) -> None:
        self.ports = [nic.port]
        self.hosts = {nic.host}


class Nic:
    """A port that can be the end of a wire, with the devices that speak through it."""

    def __init__(self, port: Port, host: str, above: list[tuple[Namespace, Link]]) -> None:
        self.port = port
        self.host = host
        self.above = above
        self.lladdrs = {link.address for _, link in above if link.address}
        self.addresses = {
            ifa.local: ifa.prefixlen
            for ns, link in above
            for ifa in ns.addresses(link.index)
            if not _kept_inside(ifa.local)
        }
        # What a tunnel sends from is, or was to be, an address of the device under it.
        self.meant = {
            tunnel.vxlan.local
            for ns, link in above
            for tunnel in ns.links_of_kind("vxlan")
            if tunnel.vxlan is not None and tunnel.vxlan.link == link.index and tunnel.vxlan.local
        }

    def contradicts(self, other: Nic, address: str) -> bool:
        """A neighbour lately confirmed here has `address` of the other, and is another machine."""
        found = (ns.neighbour(link.index, address) for ns, link in self.above)
        return any(
            entry is not None and entry.state == "REACHABLE" and entry.lladdr not in other.lladdrs
            for entry in found
        )


def infer(host: Host, of: Mapping[int, str]) -> Wires:
    """Find the wires between the hosts of the namespaces in `of` (key → host name). Linear in what is recorded."""
    found = Wires()
    nics = list(_nics(host, of))
    _by_lladdr(nics, found)
    speaking = _speaking(nics, found)
    _by_subnet(speaking, found)
    _by_default(speaking, found)
    return found


def can_be_wired(host: Host, ns: Namespace, link: Link) -> bool:
    """A device whose other end is not visible: a NIC, or a pair's end whose peer no known namespace holds."""
    if link.loopback or link.arp_type != ETHER:
        return False
    if link.kind != "veth":
        return link.kind in (None, "")
    far = ns.id.inode if link.link_netnsid is None else ns.peer_namespace(link.link_netnsid)
    there = host.namespace(far) if far is not None and link.iflink else None
    return there is None or there.link(link.iflink or 0) is None


def _nics(host: Host, of: Mapping[int, str]) -> Iterator[Nic]:
    over: dict[Port, list[tuple[Namespace, Link]]] = defaultdict(list)
    namespaces = [ns for key in of if (ns := host.namespace(key)) is not None]
    for ns in namespaces:
        for kind in OVER:
            for link in ns.links_of_kind(kind):
                far = ns.id.inode if link.link_netnsid is None else ns.peer_namespace(link.link_netnsid)
                if far is not None and link.iflink:
                    over[far, link.iflink].append((ns, link))
    for ns in namespaces:
        for link in ns.links():
            if can_be_wired(host, ns, link):
                yield Nic((ns.id.inode, link.index), of[ns.id.inode], _above(ns, link, over))


def _above(
    ns: Namespace, link: Link, over: Mapping[Port, list[tuple[Namespace, Link]]]
) -> list[tuple[Namespace, Link]]:
    """The device itself, what it is enslaved to, and all that stands on those."""
    found = {(ns.id.inode, link.index): (ns, link)}
    queue = [(ns, link)]
    while queue:
        where, device = queue.pop()
        master = _joined_to(where, device)
        more = [(where, master)] if master is not None else []
        for item in (*more, *over.get((where.id.inode, device.index), ())):
            key = item[0].id.inode, item[1].index
            if key not in found:
                found[key] = item
                queue.append(item)
    return list(found.values())


def _joined_to(ns: Namespace, link: Link) -> Link | None:
    """The device that makes one segment of `link` and its other slaves. A VRF does not: it is a routing table."""
    master = ns.link(link.master) if link.master else None
    return None if master is None or master.kind == "vrf" else master


def _by_lladdr(nics: list[Nic], found: Wires) -> None:
    """Who has the other's lladdr in a neighbour or forwarding entry has heard of it over a wire.

    An lladdr that several have proves nothing.
    """
    holders: dict[str, list[Nic]] = defaultdict(list)
    for nic in nics:
        for lladdr in nic.lladdrs:
            holders[lladdr].append(nic)
    for nic in nics:
        for lladdr in _heard_of(nic):
            known = holders.get(lladdr, ())
            if len(known) == 1 and known[0].host != nic.host:
                found.join(nic, known[0], f"{nic.host} knows {lladdr} of {known[0].host}")


def _heard_of(nic: Nic) -> Iterator[str]:
    for ns, link in nic.above:
        yield from (n.lladdr for n in ns.neighbours() if n.ifindex == link.index and n.lladdr)
        yield from (
            e.lladdr for e in ns.fdb_entries() if e.ifindex == nic.port[1] == link.index and e.dst is None
        )


def _speaking(nics: list[Nic], found: Wires) -> list[Nic]:
    """Of several NICs under one master, one: an address there does not say which of them leads to its subnet.

    It is one that a neighbour was heard of by, else one that is up; if all led there, the bridge would be a loop.
    """
    chosen: dict[Port, Nic] = {}
    for nic in nics:
        ns, link = nic.above[0]
        master = _joined_to(ns, link)
        key = (ns.id.inode, master.index) if master is not None else nic.port
        best = chosen.setdefault(key, nic)
        if _weight(nic, found) > _weight(best, found):
            chosen[key] = nic
    return list(chosen.values())


def _weight(nic: Nic, found: Wires) -> tuple[bool, bool]:
    return bool(found.others(nic.port)), nic.above[0][1].carrier


def _by_subnet(nics: list[Nic], found: Wires) -> None:
    """Addresses in one subnet; then, for hosts not joined so, an address in a subnet of the other's."""
    holders: dict[Subnet, list[tuple[Nic, str]]] = defaultdict(list)
    for nic in nics:
        for address, length in nic.addresses.items():
            holders[_subnet(address, length)].append((nic, address))
    for subnet, held in holders.items():
        if subnet[1] < subnet[0] - 1:
            _join_all(held, f"both have an address in {_text(subnet, held[0][1])}", found)
    lengths = sorted({(subnet[0], subnet[1]) for subnet in holders if 0 < subnet[1] < subnet[0]})
    for nic in nics:
        for address in (*nic.addresses, *nic.meant):
            bits = ip_address(address).max_prefixlen
            for length in (length for family, length in lengths if family == bits):
                subnet = _subnet(address, length)
                for other, theirs in holders.get(subnet, ())[:_MANY]:
                    if theirs != address and nic.host != other.host and not found.leads_to(nic, other.host):
                        _join_all(
                            [(other, theirs), (nic, address)],
                            f"{address} is in {_text(subnet, theirs)}",
                            found,
                        )


#: How many are looked at where each might be held against each.
_MANY = 8


def _join_all(held: list[tuple[Nic, str]], why: str, found: Wires) -> None:
    pivots: list[tuple[Nic, str]] = []
    for nic, address in held:
        joined = False
        for other, theirs in pivots:
            apart = nic.host == other.host or address == theirs
            if not apart and not nic.contradicts(other, theirs) and not other.contradicts(nic, address):
                found.join(nic, other, why)
                joined = True
        if not joined and len(pivots) < _MANY:
            pivots.append((nic, address))


def _by_default(nics: list[Nic], found: Wires) -> None:
    """Hosts with one NIC each, one of which has no address that would say where it belongs."""
    by_host: dict[str, list[Nic]] = defaultdict(list)
    for nic in nics:
        by_host[nic.host].append(nic)
    single = [of[0] for of in by_host.values() if len(of) == 1]
    for nic in single:
        if not nic.addresses and not found.others(nic.port):
            other = next((one for one in single if one is not nic), None)
            if other is not None:
                found.join(nic, other, f"each has one NIC, and that of {nic.host} has no address")


def _subnet(address: str, length: int) -> Subnet:
    return ip_address(address).max_prefixlen, length, prefix_bits(address, length)


def _text(subnet: Subnet, address: str) -> str:
    bits, length, number = subnet
    return f"{type(ip_address(address))(number << (bits - length))}/{length}"


def _kept_inside(address: str) -> bool:
    """Loopback and link-local addresses: every host has them, on no common wire."""
    ip = ip_address(address)
    return ip.is_loopback or (ip.version == 6 and ip.is_link_local)
