"""Changes to addresses."""

from __future__ import annotations

import ipaddress

from tests.agreement.changes.scene import Commands, Scene, change, ip


@change(3)
def address_delete(scene: Scene) -> Commands:
    device = scene.addressed()
    if device is None:
        return None
    return [ip(device.space, "addr", "del", scene.rng.choice(device.addresses), "dev", device.name)]


@change(2)
def address_delete_readd(scene: Scene) -> Commands:
    """The address comes back; the routes that were lost with it do not."""
    device = scene.addressed()
    if device is None:
        return None
    words = (device.addresses[0], "dev", device.name)
    return [ip(device.space, "addr", verb, *words) for verb in ("del", "add")]


@change(4)
def prefix_wrong(scene: Scene) -> Commands:
    device = scene.addressed()
    if device is None:
        return None
    cidr = device.addresses[0]
    address, length = cidr.split("/")
    wrong = scene.rng.choice([other for other in (8, 12, 16, 20, 24, 28, 30, 31, 32) if str(other) != length])
    commands = [
        ip(device.space, "addr", "del", cidr, "dev", device.name),
        ip(device.space, "addr", "add", f"{address}/{wrong}", "dev", device.name),
    ]
    for route in scene.draft.routes:
        if route.space == device.space and route.device == device.name and scene.rng.random() < 0.7:
            commands.append(ip(device.space, "route", "add", *route.words))
    return commands


@change(2)
def address_wrong(scene: Scene) -> Commands:
    """Another address of the same subnet in place of the right one; its default route is put back."""
    device = scene.addressed()
    fresh = scene.unused(device) if device else None
    if device is None or fresh is None:
        return None
    cidr = device.addresses[0]
    commands = [
        ip(device.space, "addr", "del", cidr, "dev", device.name),
        ip(device.space, "addr", "add", f"{fresh}/{cidr.split('/')[1]}", "dev", device.name),
    ]
    routes = [
        entry for entry in scene.draft.routes if (entry.space, entry.device) == (device.space, device.name)
    ]
    return [*commands, *(ip(device.space, "route", "add", *entry.words) for entry in routes)]


@change(3)
def address_second(scene: Scene) -> Commands:
    """One more address, in the subnet that is there or in one of its own."""
    device = scene.device()
    if device is None:
        return None
    fresh = scene.unused(device) if scene.rng.random() < 0.5 else None
    length = scene.rng.choice((24, 28, 32))
    cidr = f"{fresh or scene.draft.subnet(24, 28)[3]}/{length}"
    scope = scene.rng.choice(((), (), ("scope", "link"), ("scope", "host")))
    return [ip(device.space, "addr", "add", cidr, *scope, "dev", device.name)]


@change(4)
def address_duplicate(scene: Scene) -> Commands:
    """A device gets an address that somebody else has (the destination's, the source's, a gateway's)."""
    device = scene.device()
    if device is None:
        return None
    other = scene.other_endpoint(device.space)
    wanted = scene.question.address if scene.rng.random() < 0.4 else (other.address if other else None)
    if wanted is None:
        return None
    length = scene.rng.choice((device.addresses[0].split("/")[1] if device.addresses else "24", "32"))
    return [ip(device.space, "addr", "add", f"{wanted}/{length}", "dev", device.name)]


@change(2)
def address_hijack(scene: Scene) -> Commands:
    """An end's address on the loopback of something that forwards: the packet goes no further."""
    space = scene.routing_space()
    wanted = scene.rng.choice((scene.question.address, scene.source_address()))
    return [ip(space, "addr", "add", f"{wanted}/32", "dev", "lo")]


@change(2)
def address_of_gateway(scene: Scene) -> Commands:
    """A container is given its gateway's address besides, or in place of, its own."""
    gateways = [
        (route, route.words[route.words.index("via") + 1])
        for route in scene.draft.routes
        if "via" in route.words and scene.draft.roles[route.space] == "container"
    ]
    found = scene.pick(gateways)
    if found is None:
        return None
    route, gateway = found
    return [ip(route.space, "addr", "add", f"{gateway}/{scene.rng.choice((24, 32))}", "dev", route.device)]


@change(3)
def address_is_broadcast(scene: Scene) -> Commands:
    """Somewhere on the way a subnet is added whose broadcast (or network) address is an end's address."""
    device = scene.device("bridge", "underlay", "uplink", "eth")
    if device is None:
        return None
    wanted = ipaddress.ip_address(scene.rng.choice((scene.question.address, scene.source_address())))
    for length in (30, 29, 28, 27, 26, 25, 24, 23, 22):
        network = ipaddress.ip_network(f"{wanted}/{length}", strict=False)
        if wanted in (network[-1], network[0]):
            own = network[1] if wanted == network[-1] else network[2]
            return [ip(device.space, "addr", "add", f"{own}/{length}", "brd", "+", "dev", device.name)]
    return None


@change(1)
def address_on_loopback(scene: Scene) -> Commands:
    """The address moves from the interface to lo."""
    device = scene.addressed()
    if device is None:
        return None
    cidr = device.addresses[0]
    return [
        ip(device.space, "addr", "add", f"{cidr.split('/')[0]}/32", "dev", "lo"),
        ip(device.space, "addr", "del", cidr, "dev", device.name),
    ]


@change(1)
def address_with_peer(scene: Scene) -> Commands:
    """A point-to-point address that claims an end's address for the other side."""
    device = scene.device("eth", "port", "bridge")
    fresh = scene.unused(device) if device else None
    if device is None or fresh is None:
        return None
    return [ip(device.space, "addr", "add", fresh, "peer", scene.question.address, "dev", device.name)]


@change(1)
def address_deprecated(scene: Scene) -> Commands:
    device = scene.addressed()
    if device is None:
        return None
    cidr = device.addresses[0]
    return [
        ip(
            device.space,
            "addr",
            "change",
            cidr,
            "dev",
            device.name,
            "valid_lft",
            "3000",
            "preferred_lft",
            "0",
        )
    ]
