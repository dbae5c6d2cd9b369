"""Random networks of nodes whose pods are joined by tunnels: IP in IP, GRE, Geneve, WireGuard.

A healthy network is built, and up to two things in it are changed: ends, keys, routes, addresses, peers.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from itertools import permutations

from tests.agreement.families.nodes import Node, pods, underlay
from tests.agreement.model import Device, Draft
from tests.agreement.plan import Change, Command, Plan, Question, WarmUp
from tests.vm.keys import PAIRS

#: Bytes that each kind takes of the underlay's MTU.
OVERHEAD = {"ipip": 20, "gre": 28, "geneve": 50, "wireguard": 60}


def tunnel_network(seed: int) -> Plan:
    """The plan of this seed; the same in every process and on every machine. Touches nothing."""
    rng = random.Random(f"tunnel-{seed}")
    draft = Draft(rng)
    kind = rng.choice(tuple(OVERHEAD))
    nodes = underlay(draft, rng.choice((2, 2, 3)))
    pods(draft, nodes, 1500 - OVERHEAD[kind] if rng.random() < 0.8 else 1500)
    changes = MAKERS[kind](draft, nodes)
    done = tuple(rng.choice(changes) for _ in range(rng.choice((0, 1, 1, 1, 2))))
    return Plan(seed, kind, tuple(draft.roles), draft.build(), _warm_up(draft), done, _ask(draft))


def ipip(draft: Draft, nodes: list[Node]) -> list[Change]:
    """Calico's tunl0: one device for all nodes, the route's next hop is the other end; or a tunnel for each pair."""
    if draft.rng.random() < 0.5:
        return _pairs(draft, nodes, "ipip", ())
    for node in nodes:
        device = draft.add(Device(node.space, "tunl0", "ipip", "tunnel", ""))
        # The module brings tunl0 along in every namespace; making any device of the kind loads it.
        draft.create(node.space, "ip", "link", "add", "load0", "type", "ipip", "remote", "127.0.0.9")
        draft.configure(node.space, "ip", "link", "set", "tunl0", "mtu", "1480", "up")
        if draft.rng.random() < 0.8:
            draft.address(device, f"{draft.subnet(24, 24)[1]}/32")
        for other in nodes:
            if other is not node:
                draft.route(node.space, str(other.pods), "via", other.address, "dev", "tunl0", "onlink")
    return [*_common(draft, nodes, "tunl0"), *_next_hops(draft, nodes)]


def gre(draft: Draft, nodes: list[Node]) -> list[Change]:
    """A GRE tunnel for each pair, with a key or without."""
    key = draft.rng.choice(((), ("key", "7"), ("key", "4294967295"), ("ikey", "5", "okey", "5")))
    return _pairs(draft, nodes, "gre", key)


def geneve(draft: Draft, nodes: list[Node]) -> list[Change]:
    """A routed Geneve tunnel for each pair."""
    return _pairs(draft, nodes, "geneve", ("id", str(draft.rng.randrange(1, 2**24))))


def _pairs(draft: Draft, nodes: list[Node], kind: str, words: tuple[str, ...]) -> list[Change]:
    changes = []
    for number, (node, other) in enumerate(permutations(nodes, 2)):
        name, pair = f"tn{nodes.index(other)}", sorted((nodes.index(node), nodes.index(other)))
        local = () if kind == "geneve" or draft.rng.random() < 0.2 else ("local", node.address)
        if kind == "ipip" and draft.rng.random() < 0.2:
            words = ("ttl", "64", "pmtudisc")
        device = draft.add(Device(node.space, name, kind, "tunnel", ""))
        make = ("ip", "link", "add", name, "type", kind, *words, *local, "remote", other.address)
        draft.create(node.space, *make)
        draft.up(device)
        subnet = f"10.254.{pair[0] * 8 + pair[1]}"
        draft.address(device, f"{subnet}.{1 + nodes.index(node)}/24")
        via = ("via", f"{subnet}.{1 + nodes.index(other)}") if draft.rng.random() < 0.7 or kind == "geneve" else ()
        draft.route(node.space, str(other.pods), *via, "dev", name)
        changes += [*_common(draft, [node], name), *_ends(draft, node, name, kind, words, number)]
    return changes


def wireguard(draft: Draft, nodes: list[Node]) -> list[Change]:
    """One device a node, the others are its peers; some know no endpoint, and learn it."""
    rng, changes = draft.rng, []
    for index, node in enumerate(nodes):
        device = draft.add(Device(node.space, "wg0", "wireguard", "tunnel", ""))
        draft.create(node.space, "ip", "link", "add", "wg0", "type", "wireguard")
        draft.address(device, f"10.254.0.{index + 1}/24")
        draft.configure(
            node.space, "wg", "set", "wg0", "listen-port", "51820", "private-key", "/dev/stdin", text=PAIRS[index][0]
        )
        draft.up(device)
        changes += _common(draft, [node], "wg0")
        for other_index, other in enumerate(nodes):
            if other is node:
                continue
            at = ("endpoint", f"{other.address}:51820") if rng.random() < 0.8 else ()
            allowed = f"10.254.0.{other_index + 1}/32,{other.pods}"
            peer = ("wg", "set", "wg0", "peer", PAIRS[other_index][1])
            draft.configure(node.space, *peer, "allowed-ips", allowed, *at)
            draft.route(node.space, str(other.pods), "dev", "wg0")
            for words in (("allowed-ips", f"10.254.0.{other_index + 1}/32"), ("allowed-ips", str(other.pods)),
                          ("remove",), ("endpoint", f"{other.address}:51821")):  # fmt: skip
                changes.append(Change(f"peer-{words[0]}", (Command(node.space, (*peer, *words)),)))
        changes.append(Change("port", (Command(node.space, ("wg", "set", "wg0", "listen-port", "4500")),)))
    return changes


def _common(draft: Draft, nodes: list[Node], name: str) -> list[Change]:
    """What may befall any tunnel: down, its MTU, the node's forwarding, the way back, a rule."""
    found = []
    for node in nodes:
        for kind, words in (
            ("down", ("ip", "link", "set", name, "down")),
            ("mtu", ("ip", "link", "set", name, "mtu", str(draft.rng.choice((600, 1300, 1500))))),
            ("forwarding", ("sysctl", "net/ipv4/ip_forward", "0")),
            ("rp-filter", ("sysctl", f"net/ipv4/conf/{name}/rp_filter", str(draft.rng.choice((1, 2))))),
            ("address", ("ip", "addr", "flush", "dev", name)),
            ("nic-address", ("ip", "addr", "flush", "dev", "eth0")),
            ("pods", ("ip", "route", "flush", "dev", name)),
        ):
            found.append(Change(f"tunnel-{kind}", (Command(node.space, words),)))
    return found


def _next_hops(draft: Draft, nodes: list[Node]) -> list[Change]:
    """Routes into tunl0 by another node, or by nobody."""
    found = []
    for node, other in permutations(nodes, 2):
        hop = draft.rng.choice([each.address for each in nodes if each is not node] + ["203.0.113.9"])
        words = ("ip", "route", "replace", str(other.pods), "via", hop, "dev", "tunl0", "onlink")
        found.append(Change("next-hop", (Command(node.space, words),)))
        plain = ("ip", "route", "replace", str(other.pods), "via", other.address, "dev", "eth0")
        found.append(Change("beside-tunnel", (Command(node.space, plain),)))
    return found


def _ends(draft: Draft, node: Node, name: str, kind: str, words: tuple[str, ...], number: int) -> list[Change]:
    """Another remote, another local address, another key."""
    again = ("ip", "link", "set", "dev", name, "type", kind, *(words if kind == "geneve" else ()))
    stranger = draft.rng.choice(("203.0.113.9", "10.99.9.9"))
    found = [Change("remote", (Command(node.space, (*again, "remote", stranger)),))]
    if kind != "geneve":
        found.append(Change("local", (Command(node.space, (*again, "local", f"10.98.0.{number + 1}")),)))
    if kind == "gre":
        found.append(Change("key", (Command(node.space, (*again, "key", str(draft.rng.choice((7, 8))))),)))
    return found


MAKERS: dict[str, Callable[[Draft, list[Node]], list[Change]]] = {
    "ipip": ipip,
    "gre": gre,
    "geneve": geneve,
    "wireguard": wireguard,
}


def _ask(draft: Draft) -> Question:
    """Two ends in different namespaces, mostly pods."""
    rng = draft.rng
    inside = [point for point in draft.endpoints if draft.roles[point.space] == "container"]
    target = rng.choice(inside if rng.random() < 0.8 else draft.endpoints)
    source = rng.choice([point for point in inside if point.space != target.space] or draft.endpoints)
    sizes = ((56, False), (1400, True), (1412, True), (1472, True), (2000, False))
    size, df = rng.choices(sizes, (80, 5, 5, 5, 5))[0]
    return Question(source.space, target.space, target.address, size=size, df=df)


def _warm_up(draft: Draft) -> tuple[WarmUp, ...]:
    if draft.rng.random() < 0.5:
        return ()
    source, target = draft.rng.choice(draft.endpoints), draft.rng.choice(draft.endpoints)
    return (WarmUp(source.space, target.address),) if source.space != target.space else ()
