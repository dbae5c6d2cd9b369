"""Changes of devices, bridge ports, forwarding databases and neighbours."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import IFF_LOWER_UP, IFF_NOARP, IFF_UP, Bridge, BridgePort, Link, Macvlan
from netdoctor.facts.overlay import Draft
from netdoctor.facts.records import BridgeVlan, FdbEntry, Neighbour
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.prefix import address_routes, domain_table

#: bridge(8)'s words for the flags of a port.
PORT_WORDS = {
    "hairpin": "hairpin",
    "learning": "learning",
    "unicast_flood": "flood",
    "mcast_flood": "mcast_flood",
    "bcast_flood": "bcast_flood",
    "isolated": "isolated",
    "locked": "locked",
    "neigh_suppress": "neigh_suppress",
}


def name_of(ns: Namespace, ifindex: int) -> str:
    """The device's name, for a command."""
    link = ns.link(ifindex)
    return link.name if link is not None else str(ifindex)


class SetUp(Change, frozen=True):
    """`ip link set up`: the kernel also brings back the routes of the device's addresses, and its bridge ports."""

    ifindex: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            # vlan_device_event(): a VLAN device that is not bound loosely comes up with the one that it stands on.
            if link.index == self.ifindex or self._carries(link):
                port = replace(link.port, state=3) if link.port is not None else None
                draft.edit_link(link.index, flags=link.flags | IFF_UP | IFF_LOWER_UP, port=port)
            elif link.master == self.ifindex and link.port is not None and link.port.state == 0 and link.up:
                draft.edit_link(link.index, port=replace(link.port, state=3))
        raised = {self.ifindex, *(link.index for link in draft.links if self._carries(link))}
        for ifa in draft.addresses:
            if ifa.ifindex in raised:
                table = domain_table(draft.links, ifa.ifindex)
                new = tuple(route for route in address_routes(ifa, table) if route not in draft.routes)
                draft.routes = (*draft.routes, *new)

    def _carries(self, link: Link) -> bool:
        here = link.iflink == self.ifindex and link.link_netnsid is None
        return here and link.vlan is not None and not link.vlan.loose_binding

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), "up")]


class SetMaster(Change, frozen=True):
    """Make the device a port of the bridge `master`."""

    ifindex: int
    master: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. The VLANs of a bridge that it leaves go; the new one's default PVID comes."""
        draft.edit_link(self.ifindex, master=self.master, port=BridgePort(), slave_kind="bridge")
        bridge = next((link for link in draft.links if link.index == self.master), None)
        if bridge is not None and bridge.up:
            draft.edit_link(self.master, flags=bridge.flags | IFF_LOWER_UP)
        pvid = ((bridge.bridge if bridge is not None else None) or Bridge()).vlan_default_pvid
        others = tuple(vlan for vlan in draft.vlans if vlan.ifindex != self.ifindex)
        draft.vlans = (*others, BridgeVlan(self.ifindex, pvid, True, True)) if pvid else others

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [
            command.ip(
                ns.id, "link", "set", "dev", name_of(ns, self.ifindex), "master", name_of(ns, self.master)
            )
        ]


class SetPort(Change, frozen=True):
    """Set one flag of a bridge port (a field of BridgePort)."""

    ifindex: int
    flag: str
    on: bool

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            if link.index == self.ifindex:
                draft.edit_link(link.index, port=replace(link.port or BridgePort(), **{self.flag: self.on}))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        word = PORT_WORDS[self.flag]
        return [
            command.bridge(
                ns.id, "link", "set", "dev", name_of(ns, self.ifindex), word, "on" if self.on else "off"
            )
        ]


class SetPortState(Change, frozen=True):
    """Set a bridge port forwarding; with `stop_stp` the bridge's spanning tree is switched off first, all ports set.

    Switching it off leaves a port in the state that it had; while it is on, br_set_port_state() refuses with EBUSY.
    """

    ifindex: int
    bridge: int
    stop_stp: bool = False

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            if link.index == self.ifindex or (self.stop_stp and link.master == self.bridge):
                draft.edit_link(link.index, port=replace(link.port or BridgePort(), state=3))
            if link.index == self.bridge and link.bridge is not None and self.stop_stp:
                draft.edit_link(link.index, bridge=replace(link.bridge, stp_state=0))
            if link.index == self.bridge and link.up:
                draft.edit_link(link.index, flags=link.flags | IFF_LOWER_UP)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        if not self.stop_stp:
            return [command.bridge(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), "state", "3")]
        name = name_of(ns, self.bridge)
        waiting = [
            port
            for port in ns.ports(self.bridge)
            if port.up and port.port is not None and port.port.state != 3
        ]
        return [
            command.ip(ns.id, "link", "set", "dev", name, "type", "bridge", "stp_state", "0"),
            *(command.bridge(ns.id, "link", "set", "dev", port.name, "state", "3") for port in waiting),
        ]


class SetArp(Change, frozen=True):
    """Let a device resolve addresses again (clears IFF_NOARP)."""

    ifindex: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            if link.index == self.ifindex:
                draft.edit_link(link.index, flags=link.flags & ~IFF_NOARP)
        draft.neighbours = tuple(
            n for n in draft.neighbours if n.ifindex != self.ifindex or n.state != "NOARP"
        )

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), "arp", "on")]


class SetMtu(Change, frozen=True):
    """Set a device's MTU, in bytes."""

    ifindex: int
    mtu: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.edit_link(self.ifindex, mtu=self.mtu)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), "mtu", str(self.mtu))]


class SetLladdr(Change, frozen=True):
    """Give a device another lladdr.

    The device's own neighbour entries are lost, permanent ones too (neigh_changeaddr()); what others hold of it stays.
    """

    ifindex: int
    lladdr: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        old = next((link.address for link in draft.links if link.index == self.ifindex), None)
        draft.edit_link(self.ifindex, address=self.lladdr)
        draft.neighbours = tuple(n for n in draft.neighbours if n.ifindex != self.ifindex or n.proxy)
        draft.fdb = tuple(
            e for e in draft.fdb if e.dst or not (e.lladdr == old and e.ifindex == self.ifindex and e.local)
        )

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), "address", self.lladdr)]


class SetMacvlanMode(Change, frozen=True):
    """Set the mode of a macvlan device."""

    ifindex: int
    mode: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            if link.index == self.ifindex:
                draft.edit_link(link.index, macvlan=replace(link.macvlan or Macvlan(), mode=self.mode))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        name = name_of(ns, self.ifindex)
        return [command.ip(ns.id, "link", "set", "dev", name, "type", "macvlan", "mode", self.mode)]


class SetNeighbour(Change, frozen=True):
    """Set a permanent neighbour entry."""

    ifindex: int
    dst: str
    lladdr: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        others = tuple(n for n in draft.neighbours if (n.ifindex, n.dst) != (self.ifindex, self.dst))
        draft.neighbours = (*others, Neighbour(self.ifindex, 2, self.dst, "PERMANENT", self.lladdr))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        name = name_of(ns, self.ifindex)
        words = ("neigh", "replace", self.dst, "lladdr", self.lladdr, "dev", name, "nud", "permanent")
        return [command.ip(ns.id, *words)]


class DeleteNeighbour(Change, frozen=True):
    """Delete a neighbour entry; the kernel asks again when it needs it."""

    ifindex: int
    dst: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.neighbours = tuple(
            n for n in draft.neighbours if (n.ifindex, n.dst) != (self.ifindex, self.dst)
        )

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "neigh", "del", self.dst, "dev", name_of(ns, self.ifindex))]


class AddFdb(Change, frozen=True):
    """Append a remote of a VXLAN device (`dst`), or put a static entry on a bridge port.

    Without a VLAN, the entry is made for every VLAN of the port as well (br_fdb_add()).
    """

    entry: FdbEntry

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        entry, vids = self.entry, [0]
        if entry.dst is None and not entry.vlan:
            vids += [vlan.vid for vlan in draft.vlans if vlan.ifindex == entry.ifindex]
        draft.fdb = (*draft.fdb, *(replace(entry, vlan=vid or entry.vlan) for vid in vids))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        name = name_of(ns, self.entry.ifindex)
        where = ["dst", self.entry.dst] if self.entry.dst else ["master", "static"]
        where += ["vlan", str(self.entry.vlan)] if self.entry.vlan else []
        return [
            command.bridge(
                ns.id, "fdb", "append" if self.entry.dst else "add", self.entry.lladdr, "dev", name, *where
            )
        ]


class DeleteFdb(Change, frozen=True):
    """Delete an FDB entry; that of a bridge port without a VLAN goes with those of all its VLANs (br_fdb_delete())."""

    entry: FdbEntry

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        mine, everywhere = self.entry, self.entry.dst is None and self.entry.master and not self.entry.vlan
        draft.fdb = tuple(
            entry
            for entry in draft.fdb
            if entry != mine
            and not (
                everywhere and (entry.lladdr, entry.ifindex, entry.dst) == (mine.lladdr, mine.ifindex, None)
            )
        )

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        entry = self.entry
        words = ["fdb", "del", entry.lladdr, "dev", name_of(ns, entry.ifindex)]
        own = entry.master in (None, entry.ifindex)
        words += ["dst", entry.dst] if entry.dst else ["self"] if own else ["master"]
        words += ["via", name_of(ns, entry.via)] if entry.via else []
        words += ["port", str(entry.port)] if entry.port else []
        words += ["vni", str(entry.vni)] if entry.vni else []
        words += ["vlan", str(entry.vlan)] if entry.vlan else []
        return [command.bridge(ns.id, *words)]


class AddVlan(Change, frozen=True):
    """Make a bridge port (or the bridge itself) a member of a VLAN."""

    vlan: BridgeVlan
    itself: bool = False

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        kept = []
        for vlan in draft.vlans:
            if vlan.ifindex == self.vlan.ifindex and vlan.vid == self.vlan.vid:
                continue
            same_port = vlan.ifindex == self.vlan.ifindex
            kept.append(replace(vlan, pvid=False) if same_port and self.vlan.pvid else vlan)
        draft.vlans = (*kept, self.vlan)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = ["vlan", "add", "dev", name_of(ns, self.vlan.ifindex), "vid", str(self.vlan.vid)]
        words += ["pvid"] if self.vlan.pvid else []
        words += ["untagged"] if self.vlan.untagged else []
        words += ["self"] if self.itself else []
        return [command.bridge(ns.id, *words)]
