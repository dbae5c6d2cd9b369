"""Changes to neighbour tables."""

from __future__ import annotations

from tests.agreement.changes.scene import Commands, Scene, change, ip, sysctl
from tests.agreement.model import Device


def resolvable(scene: Scene) -> tuple[Device, str, str] | None:
    """A device, and an address with its right MAC, which that device may have to resolve."""
    device = scene.device(where=lambda found: bool(scene.on_link(found)))
    if device is None:
        return None
    address, mac = scene.rng.choice(scene.on_link(device))
    return device, address, mac


def entry(scene: Scene, right: bool, state: str) -> Commands:
    found = resolvable(scene)
    if found is None:
        return None
    device, address, mac = found
    if not right:
        other = scene.device(where=lambda each: bool(each.mac) and each.mac != mac)
        mac = other.mac if other and scene.rng.random() < 0.4 else scene.draft.mac()
    return [
        ip(device.space, "neigh", "replace", address, "lladdr", mac, "dev", device.name, "nud", state)
    ]  # fmt: skip


@change(3)
def neighbour_wrong(scene: Scene) -> Commands:
    return entry(scene, False, scene.rng.choice(("permanent", "permanent", "noarp")))


@change(2)
def neighbour_right(scene: Scene) -> Commands:
    return entry(scene, True, scene.rng.choice(("permanent", "reachable", "stale", "noarp")))


@change(2)
def neighbour_stale_wrong(scene: Scene) -> Commands:
    return entry(scene, False, scene.rng.choice(("stale", "reachable")))


@change(1)
def neighbour_failed(scene: Scene) -> Commands:
    """A failed entry is asked for again by the next packet."""
    found = resolvable(scene)
    if found is None:
        return None
    device, address, _ = found
    return [ip(device.space, "neigh", "replace", address, "dev", device.name, "nud", "failed")]


@change(2)
def neighbour_delete(scene: Scene) -> Commands:
    known = scene.pick(scene.draft.neighbours)
    return [ip(known.space, "neigh", "del", known.words[0], "dev", known.device)] if known else None


@change(1)
def neighbour_flush(scene: Scene) -> Commands:
    device = scene.device()
    return [ip(device.space, "neigh", "flush", "dev", device.name)] if device else None


@change(2)
def neighbour_proxy(scene: Scene) -> Commands:
    """A proxy entry: the namespace answers for an address, if it forwards (or is told to proxy)."""
    device = scene.device("bridge", "port", "eth", "underlay")
    other = scene.other_endpoint()
    if device is None or other is None:
        return None
    wanted = scene.question.address if scene.rng.random() < 0.6 else other.address
    return [
        sysctl(device.space, f"net/ipv4/neigh/{device.name}/proxy_delay", 0),
        ip(device.space, "neigh", "add", "proxy", wanted, "dev", device.name),
    ]


@change(1)
def no_probes(scene: Scene) -> Commands:
    """Nobody asks any more: ARP requests are left to a daemon that is not there."""
    device = scene.device("eth", "bridge", "vtep", "underlay")
    if device is None:
        return None
    base = f"net/ipv4/neigh/{device.name}"
    return [sysctl(device.space, f"{base}/{key}", 0) for key in ("mcast_solicit", "ucast_solicit")]
