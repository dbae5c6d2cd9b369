"""The networks that CNI plugins make: bridge with portmap and firewall, ptp, macvlan."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from .breakage import Breakage, hold, patient
from .cni import Node, node
from .engine import FAR, NEAR, answered, ask, connects, entered, other_end

DEFAULT = {"routes": [{"dst": "0.0.0.0/0"}]}


@pytest.fixture(scope="module")
def bridged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Two containers on a bridge that masquerades; a port of the first is published, forwarding allowed for both."""
    with node("brg", tmp_path_factory.mktemp("cni")) as made:
        network = made.conflist(
            {"type": "bridge", "bridge": "cni0", "isGateway": True, "ipMasq": True}
            | {"ipam": {"subnet": "10.88.7.0/24"} | DEFAULT},
            {"type": "portmap", "runtimeConfig": {"portMappings": [PUBLISHED]}},
            {"type": "firewall", "backend": "iptables"},
        )
        made.add("a", network)
        made.add("b", [*network[:1], *network[2:]])
        with entered(made.containers[0]):
            server = socket.create_server(("", 80))
        with server:
            yield made


PUBLISHED = {"hostPort": 8080, "containerPort": 80, "protocol": "tcp"}


@pytest.fixture(scope="module")
def routed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Two containers, each on a pair of its own, with a route to each on the node."""
    with node("ptp", tmp_path_factory.mktemp("cni")) as made:
        network = made.conflist({"type": "ptp", "ipMasq": True, "ipam": {"subnet": "10.88.8.0/24"} | DEFAULT})
        for name in ("a", "b"):
            made.add(name, network)
        yield made


@pytest.fixture(scope="module")
def macvlan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """Two containers in the node's own network, on macvlan devices above its NIC."""
    with node("mac", tmp_path_factory.mktemp("cni")) as made:
        ipam = {"subnet": "198.51.100.0/24", "rangeStart": "198.51.100.100", "gateway": FAR} | DEFAULT
        network = made.conflist({"type": "macvlan", "master": "out", "mode": "bridge", "ipam": ipam})
        for name in ("a", "b"):
            made.add(name, network)
        yield made


def enter(name: str) -> str:
    return f"ip netns exec {name}"


def words(made: Node) -> dict[str, str]:
    """What the braces in the breakages stand for: `{h}` enters the node, `{a}` a container, `{pb}` is b's other end."""
    found = {"far": FAR, "host": made.host, "h": enter(made.host)}
    for key, name in zip("ab", made.containers, strict=True):
        found |= {key: enter(name), f"ip_{key}": made.addresses[name], f"name_{key}": name}
    return found


def held(made: Node, breakage: Breakage, known: dict[str, str], destination: str) -> None:
    """Try a breakage between container a and a destination, given as a key of the words."""
    source, address = made.containers[0], known[destination]
    target = address if destination == "far" else known[f"name_{destination[-1]}"]
    hold(breakage, known, lambda: answered(enter(source), address), lambda: ask("why-no-ping", source, target))


def healthy(made: Node) -> None:
    """Between the containers and to the outside, netdoctor says what ping says: it works."""
    one, two = made.containers
    for target, address in ((two, made.addresses[two]), (FAR, FAR)):
        assert patient(lambda address=address: answered(enter(one), address))  # type: ignore[misc]
        code, report, said = ask("why-no-ping", one, target)
        assert code == 0, (said, report and report["summary"])


def test_a_bridge_is_seen_as_healthy(bridged: Node) -> None:
    healthy(bridged)


def test_a_published_port_is_followed(bridged: Node) -> None:
    assert connects(bridged.far, NEAR, 8080)
    code, report, said = ask("why-no-connect", bridged.far, NEAR, "--tcp", "8080")
    assert code == 0, (said, report and report["summary"])
    assert not connects(bridged.far, NEAR, 8081)
    code, report, _ = ask("why-no-connect", bridged.far, NEAR, "--tcp", "8081")
    assert (code, [cause["code"] for cause in report["causes"]]) == (1, ["SYS010"])


BRIDGED = {
    "pulled-out": ("ip_b", Breakage("{h} ip link set {pb} nomaster", "", "BRG001", "{host}/{pb}")),
    "bridge-down": ("ip_b", Breakage("{h} ip link set cni0 down", "{h} ip link set cni0 up", "LNK001", "{host}/cni0")),
    "no-default-route": ("far", Breakage("{a} ip route del default", "", "RTE001", "{name_a}")),
    "not-allowed": (
        "far",
        Breakage(
            "{h} iptables -P FORWARD DROP; {h} iptables -D CNI-FORWARD -s {ip_a} -j ACCEPT",
            "{h} iptables -P FORWARD ACCEPT",
            "FWL002",
            "{host}",
        ),
    ),
    "no-masquerade": (
        "far",
        Breakage("{h} iptables -t nat -F POSTROUTING", "", "NAT001", "{host}"),
    ),
}


@pytest.mark.parametrize("breakage", BRIDGED)
def test_a_broken_bridge_is_named_and_mended(bridged: Node, breakage: str) -> None:
    destination, broken = BRIDGED[breakage]
    pair = other_end(enter(bridged.containers[1]), enter(bridged.host))
    held(bridged, broken, words(bridged) | {"pb": pair}, destination)


def test_a_published_port_that_is_blocked(bridged: Node) -> None:
    hold(
        Breakage(
            "{h} iptables -A CNI-ADMIN -p tcp --dport 80 -j DROP",
            "{h} iptables -D CNI-ADMIN -p tcp --dport 80 -j DROP",
            "FWL001",
            "{host}",
        ),
        words(bridged),
        lambda: connects(bridged.far, NEAR, 8080),
        lambda: ask("why-no-connect", bridged.far, NEAR, "--tcp", "8080"),
    )


def test_routed_pairs_are_seen_as_healthy(routed: Node) -> None:
    healthy(routed)


ROUTED = {
    "no-route-to-container": ("ip_b", Breakage("{h} ip route del {ip_b}", "", "RTE002", "{host}")),
    "no-forwarding": ("ip_b", Breakage("{h} sysctl -qw net.ipv4.ip_forward=0", "", "SYS001", "{host}")),
    "no-way-out": ("far", Breakage("{a} ip route del default", "", "RTE001", "{name_a}")),
    "stranger-in-table": (
        "ip_b",
        Breakage(
            "{a} ip neigh replace {gw} lladdr 02:00:00:00:00:77 dev eth0 nud permanent", "", "NEI001", "{name_a}/eth0"
        ),
    ),
}


@pytest.mark.parametrize("breakage", ROUTED)
def test_broken_routed_pairs_are_named_and_mended(routed: Node, breakage: str) -> None:
    destination, broken = ROUTED[breakage]
    held(routed, broken, words(routed) | {"gw": "10.88.8.1"}, destination)


def test_macvlan_is_seen_as_healthy(macvlan: Node) -> None:
    healthy(macvlan)


MODE = "{b} ip link set eth0 type macvlan mode "
MACVLAN = {
    "private": ("ip_b", Breakage(MODE + "private", MODE + "bridge", "LNK006", "{name_b}/eth0")),
    "down": ("ip_b", Breakage("{b} ip link set eth0 down", "", "LNK001", "{name_b}/eth0")),
    "parent-down": ("far", Breakage("{h} ip link set out down", "", "LNK001", "{host}/out")),
    "too-narrow": (
        "ip_b",
        Breakage(
            "{a} ip addr replace {ip_a}/32 dev eth0; {a} ip addr del {ip_a}/24 dev eth0",
            "{a} ip addr add {ip_a}/24 dev eth0; {a} ip addr del {ip_a}/32 dev eth0",
            "RTE008",
            "{name_a}",
        ),
    ),
}


@pytest.mark.parametrize("breakage", MACVLAN)
def test_a_broken_macvlan_is_named_and_mended(macvlan: Node, breakage: str) -> None:
    destination, broken = MACVLAN[breakage]
    held(macvlan, broken, words(macvlan), destination)
