"""Networks without a bridge in the container's way: Calico-like routed pairs, routers in the middle."""

from __future__ import annotations

from tests.agreement.families.bridged import CONTAINERS
from tests.agreement.model import Device, Draft

LINK_LOCAL_GATEWAY = "169.254.1.1"


def pod(draft: Draft, host: str, container: str, address: str, mtu: int = 1500) -> Device:
    """A routed container: /32, a link-local gateway that the host answers for by proxy ARP."""
    same_mac = "ee:ee:ee:ee:ee:ee" if draft.rng.random() < 0.8 else ""
    cali, eth = draft.veth(
        host, draft.name("cali", "lxc"), "port", container, "eth0", "eth", mac=same_mac, mtu=mtu
    )
    draft.address(eth, f"{address}/32")
    draft.route(container, LINK_LOCAL_GATEWAY, "dev", "eth0", "scope", "link")
    draft.route(container, "default", "via", LINK_LOCAL_GATEWAY, "dev", "eth0")
    if draft.rng.random() < 0.8:
        draft.proxy_arp(cali)
    else:
        draft.neighbour(eth, LINK_LOCAL_GATEWAY, cali.mac)
    draft.route(host, address, "dev", cali.name, "scope", "link")
    return eth


def calico(draft: Draft) -> None:
    """One host with an uplink and routed containers."""
    host = draft.space("host", "host")
    uplink = draft.space("uplink", "router")
    network = draft.subnet(16, 28)
    here, there = draft.hosts(network, 2)
    near, far = draft.veth(host, "eth0", "underlay", uplink, "lan0", "uplink")
    draft.address(near, f"{here}/{network.prefixlen}")
    draft.address(far, f"{there}/{network.prefixlen}")
    draft.route(host, "default", "via", there, "dev", "eth0")
    block = draft.subnet(20, 26)
    names = draft.rng.sample(CONTAINERS, draft.rng.randint(2, 3))
    for name, address in zip(names, draft.hosts(block, len(names)), strict=True):
        pod(draft, host, draft.space(name, "container"), address)
    draft.route(uplink, str(block), "via", here)
    if draft.rng.random() < 0.5:
        draft.route(host, "blackhole", str(block))


def calico_nodes(draft: Draft) -> None:
    """Two hosts with routed containers; each routes the other's block to it, as BGP would tell."""
    nodes = [draft.space(f"node{index}", "host") for index in (1, 2)]
    network = draft.subnet(16, 28)
    addresses = draft.hosts(network, 2)
    first, second = draft.veth(nodes[0], "eth0", "underlay", nodes[1], "eth0", "underlay")
    for device, address in zip((first, second), addresses, strict=True):
        draft.address(device, f"{address}/{network.prefixlen}")
    blocks = [draft.subnet(24, 26) for _ in nodes]
    for index, node in enumerate(nodes):
        other = 1 - index
        draft.route(node, "default", "via", addresses[other], "dev", "eth0")
        for count, address in enumerate(draft.hosts(blocks[index], draft.rng.randint(1, 2))):
            pod(draft, node, draft.space(f"{CONTAINERS[count]}{index + 1}", "container"), address)
        draft.route(node, "blackhole", str(blocks[index]))
        draft.route(node, str(blocks[other]), "via", addresses[other], "dev", "eth0")


def routers(draft: Draft) -> None:
    """Two containers with one to three routers between them, static routes both ways."""
    rng = draft.rng
    chain = [
        draft.space("left", "container"),
        *[draft.space(f"router{index}", "router") for index in range(rng.choice((1, 1, 2, 3)))],
        draft.space("right", "container"),
    ]
    networks = [draft.subnet(16, 30) for _ in chain[1:]]
    hops: list[tuple[Device, Device]] = []
    for index, network in enumerate(networks):
        mtu = rng.choice((1500, 1500, 1500, 1400))
        names = (f"to-{chain[index + 1]}"[:15], f"to-{chain[index]}"[:15])
        near, far = draft.veth(chain[index], names[0], "eth", chain[index + 1], names[1], "eth", mtu=mtu)
        for device, address in zip((near, far), draft.hosts(network, 2), strict=True):
            draft.address(device, f"{address}/{network.prefixlen}")
        hops.append((near, far))
    for index, (near, far) in enumerate(hops):
        for later in networks[index + 1 :]:
            draft.route(near.space, str(later), "via", str(far.first_ip), "dev", near.name)
        for earlier in networks[:index]:
            draft.route(far.space, str(earlier), "via", str(near.first_ip), "dev", far.name)


def triangle(draft: Draft) -> None:
    """Two routers side by side: the request goes by one, the reply by the same or by the other."""
    rng = draft.rng
    left, right = draft.space("left", "container"), draft.space("right", "container")
    sides: dict[str, list[tuple[Device, Device, str]]] = {left: [], right: []}
    for router in (draft.space("upper", "router"), draft.space("lower", "router")):
        for end in (left, right):
            network = draft.subnet(20, 29)
            near, far = draft.veth(end, f"to-{router}", "eth", router, f"to-{end}", "eth")
            for device, address in zip((near, far), draft.hosts(network, 2), strict=True):
                draft.address(device, f"{address}/{network.prefixlen}")
            sides[end].append((near, far, str(network)))
    for end, other in ((left, right), (right, left)):
        for index, (_, _, network_text) in enumerate(sides[other]):
            by = index if rng.random() < 0.7 else 1 - index
            near, far, _ = sides[end][by]
            draft.route(end, network_text, "via", str(far.first_ip), "dev", near.name)
    for index, router in enumerate(("upper", "lower")):
        for end in (left, right):
            _, _, foreign = sides[end][1 - index]
            near, far, _ = sides[end][index]
            draft.route(router, foreign, "via", str(near.first_ip), "dev", far.name)
