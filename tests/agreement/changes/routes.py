"""Changes to routes."""

from __future__ import annotations

import ipaddress

from tests.agreement.changes.scene import Commands, Scene, change, ip
from tests.agreement.model import Device

KINDS = ("blackhole", "unreachable", "prohibit", "throw")


def gateway_on(scene: Scene, device: Device) -> str | None:
    """A gateway that could be named on a device: a neighbour, or an address nobody has."""
    known = [address for address, _ in scene.on_link(device)]
    if known and scene.rng.random() < 0.6:
        return scene.rng.choice(known)
    return scene.unused(device)


@change(5)
def route_delete(scene: Scene) -> Commands:
    entry = scene.pick(scene.draft.routes)
    return [ip(entry.space, "route", "del", *entry.words)] if entry else None


@change(3)
def route_connected_delete(scene: Scene) -> Commands:
    device = scene.addressed()
    if device is None:
        return None
    network = ipaddress.ip_interface(device.addresses[0]).network
    return [ip(device.space, "route", "del", str(network), "dev", device.name)]


@change(2)
def route_flush(scene: Scene) -> Commands:
    return [ip(scene.routing_space(), "route", "flush", "table", "main")]


@change(3)
def route_special(scene: Scene) -> Commands:
    return [ip(scene.routing_space(), "route", "add", scene.rng.choice(KINDS), scene.target())]


@change(2)
def route_special_default(scene: Scene) -> Commands:
    """Benign as long as something longer, or of a lower metric, matches."""
    words = (scene.rng.choice(KINDS), "default", "metric", str(scene.rng.choice((0, 10, 4096))))
    return [ip(scene.routing_space(), "route", "add", *words)]


@change(1)
def route_into_ifb(scene: Scene) -> Commands:
    """A device that swallows what nobody redirected to it; down, the kernel takes no route through it."""
    space = scene.routing_space()
    state = scene.rng.choice(("up", "up", "down"))
    made = [ip(space, "link", "add", "ifb9", "type", "ifb"), ip(space, "link", "set", "ifb9", state)]
    return [*made, ip(space, "route", "add", scene.target(), "dev", "ifb9")]


@change(4)
def route_wrong_device(scene: Scene) -> Commands:
    """A route straight to a device (no gateway), which may be the right one or another."""
    device = scene.device()
    return [ip(device.space, "route", "add", scene.target(), "dev", device.name)] if device else None


@change(4)
def route_wrong_gateway(scene: Scene) -> Commands:
    device = scene.addressed()
    gateway = gateway_on(scene, device) if device else None
    if device is None or gateway is None:
        return None
    metric = scene.rng.choice(((), (), ("metric", "1"), ("metric", "500")))
    return [ip(device.space, "route", "add", scene.target(), "via", gateway, "dev", device.name, *metric)]


@change(2)
def route_default_second(scene: Scene) -> Commands:
    device = scene.addressed()
    gateway = gateway_on(scene, device) if device else None
    if device is None or gateway is None:
        return None
    verb = scene.rng.choice(("prepend", "append", "replace"))
    return [ip(device.space, "route", verb, "default", "via", gateway, "dev", device.name)]


@change(2)
def route_on_link(scene: Scene) -> Commands:
    """``onlink`` lets any gateway pass, on whatever device."""
    device = scene.device()
    other = scene.other_endpoint()
    if device is None or other is None:
        return None
    return [
        ip(device.space, "route", "add", scene.target(), "via", other.address, "dev", device.name, "onlink")
    ]  # fmt: skip


@change(2)
def route_nexthop_object(scene: Scene) -> Commands:
    device = scene.addressed()
    gateway = gateway_on(scene, device) if device else None
    if device is None or gateway is None:
        return None
    words = scene.rng.choice((("blackhole",), ("via", gateway, "dev", device.name), ("dev", device.name)))
    return [
        ip(device.space, "nexthop", "add", "id", "7", *words),
        ip(device.space, "route", "replace", scene.target(), "nhid", "7"),
    ]


@change(1)
def route_nexthop_group(scene: Scene) -> Commands:
    """A group of one or two; which of two is taken depends on the kernel's hash."""
    device = scene.addressed()
    gateway = gateway_on(scene, device) if device else None
    if device is None or gateway is None:
        return None
    commands = [ip(device.space, "nexthop", "add", "id", "11", "via", gateway, "dev", device.name)]
    members = "11"
    if scene.rng.random() < 0.3:
        commands.append(ip(device.space, "nexthop", "add", "id", "12", "dev", device.name))
        members = "11/12"
    commands.append(ip(device.space, "nexthop", "add", "id", "20", "group", members))
    return [*commands, ip(device.space, "route", "replace", scene.target(), "nhid", "20")]


@change(1)
def route_multipath(scene: Scene) -> Commands:
    """Two legs, mostly alike, so that the choice seldom matters."""
    first = scene.addressed()
    gateway = gateway_on(scene, first) if first else None
    if first is None or gateway is None:
        return None
    second = (
        scene.device(where=lambda found: found.space == first.space) if scene.rng.random() < 0.3 else first
    )
    assert second is not None
    other = gateway if second is first else gateway_on(scene, second)
    tail = ("via", other, "dev", second.name) if other else ("dev", second.name)
    return [
        ip(first.space, "route", "replace", scene.target(),
           "nexthop", "via", gateway, "dev", first.name, "nexthop", *tail, "weight", "2")
    ]  # fmt: skip


@change(3)
def route_source(scene: Scene) -> Commands:
    """A route with a preferred source address: one of the namespace's own, or one added for it."""
    device = scene.addressed()
    if device is None:
        return None
    routes = [entry for entry in scene.draft.routes if entry.device and entry.space == device.space]
    entry = scene.pick(routes)
    words = (
        entry.words
        if entry
        else (str(ipaddress.ip_interface(device.addresses[0]).network), "dev", device.name)
    )
    if words[0] in KINDS:
        return None
    if scene.rng.random() < 0.5:
        source = scene.rng.choice(device.addresses).split("/")[0]
        return [ip(device.space, "route", "replace", *words, "src", source)]
    source = str(scene.draft.subnet(24, 28)[4])
    return [
        ip(device.space, "addr", "add", f"{source}/32", "dev", scene.rng.choice(("lo", device.name))),
        ip(device.space, "route", "replace", *words, "src", source),
    ]


@change(2)
def route_local_delete(scene: Scene) -> Commands:
    """The entry of the local table goes: the address is there and is not answered for."""
    device = scene.addressed()
    if device is None:
        return None
    address = device.addresses[0].split("/")[0]
    return [ip(device.space, "route", "del", "local", address, "dev", device.name, "table", "local")]


@change(2)
def route_local_add(scene: Scene) -> Commands:
    """A whole prefix, or a single address, declared local (AnyIP), or a broadcast."""
    kind, device = scene.rng.choice((("local", "lo"), ("local", "lo"), ("broadcast", "")))
    space = scene.routing_space()
    devices = scene.draft.in_space(space)
    if not device and not devices:
        return None
    name = device or scene.rng.choice(devices).name
    return [ip(space, "route", "add", kind, scene.target(), "dev", name, "table", "local")]


@change(1)
def route_mtu(scene: Scene) -> Commands:
    """A route with an MTU metric of its own, at times locked."""
    entry = scene.pick([route for route in scene.draft.routes if route.device])
    if entry is None or entry.words[0] in KINDS:
        return None
    lock = scene.rng.choice(((), ("lock",)))
    return [
        ip(
            entry.space,
            "route",
            "replace",
            *entry.words,
            "mtu",
            *lock,
            str(scene.rng.choice((600, 1000, 1400))),
        )
    ]


@change(1)
def route_tos(scene: Scene) -> Commands:
    """A route for another type of service does not concern a ping; one for 0 is any route."""
    device = scene.device()
    tos = scene.rng.choice(("0x10", "0x08"))
    return (
        [ip(device.space, "route", "add", scene.target(), "tos", tos, "dev", device.name)] if device else None
    )


@change(1)
def route_other_table(scene: Scene) -> Commands:
    """A route in a table that no rule selects is benign."""
    space = scene.routing_space()
    return [ip(space, "route", "add", scene.rng.choice(KINDS), scene.target(), "table", "77")]
