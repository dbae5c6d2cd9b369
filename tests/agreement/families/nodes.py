"""Networks of two or three nodes whose containers stand on a bridge each: host-gw and flannel-like VXLAN."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from tests.agreement.families.bridged import CONTAINERS, bridge_with_containers
from tests.agreement.model import Device, Draft


@dataclass
class Node:
    """A node on the underlay: its namespace, its NIC there, its address."""

    space: str
    nic: Device
    address: str
    pods: ipaddress.IPv4Network | None = None


def underlay(draft: Draft, count: int, mtu: int = 1500) -> list[Node]:
    """Nodes over a switch (a bridge in a namespace of its own), or, two of them, over a direct wire."""
    network = draft.subnet(16, 28)
    addresses = draft.hosts(network, count)
    spaces = [draft.space(f"node{index + 1}", "host") for index in range(count)]
    nics: list[Device] = []
    if count == 2 and draft.rng.random() < 0.3:
        nics = list(draft.veth(spaces[0], "eth0", "underlay", spaces[1], "eth0", "underlay", mtu=mtu))
    else:
        switch = draft.space("switch", "switch")
        fabric = draft.bridge(switch, "sw0", mtu=mtu)
        for space in spaces:
            nic, port = draft.veth(space, "eth0", "underlay", switch, f"to-{space}", "port", mtu=mtu)
            draft.enslave(port, fabric)
            nics.append(nic)
    for nic, address in zip(nics, addresses, strict=True):
        draft.address(nic, f"{address}/{network.prefixlen}", ask=draft.rng.random() < 0.35)
    return [Node(nic.space, nic, address) for nic, address in zip(nics, addresses, strict=True)]


def pods(draft: Draft, nodes: list[Node], mtu: int) -> None:
    """A bridge of pods on each node, of the same name on all."""
    name = draft.rng.choice(("cni0", "cbr0", "br0"))
    for index, node in enumerate(nodes):
        names = [f"{stem}{index + 1}" for stem in draft.rng.sample(CONTAINERS, draft.rng.choice((1, 1, 2)))]
        spaces = [draft.space(each, "container") for each in names]
        node.pods, _ = bridge_with_containers(draft, node.space, spaces, name=name, mtu=mtu)


def host_gw(draft: Draft) -> None:
    """Each node routes the other nodes' pods to the other nodes' addresses."""
    nodes = underlay(draft, draft.rng.choice((2, 2, 3)))
    pods(draft, nodes, 1500)
    for node in nodes:
        for other in nodes:
            if other is not node:
                draft.route(node.space, str(other.pods), "via", other.address, "dev", "eth0")


def flannel(draft: Draft) -> None:
    """The vxlan backend of flannel: no learning, a static neighbour and FDB entry for each other node."""
    rng = draft.rng
    nodes = underlay(draft, rng.choice((2, 2, 2, 3)))
    mtu = rng.choice((1450, 1450, 1500, 1400))
    pods(draft, nodes, mtu)
    vni = rng.choice((1, 1, 4096, rng.randrange(1, 2**24)))
    port = rng.choice((8472, 8472, 4789, rng.randrange(1024, 65536)))
    name = rng.choice((f"flannel.{vni}"[:15], "flannel.1", "flannel-v"))
    vteps: list[Device] = []
    for node in nodes:
        device = draft.add(Device(node.space, name, "vxlan", "vtep", draft.mac(), master=None, mtu=mtu))
        device.options = (
            "id", str(vni), "local", node.address, "dev", "eth0", "dstport", str(port), "nolearning",
        )  # fmt: skip
        draft.create(node.space, "ip", "link", "add", name, "address", device.mac, "mtu", str(mtu),
                     "type", "vxlan", *device.options)  # fmt: skip
        draft.up(device)
        assert node.pods is not None
        draft.address(device, f"{node.pods.network_address}/32", ask=False)
        vteps.append(device)
    for node, vtep in zip(nodes, vteps, strict=True):
        for other, far in zip(nodes, vteps, strict=True):
            if other is node:
                continue
            gateway = str(far.first_ip)
            draft.route(node.space, str(other.pods), "via", gateway, "dev", name, "onlink")
            draft.neighbour(vtep, gateway, far.mac)
            draft.forward_entry(vtep, far.mac, "dst", other.address)
