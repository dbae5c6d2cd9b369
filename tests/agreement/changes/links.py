"""Changes to links: flags, MACs, MTUs, namespaces."""

from __future__ import annotations

from tests.agreement.changes.scene import Commands, Scene, change, ip


@change(5)
def link_down(scene: Scene) -> Commands:
    device = scene.device()
    return [ip(device.space, "link", "set", device.name, "down")] if device else None


@change(3)
def link_flap(scene: Scene) -> Commands:
    """Down and up again: routes through the device do not come back, except connected ones."""
    device = scene.device()
    if device is None:
        return None
    return [ip(device.space, "link", "set", device.name, state) for state in ("down", "up")]


@change(1)
def loopback_down(scene: Scene) -> Commands:
    return [ip(scene.routing_space(), "link", "set", "lo", "down")]


@change(2)
def link_delete(scene: Scene) -> Commands:
    device = scene.device("eth", "port", "vtep", "underlay", "bridge")
    return [ip(device.space, "link", "del", device.name)] if device else None


@change(3)
def link_move(scene: Scene) -> Commands:
    """A device moves to another namespace, where it gets no address; sometimes it is brought up there."""
    device = scene.device("eth", "port", "parent", "vtep")
    if device is None:
        return None
    target = scene.pick([name for name in scene.draft.roles if name != device.space])
    if target is None:
        return None
    moved = [ip(device.space, "link", "set", device.name, "netns", f"@{target}", "name", "moved0")]
    if scene.rng.random() < 0.5:
        moved.append(ip(target, "link", "set", "moved0", "up"))
    return moved


@change(3)
def mac_random(scene: Scene) -> Commands:
    device = scene.device()
    return [ip(device.space, "link", "set", device.name, "address", scene.draft.mac())] if device else None


@change(3)
def mac_duplicate(scene: Scene) -> Commands:
    """A device takes the MAC of another one, be that a container's, a port's or a bridge's."""
    device = scene.device("eth", "eth", "bridge", "vtep", "underlay")
    other = scene.device(
        "eth", "bridge", "port", "vtep", where=lambda found: bool(found.mac) and found is not device
    )
    if device is None or other is None:
        return None
    return [ip(device.space, "link", "set", device.name, "address", other.mac)]


@change(3)
def mac_of_bridge(scene: Scene) -> Commands:
    device = scene.device("eth")
    if device is None or device.peer is None or device.peer.master is None or not device.peer.master.mac:
        return None
    return [ip(device.space, "link", "set", device.name, "address", device.peer.master.mac)]


@change(3)
def no_arp(scene: Scene) -> Commands:
    device = scene.device()
    return [ip(device.space, "link", "set", device.name, "arp", "off")] if device else None


@change(2)
def promiscuous(scene: Scene) -> Commands:
    device = scene.device()
    return [ip(device.space, "link", "set", device.name, "promisc", "on")] if device else None


@change(4)
def mtu(scene: Scene) -> Commands:
    device = scene.device()
    if device is None:
        return None
    wanted = scene.rng.choice((68, 100, 576, 1280, 1400, 1450, 1500, 9000))
    return [ip(device.space, "link", "set", device.name, "mtu", str(wanted))]


@change(1)
def mtu_both_ends(scene: Scene) -> Commands:
    device = scene.device(kind="veth")
    if device is None or device.peer is None:
        return None
    wanted = str(scene.rng.choice((576, 1280, 1400, 9000)))
    return [ip(end.space, "link", "set", end.name, "mtu", wanted) for end in (device, device.peer)]
