"""Moving a device from one namespace to another: one command, and a change of the facts of three namespaces.

net/core/dev.c dev_change_net_namespace(): the device is closed, loses its addresses, routes, neighbours and master, and
keeps its ifindex where that is free.
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Host, Namespace, NamespaceId
from netdoctor.facts.links import IFF_LOWER_UP, IFF_UP, Link
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv
from netdoctor.fix.layer2 import name_of
from netdoctor.fix.vxlan import CONF

#: Link-netnsids that no kernel hands out are free to stand for a namespace in the facts.
FIRST_NSID = 1 << 20


class Leave(Change, frozen=True):
    """Send a device of this namespace to the namespace `target`, as `name`."""

    ifindex: int
    target: NamespaceId
    name: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        draft.links = tuple(link for link in draft.links if link.index != self.ifindex)
        draft.addresses = tuple(ifa for ifa in draft.addresses if ifa.ifindex != self.ifindex)
        draft.neighbours = tuple(entry for entry in draft.neighbours if entry.ifindex != self.ifindex)
        draft.fdb = tuple(entry for entry in draft.fdb if entry.ifindex != self.ifindex)
        mine = {route for route in draft.routes if any(hop.oif == self.ifindex for hop in route.nexthops)}
        draft.routes = tuple(route for route in draft.routes if route not in mine)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        words = ("link", "set", "dev", name_of(ns, self.ifindex), "netns", command.target(self.target))
        return [command.ip(ns.id, *words, "name", self.name)]


class Arrive(Change, frozen=True):
    """The device as it is after the move; `peer` is the namespace of its pair's other end. No command."""

    link: Link
    peer: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        nsid = FIRST_NSID + self.link.index
        draft.nsids[nsid] = self.peer
        for key in CONF:
            # inetdev_init() copies the settings of `default`.
            value = draft.base.sysctl(f"ipv4/conf/default/{key}")
            if value is not None:
                draft.sysctls[f"ipv4/conf/{self.link.name}/{key}"] = value
        draft.links = (*draft.links, replace(self.link, link_netnsid=nsid))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return []


class Rewire(Change, frozen=True):
    """What the pair's other end sees of the move: another ifindex in another namespace.."""

    ifindex: int
    iflink: int
    peer: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        nsid = FIRST_NSID + self.ifindex
        draft.nsids[nsid] = self.peer
        draft.edit_link(self.ifindex, iflink=self.iflink, link_netnsid=nsid)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        return []


def move(
    host: Host, inode: int, ifindex: int, target: int, name: str, peer: tuple[int, int]
) -> tuple[int, tuple[Change, ...]]:
    """Return the ifindex that a pair's end has in the namespace `target`, and the changes that take it there.

    `peer` is the namespace and ifindex of the other end. Raises KeyError where a namespace or the device is gone.
    """
    here, there = host.namespace(inode), host.namespace(target)
    link = here.link(ifindex) if here is not None else None
    if there is None or link is None:
        raise KeyError(target)
    taken = {other.index for other in there.links()}
    index = ifindex if ifindex not in taken else max(taken) + 1
    flags = link.flags & ~(IFF_UP | IFF_LOWER_UP)
    moved = replace(link, index=index, name=name, flags=flags, master=None, port=None, slave_kind=None)
    rewired = Rewire(peer[0], peer[1], index, target)
    return index, (Leave(inode, ifindex, there.id, name), Arrive(target, moved, peer[0]), rewired)
