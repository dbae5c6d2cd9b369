"""Changes of macvlan devices that are more than their mode."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import IFF_BROADCAST, IFF_LOWER_UP, IFF_UP, Link, Macvlan
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import name_of


class AddMacvlanSource(Change, frozen=True):
    """Put a sender on the list of a macvlan in mode source."""

    ifindex: int
    lladdr: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        for link in draft.links:
            if link.index == self.ifindex:
                data = link.macvlan or Macvlan()
                draft.edit_link(link.index, macvlan=replace(data, sources=(*data.sources, self.lladdr)))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        name = name_of(ns, self.ifindex)
        return [
            command.ip(ns.id, "link", "set", "dev", name, "type", "macvlan", "macaddr", "add", self.lladdr)
        ]


class AddMacvlan(Change, frozen=True):
    """Make a macvlan in mode bridge over `parent`, up. `ifindex` is its number in the facts; the kernel has its own."""

    ifindex: int
    parent: int
    name: str
    lladdr: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        lower = next((link for link in draft.links if link.index == self.parent), None)
        flags = IFF_UP | IFF_BROADCAST | IFF_LOWER_UP
        link = Link(
            self.ifindex,
            self.name,
            flags,
            lower.mtu if lower is not None else 1500,
            "macvlan",
            self.lladdr,
            iflink=self.parent,
            macvlan=Macvlan("bridge"),
        )
        draft.links = (*draft.links, link)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = ("link", "add", "link", name_of(ns, self.parent), "name", self.name, "address", self.lladdr)
        return [
            command.ip(ns.id, *words, "type", "macvlan", "mode", "bridge"),
            command.ip(ns.id, "link", "set", "dev", self.name, "up"),
        ]
