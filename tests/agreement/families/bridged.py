"""Networks of one host: a bridge, routed bridges, containers with two interfaces."""

from __future__ import annotations

import ipaddress

from tests.agreement.model import Device, Draft

CONTAINERS = ("web", "db", "cache", "api", "queue", "cron")


def attach(
    draft: Draft, host: str, bridge: Device, container: str, address: str, gateway: str, name: str = "eth0"
) -> Device:
    """A container's interface on a bridge; ``gateway`` empty: no default route."""
    port_name = draft.name("veth", "vethc", "lxc")
    port, eth = draft.veth(host, port_name, "port", container, name, "eth", mtu=bridge.mtu)
    draft.enslave(port, bridge)
    draft.address(eth, address)
    if gateway:
        draft.route(container, "default", "via", gateway, "dev", name)
    return eth


def bridge_with_containers(
    draft: Draft, host: str, containers: list[str], *, name: str = "", mtu: int = 1500, gateway: bool = True
) -> tuple[ipaddress.IPv4Network, Device]:
    """A bridge of its own subnet: first the gateway's address, then one container after the other."""
    network = draft.subnet(16, 28)
    bridge = draft.bridge(host, name or draft.name("br0", "docker0", "cni0", "br-"), mtu=mtu)
    first, *rest = draft.hosts(network, 1 + len(containers))
    if draft.rng.random() < 0.7 and str(network[1]) not in rest:
        first = str(network[1])
    if gateway:
        draft.address(bridge, f"{first}/{network.prefixlen}")
    for container, address in zip(containers, rest, strict=True):
        wanted = gateway and draft.rng.random() < 0.95
        attach(draft, host, bridge, container, f"{address}/{network.prefixlen}", first if wanted else "")
    return network, bridge


def one_bridge(draft: Draft) -> None:
    """Two to five containers on one bridge; the host is an endpoint too."""
    host = draft.space("host", "host")
    containers = [
        draft.space(name, "container") for name in draft.rng.sample(CONTAINERS, draft.rng.randint(2, 5))
    ]
    mtu = draft.rng.choice((1500, 1500, 1500, 9000, 1400))
    bridge_with_containers(draft, host, containers, mtu=mtu, gateway=draft.rng.random() < 0.85)


def routed_bridges(draft: Draft) -> None:
    """Two or three bridges, and the host routes between them."""
    host = draft.space("host", "host")
    for index in range(draft.rng.choice((2, 2, 3))):
        names = [f"{name}{index}" for name in draft.rng.sample(CONTAINERS, draft.rng.randint(1, 2))]
        mtu = draft.rng.choice((1500, 1500, 1500, 1400, 9000))
        bridge_with_containers(draft, host, [draft.space(name, "container") for name in names], mtu=mtu)


def two_interfaces(draft: Draft) -> None:
    """Two bridges; some containers stand on both, the default route goes by one of them."""
    host = draft.space("host", "host")
    names = draft.rng.sample(CONTAINERS, draft.rng.randint(2, 3))
    containers = [draft.space(name, "container") for name in names]
    _, first = bridge_with_containers(draft, host, containers)
    second = draft.bridge(host, draft.name("br1", "br-"))
    network = draft.subnet(20, 28)
    spare = draft.hosts(network, 1 + len(containers))
    if draft.rng.random() < 0.7:
        draft.address(second, f"{spare[0]}/{network.prefixlen}")
    for container, address in zip(containers, spare[1:], strict=True):
        if container == containers[0] or draft.rng.random() < 0.6:
            attach(draft, host, second, container, f"{address}/{network.prefixlen}", "", name="eth1")
    if draft.rng.random() < 0.2:
        lone = draft.space("lone", "container")
        attach(draft, host, first, lone, f"{draft.subnet(28, 28)[5]}/28", "")
