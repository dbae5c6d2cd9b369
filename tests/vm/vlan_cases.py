"""Random networks that need what a small kernel lacks: bridge VLAN filtering, dummy devices, nexthop objects.

As in ``tests.agreement.generate``, a seed is all there is to a network; what differs is that the healthy state is not
built first: membership is drawn at random around a plan of VLANs, so that about half of the questions can be answered.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv4Network

from tests.agreement.model import Device, Draft
from tests.agreement.plan import Change, Command, Plan, Question, WarmUp
from tests.vm.loose_cases import dummy_devices, multipath
from tests.vm.mastered_cases import MASTERED
from tests.vm.stacked_cases import STACKED

VIDS = (10, 20, 30)
HOST = "host"


@dataclass
class Member:
    """A device with VLANs: a bridge port, or the bridge itself (``itself``); ``vid`` is what it is meant to be in."""

    device: Device
    vid: int
    itself: bool = False

    def words(self, action: str, vid: int, *flags: str) -> tuple[str, ...]:
        tail = (*flags, "self") if self.itself else flags
        return ("bridge", "vlan", action, "dev", self.device.name, "vid", str(vid), *tail)


@dataclass
class Bridge:
    """A bridge of the case, its default PVID, and its members."""

    device: Device
    filtering: bool
    default_pvid: int
    members: list[Member] = field(default_factory=list)


def vlan_network(seed: int) -> Plan:
    """The plan of this seed; the same in every process and on every machine. Touches nothing."""
    rng = random.Random(f"vlan-{seed}")
    draft = Draft(rng)
    names = list(FAMILIES)
    family = rng.choices(names, [FAMILIES[name][0] for name in names])[0]
    changes = FAMILIES[family][1](draft)
    question = _ask(draft)
    return Plan(seed, family, tuple(draft.roles), draft.build(), _warm_up(draft, question), changes, question)


def one_bridge(draft: Draft) -> tuple[Change, ...]:
    """Two to four containers on a bridge, the host behind it now and then an endpoint."""
    bridge = make_bridge(draft, HOST, filtering=draft.rng.random() < 0.9)
    network = draft.subnet(20, 26)
    spare = draft.hosts(network, 6)
    names = [f"c{number}" for number in range(draft.rng.randint(2, 4))]
    fill(draft, bridge, network, spare, names, draft.rng.choice(VIDS))
    return finish(draft, [bridge])


def trunk(draft: Draft) -> tuple[Change, ...]:
    """Two bridges, each with containers, joined by a pair that is meant to carry the VLANs tagged."""
    rng = draft.rng
    network = draft.subnet(20, 26)
    spare = draft.hosts(network, 8)
    apart = rng.random() < 0.5
    bridges = [
        make_bridge(draft, space, filtering=rng.random() < 0.85)
        for space in (HOST, "other" if apart else HOST)
    ]
    common = rng.choice(VIDS)
    for number, bridge in enumerate(bridges):
        fill(
            draft,
            bridge,
            network,
            spare,
            [f"c{number}{letter}" for letter in "ab"[: rng.randint(1, 2)]],
            common,
        )
    left, right = (bridge.device for bridge in bridges)
    ends = draft.veth(left.space, "trunk0", "port", right.space, "trunk1", "port")
    for bridge, end in zip(bridges, ends, strict=True):
        draft.enslave(end, bridge.device)
        member = Member(end, 0)
        if bridge.default_pvid and rng.random() < 0.8:
            draft.configure(end.space, *member.words("del", bridge.default_pvid))
        for vid in VIDS:
            if rng.random() < 0.92:
                flags = rng.choices(((), ("untagged",), ("pvid",), ("pvid", "untagged")), (88, 4, 4, 4))[0]
                draft.configure(end.space, *member.words("add", vid, *flags))
        bridge.members.append(member)
    return finish(draft, bridges)


def vlan_device(draft: Draft) -> tuple[Change, ...]:
    """A container that takes its VLAN tagged, on an 802.1Q device."""
    rng = draft.rng
    bridge = make_bridge(draft, HOST, filtering=True)
    network = draft.subnet(20, 26)
    spare = draft.hosts(network, 6)
    common = rng.choice(VIDS)
    fill(draft, bridge, network, spare, ["c0", "c1"], common)
    draft.space("tagged", "container")
    port, eth = draft.veth(HOST, "trunk0", "port", "tagged", "eth0", "parent")
    draft.enslave(port, bridge.device)
    draft.configure(HOST, *Member(port, 0).words("add", common))
    device = draft.add(Device("tagged", f"eth0.{common}", "vlan", "eth", ""))
    words = ("link", eth.name, "name", device.name, "type", "vlan", "id", str(common))
    draft.configure("tagged", "ip", "link", "add", *words)
    draft.up(device)
    draft.address(device, f"{spare.pop()}/{network.prefixlen}")
    bridge.members.append(Member(port, common))
    return finish(draft, [bridge])


def make_bridge(draft: Draft, space: str, filtering: bool) -> Bridge:
    """A bridge, its namespace if need be; filtering is on from the start, or only once everything else is set."""
    rng = draft.rng
    if space not in draft.roles:
        draft.space(space, "host")
    name = draft.name("br0", "br1")
    fixed = rng.random() < 0.7
    device = draft.add(Device(space, name, "bridge", "bridge", draft.mac() if fixed else ""))
    pvid = rng.choice((1, 1, 1, 0, 0, 10, 5))
    early = filtering and rng.random() < 0.6
    words = ["vlan_default_pvid", str(pvid), *(["vlan_filtering", "1"] if early else [])]
    address = ("address", device.mac) if fixed else ()
    draft.create(space, "ip", "link", "add", name, *address, "type", "bridge", *words)
    draft.up(device)
    bridge = Bridge(device, filtering, pvid)
    bridge.members.append(Member(device, pvid, itself=True))
    return bridge


def fill(
    draft: Draft, bridge: Bridge, network: IPv4Network, spare: list[str], containers: list[str], common: int
) -> None:
    """Containers on the bridge, most of them in the VLAN ``common``, and perhaps an address for the host."""
    rng = draft.rng
    host = bridge.members[0]
    if rng.random() < 0.6:
        draft.address(bridge.device, f"{spare.pop()}/{network.prefixlen}")
        if rng.random() < 0.8:
            host.vid = common
            join(draft, bridge, host)
    for container in containers:
        draft.space(container, "container")
        port, eth = draft.veth(
            bridge.device.space, draft.name("veth", "port"), "port", container, "eth0", "eth"
        )
        draft.enslave(port, bridge.device)
        draft.address(eth, f"{spare.pop()}/{network.prefixlen}")
        member = Member(port, common if rng.random() < 0.8 else rng.choice(VIDS))
        if rng.random() < 0.9:
            join(draft, bridge, member)
        bridge.members.append(member)


def join(draft: Draft, bridge: Bridge, member: Member) -> None:
    """Make it an access port of its VLAN, mostly in the way one should."""
    rng = draft.rng
    space = member.device.space
    flags = rng.choices(
        (("pvid", "untagged"), ("pvid",), ("untagged",), ()),
        (84, 6, 6, 4),
    )[0]
    if bridge.default_pvid and bridge.default_pvid != member.vid and rng.random() < 0.6:
        draft.configure(space, *member.words("del", bridge.default_pvid))
    draft.configure(space, *member.words("add", member.vid, *flags))
    if rng.random() < 0.25:
        # Several VLANs on one port: frames of another one come out here too (asymmetric VLANs).
        extra = rng.choice(VIDS)
        if extra != member.vid:
            draft.configure(
                space, *member.words("add", extra, *rng.choice((("untagged",), ("untagged",), ())))
            )


def finish(draft: Draft, bridges: list[Bridge]) -> tuple[Change, ...]:
    """Forwarding entries and port flags; what is done last stands as changes, after the warm-up."""
    changes = []
    for bridge in bridges:
        for _ in range(draft.rng.choice((0, 1, 1, 2))):
            change = draft.rng.choices([each for _, each in TWEAKS], [weight for weight, _ in TWEAKS])[0]
            done = change(draft, bridge)
            if done is not None:
                changes.append(done)
        if bridge.filtering:
            name = bridge.device.name
            words = ("ip", "link", "set", name, "type", "bridge", "vlan_filtering", "1")
            changes.append(Change("filtering-on", (Command(bridge.device.space, words),)))
    return tuple(changes)


def static_entry(draft: Draft, bridge: Bridge) -> Change | None:
    """A forwarding entry for a container or the bridge, with a VLAN or for all of them, at the right port or not."""
    rng = draft.rng
    ports = [member for member in bridge.members if not member.itself]
    port, owner = rng.choice(ports), rng.choice(ports)
    if rng.random() < 0.6:
        port = owner
    mac = owner.device.peer.mac if owner.device.peer else ""
    vlan = rng.choice(((), ("vlan", str(owner.vid or 10)), ("vlan", str(rng.choice(VIDS)))))
    kind = rng.choice((("static",), ("static",), ("dynamic",), ("static", "sticky"), ("local",)))
    words = ("bridge", "fdb", "replace", mac, "dev", port.device.name, "master", *kind, *vlan)
    return Change("static-entry", (Command(port.device.space, words),))


def membership(draft: Draft, bridge: Bridge) -> Change | None:
    """Take a VLAN away from a member, or give it another one."""
    rng = draft.rng
    member = rng.choice(bridge.members)
    vid = member.vid or rng.choice(VIDS)
    flags = rng.choice(((), ("pvid",), ("untagged",), ("pvid", "untagged")))
    words = member.words("del", vid) if rng.random() < 0.4 else member.words("add", vid, *flags)
    return Change("membership", (Command(member.device.space, words),))


def port_flag(draft: Draft, bridge: Bridge) -> Change | None:
    """Learning, flooding, isolation, hairpin of a port."""
    rng = draft.rng
    flags = rng.choice((("learning", "off"), ("flood", "off"), ("isolated", "on"), ("hairpin", "on"),
                        ("bcast_flood", "off"), ("neigh_suppress", "on")))  # fmt: skip
    port = rng.choice([member for member in bridge.members if not member.itself]).device
    return Change("port-flag", (Command(port.space, ("bridge", "link", "set", "dev", port.name, *flags)),))


def promiscuous(draft: Draft, bridge: Bridge) -> Change | None:
    """Somebody captures on the bridge: it passes up what its own membership would not let through."""
    words = ("ip", "link", "set", bridge.device.name, "promisc", "on")
    return Change("promisc", (Command(bridge.device.space, words),))


def toggled(draft: Draft, bridge: Bridge) -> Change | None:
    """Filtering off and on again (unless it stays off): what was learned without VLANs is of no use with them."""
    words = ("ip", "link", "set", bridge.device.name, "type", "bridge", "vlan_filtering", "0")
    return Change("toggled", (Command(bridge.device.space, words),))


def port_moved(draft: Draft, bridge: Bridge) -> Change | None:
    """A port leaves the bridge and comes back, with the default PVID alone."""
    port = draft.rng.choice([member for member in bridge.members if not member.itself]).device
    words = (("nomaster",), ("master", bridge.device.name))
    return Change(
        "port-moved", tuple(Command(port.space, ("ip", "link", "set", port.name, *each)) for each in words)
    )


TWEAKS: tuple[tuple[int, Callable[[Draft, Bridge], Change | None]], ...] = (
    (5, static_entry),
    (5, membership),
    (3, port_flag),
    (1, promiscuous),
    (1, toggled),
    (1, port_moved),
)

FAMILIES: dict[str, tuple[int, Callable[[Draft], tuple[Change, ...]]]] = {
    "vlan-bridge": (6, one_bridge),
    "vlan-trunk": (4, trunk),
    "vlan-device": (1, vlan_device),
    "dummy": (1, dummy_devices),
    "multipath": (2, multipath),
    **STACKED,
    **MASTERED,
}


def _ask(draft: Draft) -> Question:
    """Two ends in different namespaces."""
    rng = draft.rng
    target = rng.choice(draft.endpoints)
    others = [point for point in draft.endpoints if point.space != target.space]
    if not others:
        others = [point for point in draft.endpoints if point is not target] or [target]
    source = rng.choice(others)
    size, df = rng.choices(((56, False), (1472, True), (3000, False)), (90, 5, 5))[0]
    return Question(source.space, target.space, target.address, size=size, df=df)


def _warm_up(draft: Draft, question: Question) -> tuple[WarmUp, ...]:
    """None, or pings along the question and between others, so that lladdrs are learned before the changes."""
    rng = draft.rng
    if rng.random() < 0.5:
        return ()
    pings = [WarmUp(question.source, question.address)]
    for _ in range(2):
        source, target = rng.choice(draft.endpoints), rng.choice(draft.endpoints)
        if source.space != target.space:
            pings.append(WarmUp(source.space, target.address))
    return tuple(pings)
