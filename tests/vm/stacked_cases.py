"""Devices that stand on others: VLAN devices on pairs, bridges and bridge ports, in one another; and ipvlan."""

from __future__ import annotations

from collections.abc import Callable

from tests.agreement.model import Device, Draft
from tests.agreement.plan import Change, Command


def vlan_devices(draft: Draft) -> tuple[Change, ...]:
    """Two machines, directly or over a switch that does not filter, each with a VLAN device on its NIC or bridge."""
    rng = draft.rng
    names = [draft.space(name, "container") for name in ("left", "right")]
    nics = _joined(draft, names, mtu=rng.choice((1500, 1500, 1500, 1400)))
    network = draft.subnet(20, 26)
    vid = rng.randint(2, 60)
    protocol = rng.choice(("802.1Q",) * 6 + ("802.1ad",))
    inner = rng.randint(2, 60) if rng.random() < 0.15 else 0
    changes: list[Change] = []
    for nic, host in zip(nics, draft.hosts(network, 2), strict=True):
        parent = _behind_bridge(draft, nic) if rng.random() < 0.3 else nic
        own = vid if rng.random() < 0.88 else vid + 1
        device = _vlan(draft, parent, own, protocol if rng.random() < 0.95 else "802.1ad")
        if inner:
            device = _vlan(draft, device, inner, "802.1Q")
        draft.address(device, f"{host}/{network.prefixlen}")
        if rng.random() < 0.15:
            # The untagged network of the same NIC: its addresses are another device's.
            draft.address(parent, f"{draft.hosts(draft.subnet(24, 28), 1)[0]}/24")
        if parent is not nic and rng.random() < 0.3:
            extra = _vlan(draft, nic, own, protocol)
            changes += [_down(extra)] if rng.random() < 0.5 else []
        if rng.random() < 0.3:
            changes.append(_vlan_change(draft, nic, device))
    return tuple(changes)


def _vlan(draft: Draft, parent: Device, vid: int, protocol: str) -> Device:
    rng = draft.rng
    mac = draft.mac() if rng.random() < 0.2 else ""
    device = draft.add(Device(parent.space, f"v{len(draft.devices)}.{vid}", "vlan", "eth", mac))
    flags: list[str] = [] if rng.random() < 0.8 else ["reorder_hdr", "off"]
    flags += [] if rng.random() < 0.9 else ["loose_binding", "on"]
    words = ("link", parent.name, "name", device.name, *(("address", mac) if mac else ()))
    kind = ("type", "vlan", "protocol", protocol, "id", str(vid), *flags)
    draft.create(parent.space, "ip", "link", "add", *words, *kind)
    draft.up(device)
    return device


def _behind_bridge(draft: Draft, nic: Device) -> Device:
    bridge = draft.bridge(nic.space, "br0")
    draft.enslave(nic, bridge)
    return bridge


def _vlan_change(draft: Draft, nic: Device, device: Device) -> Change:
    rng = draft.rng
    words = rng.choice((
        ("ip", "link", "set", nic.name, "down"),
        ("ip", "link", "set", device.name, "down"),
        ("ip", "link", "set", nic.name, "mtu", "1300"),
        ("ip", "link", "set", device.name, "address", draft.mac()),
        ("ip", "link", "set", nic.name, "address", draft.mac()),
        ("ip", "link", "set", device.name, "arp", "off"),
        ("sysctl", f"net/ipv4/conf/{device.name}/rp_filter", "1"),
    ))  # fmt: skip
    return Change("vlan-change", (Command(nic.space, words),))


def _down(device: Device) -> Change:
    return Change("vlan-down", (Command(device.space, ("ip", "link", "set", device.name, "down")),))


def ipvlan(draft: Draft) -> tuple[Change, ...]:
    """A node whose NIC is the parent of two or three slaves, and a machine behind a switch."""
    rng = draft.rng
    node, outside = draft.space("node", "host"), draft.space("outside", "container")
    nic, far = _joined(draft, [node, outside], switch=True)
    if rng.random() < 0.2:
        vid = rng.randint(2, 60)
        nic, far = (_vlan(draft, one, vid, "802.1Q") for one in (nic, far))
    network = draft.subnet(20, 26)
    spare = draft.hosts(network, 5)
    draft.address(nic, f"{spare[0]}/{network.prefixlen}", ask=rng.random() < 0.5)
    draft.address(far, f"{spare[1]}/{network.prefixlen}")
    mode, flag = rng.choice(("l2", "l2", "l3", "l3", "l3s")), rng.choice(("bridge",) * 4 + ("private", "vepa"))
    inside = draft.subnet(24, 27) if mode != "l2" and rng.random() < 0.7 else None
    addresses = draft.hosts(inside, 3) if inside else spare[2:]
    changes: list[Change] = []
    for number in range(rng.randint(1, 3)):
        home = draft.space(f"c{number}", "container") if rng.random() < 0.9 else node
        device = _slave(draft, nic, home, f"ipv{number}", mode, flag)
        draft.address(device, f"{addresses[number]}/{(inside or network).prefixlen}")
        if mode != "l2" and home != node and rng.random() < 0.9:
            draft.route(home, "default", "dev", device.name)
        elif inside is None and home != node and rng.random() < 0.5:
            draft.route(home, "default", "via", spare[1])
        if rng.random() < 0.2:
            changes.append(_slave_change(draft, device))
    if inside and rng.random() < 0.85:
        draft.route(outside, str(inside), "via", spare[0])
    if rng.random() < 0.2:
        changes.append(_node_change(draft, nic, inside))
    return tuple(changes)


def _slave(draft: Draft, parent: Device, home: str, name: str, mode: str, flag: str) -> Device:
    device = draft.add(Device(home, name, "ipvlan", "eth", ""))
    words = ("link", parent.name, "name", name, *(("netns", f"@{home}") if home != parent.space else ()))
    draft.create(parent.space, "ip", "link", "add", *words, "type", "ipvlan", "mode", mode, flag)
    draft.up(device)
    return device


def _slave_change(draft: Draft, device: Device) -> Change:
    words = draft.rng.choice((
        ("ip", "link", "set", device.name, "down"),
        ("ip", "link", "set", device.name, "mtu", "1300"),
        ("ip", "addr", "flush", "dev", device.name),
        ("ip", "link", "set", device.name, "type", "ipvlan", "mode", draft.rng.choice(("l2", "l3", "l3s"))),
        ("sysctl", f"net/ipv4/conf/{device.name}/rp_filter", "1"),
        ("ip", "route", "flush", "table", "main"),
    ))  # fmt: skip
    return Change("slave-change", (Command(device.space, words),))


def _node_change(draft: Draft, nic: Device, inside: object) -> Change:
    options: list[tuple[str, ...]] = [
        ("ip", "link", "set", nic.name, "down"),
        ("sysctl", "net/ipv4/ip_forward", "0"),
        ("sysctl", f"net/ipv4/conf/{nic.name}/proxy_arp", "1"),
        ("ip", "addr", "flush", "dev", nic.name),
    ]
    options += [("ip", "route", "add", str(inside), "dev", nic.name)] if inside else []
    options += [("ip", "route", "add", "blackhole", str(inside))] if inside else []
    return Change("node-change", (Command(nic.space, draft.rng.choice(options)),))


def _joined(draft: Draft, names: list[str], mtu: int = 1500, switch: bool | None = None) -> list[Device]:
    """The NICs of the namespaces: the ends of one pair, or each on a switch of its own namespace."""
    if switch is None:
        switch = draft.rng.random() < 0.6
    if not switch:
        return list(draft.veth(names[0], "eth0", "eth", names[1], "eth0", "eth", mtu=mtu))
    home = draft.space("switch", "switch")
    bridge = draft.bridge(home, "lan")
    nics = []
    for number, name in enumerate(names):
        port, nic = draft.veth(home, f"port{number}", "port", name, "eth0", "eth", mtu=mtu)
        draft.enslave(port, bridge)
        if draft.rng.random() < 0.1:
            draft.configure(home, "bridge", "link", "set", "dev", port.name, "hairpin", "on")
        nics.append(nic)
    return nics


STACKED: dict[str, tuple[int, Callable[[Draft], tuple[Change, ...]]]] = {
    "vlan-devices": (4, vlan_devices),
    "ipvlan": (5, ipvlan),
}
