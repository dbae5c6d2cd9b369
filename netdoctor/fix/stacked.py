"""Changes of VLAN devices, ipvlans and bonds."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import IFF_LOWER_UP, IFF_UP, Bond, BondSlave, Ipvlan, Vlan
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import name_of
from netdoctor.fix.layer3 import address_words, route_words

#: The EtherType of a tag in ip-link(8)'s words.
PROTOCOLS = {0x8100: "802.1Q", 0x88A8: "802.1ad"}
RTPROT_KERNEL = 2


class RetagVlan(Change, frozen=True):
    """Make a VLAN device again with another VLAN id or protocol, for the kernel changes neither on a standing one.

    `lladdr` is given where it is not the parent's. Its master, its addresses and the routes through it are set again.
    """

    ifindex: int
    parent: str
    vlan: Vlan
    lladdr: str | None = None

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.edit_link(self.ifindex, vlan=self.vlan)
        draft.neighbours = tuple(n for n in draft.neighbours if n.ifindex != self.ifindex)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        name, link = name_of(ns, self.ifindex), ns.link(self.ifindex)
        own = ["address", self.lladdr] if self.lladdr else []
        flags = [] if self.vlan.reorder_hdr else ["reorder_hdr", "off"]
        kind = ["type", "vlan", "protocol", PROTOCOLS[self.vlan.protocol], "id", str(self.vlan.vid), *flags]
        mtu = ["mtu", str(link.mtu)] if link is not None else []
        lines = [
            command.ip(ns.id, "link", "del", "dev", name),
            command.ip(ns.id, "link", "add", "link", self.parent, "name", name, *own, *mtu, *kind),
        ]
        if link is not None and link.master:
            lines.append(command.ip(ns.id, "link", "set", "dev", name, "master", name_of(ns, link.master)))
        held = [ifa for ifa in ns.addresses(self.ifindex) if ifa.family == 2]
        lines += [command.ip(ns.id, "addr", "add", *address_words(ifa), "dev", name) for ifa in held]
        if link is None or link.up:
            lines.append(command.ip(ns.id, "link", "set", "dev", name, "up"))
        lost = [r for r in ns.routes() if r.family == 2 and r.protocol != RTPROT_KERNEL and r.nh_id is None]
        mine = [r for r in lost if any(hop.oif == self.ifindex for hop in r.nexthops)]
        return lines + [command.ip(ns.id, "route", "add", *route_words(ns, route)) for route in mine]


class DeleteLink(Change, frozen=True):
    """Delete a device that others do without; its addresses and routes go with it."""

    ifindex: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.links = tuple(link for link in draft.links if link.index != self.ifindex)
        draft.addresses = tuple(ifa for ifa in draft.addresses if ifa.ifindex != self.ifindex)
        draft.routes = tuple(r for r in draft.routes if all(hop.oif != self.ifindex for hop in r.nexthops))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return [command.ip(ns.id, "link", "del", "dev", name_of(ns, self.ifindex))]


class SetIpvlan(Change, frozen=True):
    """Set mode and flag of an ipvlan: all slaves of its parent have them in common."""

    ifindex: int
    ipvlan: Ipvlan

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.edit_link(self.ifindex, ipvlan=self.ipvlan)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = ("type", "ipvlan", "mode", self.ipvlan.mode, self.ipvlan.flag)
        return [command.ip(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), *words)]


class SetActiveSlave(Change, frozen=True):
    """Make a slave the active one of its bond."""

    ifindex: int
    slave: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            if link.index == self.ifindex:
                draft.edit_link(link.index, bond=replace(link.bond or Bond(), active=self.slave))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = ("type", "bond", "active_slave", name_of(ns, self.slave))
        return [command.ip(ns.id, "link", "set", "dev", name_of(ns, self.ifindex), *words)]


class Enslave(Change, frozen=True):
    """Make a device a slave of a bond: it must be down for that, and the bond sets it up (bond_enslave())."""

    ifindex: int
    bond: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`. The first slave gives the bond its lladdr, the others get the bond's."""
        master = next((link for link in draft.links if link.index == self.bond), None)
        first = all(link.master != self.bond for link in draft.links)
        for link in draft.links if master is not None else ():
            if link.index == self.ifindex and first:
                draft.edit_link(self.bond, address=link.address, flags=master.flags | IFF_LOWER_UP if master else 0)
            if link.index == self.ifindex:
                fields = {"master": self.bond, "slave_kind": "bond", "slave": BondSlave()}
                if master is not None and not first:
                    fields["address"] = master.address
                draft.edit_link(link.index, flags=link.flags | IFF_UP | IFF_LOWER_UP, **fields)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        name = name_of(ns, self.ifindex)
        return [
            command.ip(ns.id, "link", "set", "dev", name, "down"),
            command.ip(ns.id, "link", "set", "dev", name, "master", name_of(ns, self.bond)),
        ]


class MonitorBond(Change, frozen=True):
    """Have a bond look at the carrier of its slaves every `miimon` milliseconds."""

    ifindex: int
    miimon: int = 100

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            if link.index == self.ifindex:
                draft.edit_link(link.index, bond=replace(link.bond or Bond(), miimon=self.miimon))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        name = name_of(ns, self.ifindex)
        return [command.ip(ns.id, "link", "set", "dev", name, "type", "bond", "miimon", str(self.miimon))]
