"""Devices that hold others together: bonds over two NICs, and VRFs whose slaves have a table of their own."""

from __future__ import annotations

from collections.abc import Callable

from tests.agreement.model import Device, Draft, Endpoint
from tests.agreement.plan import Change, Command

#: 802.3ad is left out: it takes seconds until its ports agree, or have given up waiting for a partner.
MODES = ("active-backup",) * 5 + ("balance-xor", "balance-rr", "broadcast")


def bond(draft: Draft) -> tuple[Change, ...]:
    """A machine with a bond of two NICs, and another at the far side of the switch, or with a bond at the far ends."""
    rng = draft.rng
    left, right = draft.space("left", "container"), draft.space("right", "container")
    network = draft.subnet(20, 26)
    mine, theirs = draft.hosts(network, 2)
    both = rng.random() < 0.35
    mode = rng.choice(MODES)
    changes: list[Change] = []
    if both:
        pairs = [draft.veth(left, f"eth{n}", "eth", right, f"eth{n}", "eth") for n in range(2)]
        near = _bond(draft, left, [pair[0] for pair in pairs], mode)
        far = _bond(draft, right, [pair[1] for pair in pairs], mode)
        cables = [end for pair in pairs for end in pair]
    else:
        home = draft.space("switch", "switch")
        lan = draft.bridge(home, "lan")
        ends = [draft.veth(home, f"port{n}", "port", left, f"eth{n}", "eth") for n in range(2)]
        port, far = draft.veth(home, "port2", "port", right, "eth0", "eth")
        for device in (*(end[0] for end in ends), port):
            draft.enslave(device, lan)
        near = _bond(draft, left, [end[1] for end in ends], mode)
        cables = [end for pair in ends for end in pair]
    draft.address(near, f"{mine}/{network.prefixlen}")
    draft.address(far, f"{theirs}/{network.prefixlen}")
    for device in cables:
        if rng.random() < 0.2:
            changes.append(_cable_change(draft, device))
    if rng.random() < 0.1:
        words = ("ip", "link", "set", near.name, "down")
        changes.append(Change("bond-down", (Command(near.space, words),)))
    return tuple(changes)


def _bond(draft: Draft, space: str, slaves: list[Device], mode: str) -> Device:
    rng = draft.rng
    device = draft.add(Device(space, "bond0", "bond", "eth", ""))
    options = ["mode", mode, "miimon", rng.choice(("0", "50", "50", "50"))]
    options += ["all_slaves_active", "1"] if rng.random() < 0.1 else []
    draft.create(space, "ip", "link", "add", "bond0", "type", "bond", *options)
    for slave in slaves:
        if rng.random() < 0.95:
            # A slave must be down when it is taken in; the bond sets it up.
            draft.create(space, "ip", "link", "set", slave.name, "down")
            draft.create(space, "ip", "link", "set", slave.name, "master", "bond0")
    draft.up(device)
    if mode == "active-backup" and rng.random() < 0.3:
        words = ("type", "bond", "primary", slaves[1].name)
        draft.configure(space, "ip", "link", "set", "bond0", *words)
    return device


def _cable_change(draft: Draft, device: Device) -> Change:
    words = draft.rng.choice((
        ("ip", "link", "set", device.name, "down"),
        ("ip", "link", "set", device.name, "down"),
        ("ip", "link", "set", device.name, "nomaster"),
        ("ip", "link", "set", device.name, "address", draft.mac()),
        ("ip", "link", "set", device.name, "mtu", "1300"),
    ))  # fmt: skip
    return Change("cable-change", (Command(device.space, words),))


def vrf(draft: Draft) -> tuple[Change, ...]:
    """A router with one or two VRFs, and three or four machines around it."""
    rng = draft.rng
    router = draft.space("router", "router")
    tables = {"blue": "10", "red": "20"} if rng.random() < 0.7 else {"blue": "10"}
    for name, table in tables.items():
        device = draft.add(Device(router, name, "vrf", "vrf", ""))
        draft.create(router, "ip", "link", "add", name, "type", "vrf", "table", table)
        if rng.random() < 0.95:
            draft.up(device)
        if rng.random() < 0.3:
            draft.address(device, f"10.99.{table}.1/32")
    changes: list[Change] = []
    for number in range(rng.randint(3, 4)):
        master = rng.choice([*tables, *tables, *tables, ""])
        changes += _machine(draft, router, number, master, tables)
    if rng.random() < 0.25:
        changes.append(Change("rule-gone", (Command(router, ("ip", "rule", "del", "priority", "1000")),)))
    if rng.random() < 0.15:
        words = ("ip", "link", "set", rng.choice(list(tables)), "down")
        changes.append(Change("vrf-down", (Command(router, words),)))
    draft.endpoints[:] = [each for each in draft.endpoints if each.space != router or rng.random() < 0.5]
    draft.endpoints.append(Endpoint("m0", "10.10.0.2"))
    return tuple(changes)


def _machine(draft: Draft, router: str, number: int, master: str, tables: dict[str, str]) -> list[Change]:
    """A machine behind a port of the router, with a default route, and what leads to it elsewhere."""
    rng = draft.rng
    space = draft.space(f"m{number}", "container")
    port, nic = draft.veth(router, f"p{number}", "port", space, "eth0", "eth")
    if master:
        draft.configure(router, "ip", "link", "set", port.name, "master", master)
    draft.address(port, f"10.10.{number}.1/24")
    draft.address(nic, f"10.10.{number}.2/24")
    draft.route(space, "default", "via", f"10.10.{number}.1")
    changes = []
    net = f"10.10.{number}.0/24"
    if rng.random() < 0.35:
        # A route of one domain that leads into another, or out of none.
        options: list[tuple[str, ...]] = [("table", table, "dev", port.name) for table in tables.values()]
        options += [("dev", master)] if master else []
        options += [("dev", port.name)]
        words = ("ip", "route", "replace", net, *rng.choice(options))
        changes.append(Change("leak", (Command(router, words),)))
    if rng.random() < 0.2:
        words = rng.choice((
            ("ip", "link", "set", port.name, "nomaster"),
            ("ip", "link", "set", port.name, "master", rng.choice(list(tables))),
            ("ip", "link", "set", port.name, "down"),
            ("sysctl", f"net/ipv4/conf/{port.name}/rp_filter", rng.choice("12")),
            ("ip", "rule", "add", "priority", "900", "iif", port.name, "lookup", "20"),
            ("ip", "route", "add", "unreachable", "default", "metric", "4278198272", "table", "10"),
        ))  # fmt: skip
        changes.append(Change("port-change", (Command(router, words),)))
    return changes


MASTERED: dict[str, tuple[int, Callable[[Draft], tuple[Change, ...]]]] = {
    "bond": (4, bond),
    "vrf": (5, vrf),
}
