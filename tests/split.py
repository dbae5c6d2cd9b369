"""A recording of a lab, cut into what one snapshot of each of its machines would hold.

A machine is a role that stands for one (node, host, router …), with the containers and sandboxes that hang on it. What
lies between machines is in none of the snapshots: no switch, and of a pair between two machines each has one end.
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.lab.records import Network
from netdoctor.snapshot import Snapshot

MACHINES = ("node", "host", "router", "machine")


def machines(network: Network) -> list[str]:
    """The roles that are machines of their own."""
    return [name for name, role in network.roles.items() if role.kind in MACHINES]


def homes(network: Network, healthy: Snapshot) -> dict[str, str]:
    """Return which machine each role lives on, from the network as it is meant to be; a switch lives on none."""
    by_role = dict(zip(network.roles, healthy.namespaces, strict=True))
    home = {by_role[role].id.inode: role for role in machines(network)}
    cut = {by_role[name].id.inode for name, role in network.roles.items() if role.kind == "switch"}
    while found := _next(home, cut, healthy.namespaces):
        home.update(found)
    return {role: home[ns.id.inode] for role, ns in by_role.items() if ns.id.inode in home}


def split(network: Network, snapshot: Snapshot, home: dict[str, str]) -> dict[str, Snapshot]:
    """Return one snapshot for each machine, by role, with inodes that repeat from one to the next."""
    by_role = dict(zip(network.roles, snapshot.namespaces, strict=True))
    return {
        machine: replace(
            snapshot,
            host=machine,
            namespaces=tuple(_numbered([ns for role, ns in by_role.items() if home.get(role) == machine])),
        )
        for machine in machines(network)
    }


def _next(home: dict[int, str], cut: set[int], namespaces: tuple[NamespaceFacts, ...]) -> dict[int, str]:
    """The namespaces without a home yet that a link joins with one that has."""
    found = {}
    for ns in namespaces:
        for link in ns.links:
            other = ns.nsids.get(link.link_netnsid) if link.link_netnsid is not None else None
            for here, there in ((ns.id.inode, other), (other, ns.id.inode)):
                if here is None or there is None or here in cut or there in cut:
                    continue
                if here in home and there not in home:
                    found[there] = home[here]
    return found


def _numbered(kept: list[NamespaceFacts]) -> list[NamespaceFacts]:
    numbers = {ns.id.inode: number for number, ns in enumerate(kept, start=1)}
    return [
        replace(
            ns,
            id=NamespaceId(numbers[ns.id.inode], ns.id.names, ns.id.paths),
            nsids={nsid: numbers[inode] for nsid, inode in ns.nsids.items() if inode in numbers},
        )
        for ns in kept
    ]
