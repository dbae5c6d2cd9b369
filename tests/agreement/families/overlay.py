"""Overlays of layer 2: a VTEP as the port of a bridge, its underlay in the same namespace or in another."""

from __future__ import annotations

from tests.agreement.families.bridged import CONTAINERS, attach
from tests.agreement.families.nodes import Node, underlay
from tests.agreement.model import Device, Draft

FLOOD = "00:00:00:00:00:00"


def options_for(draft: Draft, node: Node, vni: int, port: int, group: str, learning: bool) -> tuple[str, ...]:
    """The words after ``type vxlan``."""
    words = ["id", str(vni)]
    if group:
        words += ["group", group, "dev", "eth0"]
        if draft.rng.random() < 0.7:
            words += ["local", node.address]
    else:
        words += ["local", node.address]
        if draft.rng.random() < 0.5:
            words += ["dev", "eth0"]
    return (*words, "dstport", str(port), *(() if learning else ("nolearning",)))


def teach(
    draft: Draft, tables: list[tuple[Node, Device, list[Device]]], *, group: bool, learning: bool
) -> None:
    """FDB entries of every VTEP for the others: flood entries without a group, unicast ones without learning."""
    for node, vtep, _ in tables:
        for other, _, members in tables:
            if other is node:
                continue
            if not group:
                draft.forward_entry(vtep, FLOOD, "dst", other.address)
            if not learning and draft.rng.random() < 0.8:
                for member in members:
                    draft.forward_entry(vtep, member.mac, "dst", other.address)


def vxlan_l2(draft: Draft) -> None:
    """One subnet over two or three nodes: on each a bridge with a VTEP and some containers as ports."""
    rng = draft.rng
    nodes = underlay(draft, rng.choice((2, 2, 3)))
    network = draft.subnet(16, 26)
    vni, port = rng.randrange(1, 2**24), rng.choice((4789, 8472))
    learning, group = rng.random() < 0.6, f"239.{rng.randrange(1, 255)}.1.1" if rng.random() < 0.3 else ""
    spare = draft.hosts(network, 12)
    tables: list[tuple[Node, Device, list[Device]]] = []
    for index, node in enumerate(nodes):
        bridge = draft.bridge(node.space, "br0", mtu=1450)
        vtep = draft.add(Device(node.space, f"vxlan{vni}"[:15], "vxlan", "vtep", draft.mac(), mtu=1450))
        vtep.options = options_for(draft, node, vni, port, group, learning)
        draft.create(node.space, "ip", "link", "add", vtep.name, "address", vtep.mac, "mtu", "1450",
                     "type", "vxlan", *vtep.options)  # fmt: skip
        draft.up(vtep)
        draft.enslave(vtep, bridge)
        if rng.random() < 0.3:
            draft.address(bridge, f"{spare.pop()}/{network.prefixlen}")
        names = [f"{stem}{index + 1}" for stem in rng.sample(CONTAINERS, rng.choice((1, 1, 2)))]
        members = [
            attach(draft, node.space, bridge, draft.space(name, "container"),
                   f"{spare.pop()}/{network.prefixlen}", "")
            for name in names
        ]  # fmt: skip
        tables.append((node, vtep, members))
    teach(draft, tables, group=bool(group), learning=learning)


def swarm(draft: Draft) -> None:
    """Swarm-like: the VTEP is made in the node and moved to a hidden namespace, which holds the overlay's bridge."""
    rng = draft.rng
    nodes = underlay(draft, 2)
    network = draft.subnet(20, 26)
    vni, port = rng.randrange(4096, 2**24), 4789
    learning, proxy = rng.random() < 0.3, rng.random() < 0.7
    spare = draft.hosts(network, 8)
    tables: list[tuple[Node, Device, list[Device]]] = []
    for index, node in enumerate(nodes):
        hidden = draft.space(f"overlay{index + 1}", "hidden")
        bridge = draft.bridge(hidden, "br0", mtu=1450)
        vtep = draft.add(Device(hidden, "vxlan0", "vxlan", "vtep", draft.mac(), mtu=1450, home=node.space))
        flags = ("proxy", "l2miss", "l3miss") if proxy else ()
        vtep.options = (*options_for(draft, node, vni, port, "", learning), *flags)
        draft.create(node.space, "ip", "link", "add", "vxlan0", "address", vtep.mac, "mtu", "1450",
                     "type", "vxlan", *vtep.options)  # fmt: skip
        draft.create(node.space, "ip", "link", "set", "vxlan0", "netns", f"@{hidden}")
        draft.up(vtep)
        draft.enslave(vtep, bridge)
        if rng.random() < 0.5:
            draft.address(bridge, f"{spare.pop()}/{network.prefixlen}", ask=False)
        names = [f"{stem}{index + 1}" for stem in rng.sample(CONTAINERS, rng.choice((1, 1, 2)))]
        members = [
            attach(
                draft,
                hidden,
                bridge,
                draft.space(name, "container"),
                f"{spare.pop()}/{network.prefixlen}",
                "",
            )
            for name in names
        ]
        tables.append((node, vtep, members))
    if proxy:
        # What Docker's agent learns by gossip: who has which address, and behind which node.
        for node, vtep, _ in tables:
            for other, _, members in tables:
                for member in members if other is not node else []:
                    draft.neighbour(vtep, str(member.first_ip), member.mac)
                    draft.forward_entry(vtep, member.mac, "dst", other.address)
    teach(draft, tables, group=False, learning=learning)
