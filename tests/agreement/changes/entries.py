"""Changes to forwarding databases: of bridges, and of VTEPs."""

from __future__ import annotations

from tests.agreement.changes.scene import Commands, Scene, bridge, change
from tests.agreement.model import Device


def member(scene: Scene) -> tuple[Device, Device] | None:
    """A container's interface on a bridge, and its port there."""
    eth = scene.device("eth", where=lambda device: device.peer is not None and device.peer.master is not None)
    return (eth, eth.peer) if eth is not None and eth.peer is not None else None


def place(scene: Scene, right: bool, *states: str) -> Commands:
    """An entry for a container's MAC on its own port, or on another of that bridge."""
    found = member(scene)
    if found is None:
        return None
    eth, port = found
    if not right:
        others = [each for each in scene.draft.devices if each.master is port.master and each is not port]
        port = scene.rng.choice(others) if others else port
    return [bridge(port.space, "fdb", "replace", eth.mac, "dev", port.name, "master", *states)]


@change(2)
def fdb_static_right(scene: Scene) -> Commands:
    return place(scene, True, *scene.rng.choice((("static",), ("static", "sticky"))))


@change(4)
def fdb_wrong_port(scene: Scene) -> Commands:
    """Static and dynamic entries move with the next frame of their owner; sticky ones stay."""
    return place(
        scene,
        False,
        *scene.rng.choice((("static",), ("static", "sticky"), ("dynamic",), ("dynamic", "extern_learn"))),
    )


@change(3)
def fdb_local(scene: Scene) -> Commands:
    """A container's MAC as the bridge's own: its frames go up into the host."""
    found = member(scene)
    if found is None or found[1].master is None:
        return None
    eth, port = found
    if scene.rng.random() < 0.5:
        return [bridge(port.space, "fdb", "replace", eth.mac, "dev", port.name, "master", "local")]
    assert port.master is not None
    return [bridge(port.space, "fdb", "replace", eth.mac, "dev", port.master.name, "self", "local")]


@change(9)
def vtep_entry_delete(scene: Scene) -> Commands:
    entry = scene.pick(scene.draft.fdb)
    return (
        [bridge(entry.space, "fdb", "del", entry.words[0], "dev", entry.device, *entry.words[1:])]
        if entry
        else None
    )


@change(9)
def vtep_entry_changed(scene: Scene) -> Commands:
    """A wrong remote, port or VNI in place of the right entry."""
    entry = scene.pick(scene.draft.fdb)
    if entry is None:
        return None
    mac, _, remote = entry.words[0], entry.words[1], entry.words[2]
    nodes = [str(device.first_ip) for device in scene.draft.of("underlay") if device.addresses]
    stray = next((scene.unused(device) for device in scene.draft.of("underlay") if device.addresses), None)
    words = scene.rng.choice((
        ("dst", scene.rng.choice(nodes)), ("dst", stray or remote), ("dst", remote, "port", "4790"),
        ("dst", remote, "vni", "77"), ("dst", remote, "via", "eth0"),
    ))  # fmt: skip
    return [
        bridge(entry.space, "fdb", "del", mac, "dev", entry.device, *entry.words[1:]),
        bridge(entry.space, "fdb", "append", mac, "dev", entry.device, *words),
    ]


@change(6)
def vtep_entry_extra(scene: Scene) -> Commands:
    """One entry more: a container's or VTEP's MAC at some node, right or wrong; or one more place to flood to."""
    vtep = scene.device("vtep")
    owner = scene.device("eth", "vtep", "bridge", where=lambda device: bool(device.mac))
    nodes = [str(device.first_ip) for device in scene.draft.of("underlay") if device.addresses]
    if vtep is None or owner is None or not nodes:
        return None
    mac = owner.mac if scene.rng.random() < 0.75 else "00:00:00:00:00:00"
    verb = scene.rng.choice(("append", "replace")) if mac == owner.mac else "append"
    state = scene.rng.choice(("permanent", "dynamic", "static"))
    return [bridge(vtep.space, "fdb", verb, mac, "dev", vtep.name, "dst", scene.rng.choice(nodes), state)]
