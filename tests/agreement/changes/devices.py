"""Changes to what a VXLAN or macvlan device is: mostly by making it anew."""

from __future__ import annotations

from tests.agreement.changes.scene import Commands, Scene, bridge, change, ip
from tests.agreement.model import Device
from tests.agreement.plan import Command


def set_option(options: tuple[str, ...], key: str, value: str) -> tuple[str, ...]:
    """The words of a vxlan device with one ``key value`` pair replaced or added."""
    words = list(options)
    if key in words:
        words[words.index(key) + 1] = value
        return tuple(words)
    return (*options, key, value)


def without(options: tuple[str, ...], key: str) -> tuple[str, ...]:
    if key not in options:
        return options
    index = options.index(key)
    return options[:index] + options[index + 2 :]


def rebuild(scene: Scene, vtep: Device, options: tuple[str, ...]) -> list[Command]:
    """Delete a VTEP and make it anew with other options, and everything that stood on it."""
    home, space, name, draft = vtep.home or vtep.space, vtep.space, vtep.name, scene.draft
    commands = [
        ip(space, "link", "del", name),
        ip(home, "link", "add", name, "address", vtep.mac, "mtu", str(vtep.mtu), "type", "vxlan", *options),
    ]
    if home != space:
        commands.append(ip(home, "link", "set", name, "netns", f"@{space}"))
    if vtep.master is not None:
        commands.append(ip(space, "link", "set", name, "master", vtep.master.name))
    commands.append(ip(space, "link", "set", name, "up"))
    commands += [ip(space, "addr", "add", cidr, "dev", name) for cidr in vtep.addresses]
    here = (space, name)
    commands += [ip(space, "route", "add", *e.words) for e in draft.routes if (e.space, e.device) == here]
    commands += [
        ip(space, "neigh", "replace", *e.words, "dev", name, "nud", "permanent")
        for e in draft.neighbours
        if (e.space, e.device) == here
    ]
    commands += [
        bridge(space, "fdb", "append", e.words[0], "dev", name, *e.words[1:])
        for e in draft.fdb
        if (e.space, e.device) == here
    ]
    return commands


@change(12)
def vxlan_rebuilt(scene: Scene) -> Commands:
    """Another VNI, port, local address, flag, default remote: only possible by making the device anew."""
    vtep = scene.device("vtep")
    if vtep is None:
        return None
    rng, old = scene.rng, vtep.options
    remote = scene.pick([str(each.first_ip) for each in scene.draft.of("underlay") if each.addresses])
    toggled = tuple(w for w in old if w != "nolearning") if "nolearning" in old else (*old, "nolearning")
    flags = rng.sample(("proxy", "l2miss", "l3miss", "rsc", "gbp"), rng.randint(1, 3))
    choices = [
        set_option(old, "id", str(rng.randrange(1, 2**24))),
        set_option(old, "dstport", str(rng.choice((4789, 8472, 4790)))),
        without(old, "local"),
        without(old, "dev") if "group" not in old else old,
        toggled,
        (*old, *(flag for flag in flags if flag not in old)),
        set_option(without(old, "group"), "remote", remote) if remote else old,
        set_option(old, "ttl", rng.choice(("1", "0", "64"))),
    ]
    if "group" in old:
        choices.append(set_option(old, "group", "239.255.7.7"))
    return rebuild(scene, vtep, rng.choice(choices))


@change(8)
def vxlan_set(scene: Scene) -> Commands:
    """What can be changed on a live VTEP."""
    vtep = scene.device("vtep")
    if vtep is None:
        return None
    nodes = [str(each.first_ip) for each in scene.draft.of("underlay") if each.addresses]
    words = scene.rng.choice((
        ("local", scene.rng.choice(nodes)), ("local", "10.255.255.9"), ("learning",), ("nolearning",),
        ("remote", scene.rng.choice(nodes)), ("ageing", "1000"),
    ))  # fmt: skip
    return [ip(vtep.space, "link", "set", vtep.name, "type", "vxlan", *words)]


@change(9)
def macvlan_mode(scene: Scene) -> Commands:
    child = scene.device("eth", kind="macvlan")
    if child is None:
        return None
    mode = scene.rng.choice(("bridge", "private", "vepa"))
    return [ip(child.space, "link", "set", child.name, "type", "macvlan", "mode", mode)]


@change(9)
def macvlan_sources(scene: Scene) -> Commands:
    """The list of MACs that a child in source mode hears."""
    child = scene.device("eth", kind="macvlan", where=lambda device: "source" in device.options)
    if child is None:
        return None
    other = scene.device("eth", where=lambda device: device is not child)
    allowed = other.mac if other else scene.draft.mac()
    words = scene.rng.choice((("flush",), ("add", allowed), ("del", allowed)))
    return [ip(child.space, "link", "set", child.name, "type", "macvlan", "macaddr", *words)]
