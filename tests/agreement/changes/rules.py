"""Changes to policy rules and the tables that they select."""

from __future__ import annotations

from tests.agreement.changes.routes import KINDS, gateway_on
from tests.agreement.changes.scene import Commands, Scene, change, ip
from tests.agreement.plan import Command


def selector(scene: Scene, space: str) -> tuple[str, ...]:
    """What a rule matches: mostly this very packet, at times another one."""
    rng = scene.rng
    devices = scene.draft.in_space(space)
    name = rng.choice(devices).name if devices else "lo"
    mine = scene.source_address()
    words = rng.choice((
        ("from", mine), ("from", scene.question.address), ("to", scene.target()), ("to", scene.target()),
        ("from", "all"), ("iif", name), ("iif", name), ("oif", name), ("iif", "lo"), ("fwmark", "0x1"),
        ("fwmark", "0x0/0xff"), ("ipproto", "icmp"), ("ipproto", "tcp"), ("tos", "0x10"), ("uidrange", "0-0"),
        ("not", "from", mine), ("not", "fwmark", "0x2"), ("from", mine, "iif", name),
        ("from", mine, "to", scene.question.address),
    ))  # fmt: skip
    return tuple(words)


def table(scene: Scene, space: str) -> list[Command]:
    """Routes for table 100: nothing, something right, something wrong."""
    rng = scene.rng
    devices = [device for device in scene.draft.in_space(space) if device.addresses]
    device = scene.pick(devices)
    gateway = gateway_on(scene, device) if device else None
    kind = rng.choice(("empty", "special", "gateway", "gateway", "device", "copy"))
    if kind == "special" or (kind != "empty" and device is None):
        return [
            ip(
                space,
                "route",
                "add",
                rng.choice(KINDS),
                rng.choice(("default", scene.target())),
                "table",
                "100",
            )
        ]
    if kind == "gateway" and device is not None and gateway is not None:
        return [
            ip(space, "route", "add", "default", "via", gateway, "dev", device.name, "onlink", "table", "100")
        ]
    if kind == "device" and device is not None:
        return [ip(space, "route", "add", scene.target(), "dev", device.name, "table", "100")]
    if kind == "copy":
        copied = [entry for entry in scene.draft.routes if entry.space == space and entry.device]
        return [
            ip(
                space,
                "route",
                "add",
                *entry.words,
                *("onlink",) * ("via" in entry.words and "onlink" not in entry.words),
                "table",
                "100",
            )
            for entry in copied
        ]  # noqa: E501
    return []


@change(6)
def rule_to_table(scene: Scene) -> Commands:
    space = scene.routing_space()
    pref = scene.rng.choice(("50", "1000", "32000", "32768"))
    rule = ip(space, "rule", "add", *selector(scene, space), "lookup", "100", "pref", pref)
    return [*table(scene, space), rule]


@change(3)
def rule_action(scene: Scene) -> Commands:
    """A rule that ends the search itself."""
    space = scene.routing_space()
    action = scene.rng.choice(("prohibit", "unreachable", "blackhole"))
    pref = scene.rng.choice(("60", "2000", "40000"))
    return [ip(space, "rule", "add", *selector(scene, space), action, "pref", pref)]


@change(2)
def rule_suppress(scene: Scene) -> Commands:
    """``suppress_prefixlength``: what matched too short a prefix does not count; then an own table, as a VPN does."""
    space = scene.routing_space()
    length = scene.rng.choice(("0", "0", "16", "24", "32"))
    return [
        *table(scene, space),
        ip(space, "rule", "add", "lookup", "main", "suppress_prefixlength", length, "pref", "500"),
        ip(space, "rule", "add", *selector(scene, space), "lookup", "100", "pref", "501"),
    ]


@change(2)
def rule_goto(scene: Scene) -> Commands:
    """A jump over the main table, over a prohibit, or to a rule that is not there."""
    space = scene.routing_space()
    target = scene.rng.choice(("32766", "32767", "5000", "9000"))
    return [
        ip(space, "rule", "add", *selector(scene, space), "goto", target, "pref", "300"),
        ip(space, "rule", "add", scene.rng.choice(("prohibit", "nop")), "pref", "400"),
        ip(space, "rule", "add", "lookup", "main", "pref", "5000"),
    ]


@change(3)
def rule_builtin_delete(scene: Scene) -> Commands:
    space = scene.routing_space()
    return [ip(space, "rule", "del", "pref", scene.rng.choice(("0", "32766", "32767")))]


@change(1)
def rule_local_moved(scene: Scene) -> Commands:
    """The local table is asked later, as some CNIs want it; now and then behind a table of their own."""
    space = scene.routing_space()
    commands = [
        ip(space, "rule", "add", "lookup", "local", "pref", scene.rng.choice(("100", "32766", "32800"))),
        ip(space, "rule", "del", "pref", "0"),
    ]
    if scene.rng.random() < 0.5:
        commands = [*table(scene, space), ip(space, "rule", "add", "lookup", "100", "pref", "20"), *commands]
    return commands
