"""Changes to bridges and their ports."""

from __future__ import annotations

from tests.agreement.changes.scene import Commands, Scene, bridge, change, ip
from tests.agreement.model import Device


def port(scene: Scene) -> Device | None:
    return scene.device(where=lambda device: device.master is not None)


def set_flags(scene: Scene, *flags: tuple[str, str]) -> Commands:
    found = port(scene)
    if found is None:
        return None
    return [bridge(found.space, "link", "set", "dev", found.name, flag, value) for flag, value in flags]


@change(6)
def port_flag(scene: Scene) -> Commands:
    """One flag of one port: some matter at once, some only together with others."""
    flag = scene.rng.choice((
        ("isolated", "on"), ("hairpin", "on"), ("learning", "off"), ("flood", "off"), ("bcast_flood", "off"),
        ("mcast_flood", "off"), ("neigh_suppress", "on"), ("locked", "on"), ("mcast_to_unicast", "on"),
        ("root_block", "on"), ("guard", "on"), ("fastleave", "on"),
    ))  # fmt: skip
    return set_flags(scene, flag)


@change(3)
def ports_isolated(scene: Scene) -> Commands:
    """Several ports of a bridge are isolated: they reach the bridge, not one another."""
    first = port(scene)
    if first is None:
        return None
    ports = [each for each in scene.draft.devices if each.master is first.master and scene.rng.random() < 0.8]
    return [bridge(each.space, "link", "set", "dev", each.name, "isolated", "on") for each in ports]


@change(2)
def port_silent(scene: Scene) -> Commands:
    """Neither learned nor flooded: unicast to this port has nowhere to go."""
    return set_flags(scene, ("learning", "off"), ("flood", "off"))


@change(2)
def port_locked_with_entry(scene: Scene) -> Commands:
    """A locked port admits the MACs that have an entry there: the right one, or only a wrong one."""
    found = port(scene)
    if found is None or found.peer is None:
        return None
    mac = found.peer.mac if scene.rng.random() < 0.5 else scene.draft.mac()
    return [
        bridge(found.space, "fdb", "replace", mac, "dev", found.name, "master", "static"),
        bridge(found.space, "link", "set", "dev", found.name, "locked", "on"),
    ]


@change(3)
def port_state(scene: Scene) -> Commands:
    return set_flags(scene, ("state", scene.rng.choice("00123344")))


@change(2)
def suppress_with_neighbour(scene: Scene) -> Commands:
    """A port that suppresses ARP, and a neighbour entry of the bridge that it answers from (right or wrong)."""
    found = port(scene)
    if found is None or found.master is None:
        return None
    owner = scene.device(
        "eth", where=lambda device: scene.question.address in [a.split("/")[0] for a in device.addresses]
    )
    mac = owner.mac if owner and scene.rng.random() < 0.6 else scene.draft.mac()
    return [
        ip(found.space, "neigh", "replace", scene.question.address, "lladdr", mac, "dev", found.master.name,
           "nud", scene.rng.choice(("permanent", "reachable"))),
        bridge(found.space, "link", "set", "dev", found.name, "neigh_suppress", "on"),
    ]  # fmt: skip


@change(2)
def spanning_tree(scene: Scene) -> Commands:
    """STP with its longest delay, and a port that has just come back: it listens for the next 30 seconds."""
    found = port(scene)
    if found is None or found.master is None:
        return None
    commands = [
        ip(
            found.space,
            "link",
            "set",
            found.master.name,
            "type",
            "bridge",
            "stp_state",
            "1",
            "forward_delay",
            "3000",
        )
    ]
    if scene.rng.random() < 0.7:
        commands += [ip(found.space, "link", "set", found.name, state) for state in ("down", "up")]
    return commands


@change(2)
def bridge_attribute(scene: Scene) -> Commands:
    device = scene.device("bridge")
    if device is None:
        return None
    words = scene.rng.choice((
        ("ageing_time", "0"), ("ageing_time", "100"), ("mcast_snooping", "0"), ("mcast_snooping", "1"),
        ("mcast_querier", "1"), ("group_fwd_mask", "8"), ("stp_state", "1"), ("no_linklocal_learn", "1"),
    ))  # fmt: skip
    return [ip(device.space, "link", "set", device.name, "type", "bridge", *words)]


@change(1)
def bridge_flush(scene: Scene) -> Commands:
    device = scene.device("bridge")
    return [ip(device.space, "link", "set", device.name, "type", "bridge", "fdb_flush")] if device else None


@change(1)
def bridge_mac(scene: Scene) -> Commands:
    """The bridge's MAC changes; who keeps the old one in a permanent entry loses it."""
    device = scene.device("bridge")
    return [ip(device.space, "link", "set", device.name, "address", scene.draft.mac())] if device else None


@change(4)
def port_released(scene: Scene) -> Commands:
    found = port(scene)
    return [ip(found.space, "link", "set", found.name, "nomaster")] if found else None


@change(3)
def port_elsewhere(scene: Scene) -> Commands:
    """The port joins another bridge: one that is there, or a new one."""
    found = port(scene)
    if found is None:
        return None
    others = [
        each for each in scene.draft.of("bridge") if each.space == found.space and each is not found.master
    ]
    if others:
        return [ip(found.space, "link", "set", found.name, "master", scene.rng.choice(others).name)]
    return [
        ip(found.space, "link", "add", "br-stray", "address", scene.draft.mac(), "type", "bridge"),
        ip(found.space, "link", "set", "br-stray", "up"),
        ip(found.space, "link", "set", found.name, "master", "br-stray"),
    ]


@change(1)
def port_rejoined(scene: Scene) -> Commands:
    """Off the bridge and on again: flags and learned entries are gone, nothing else."""
    found = port(scene)
    if found is None or found.master is None:
        return None
    return [
        ip(found.space, "link", "set", found.name, "nomaster"),
        ip(found.space, "link", "set", found.name, "master", found.master.name),
    ]
