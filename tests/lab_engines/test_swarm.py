"""Swarm's overlay over two engines: VXLAN in a hidden namespace on each, its socket in the engine's own."""

from __future__ import annotations

import pytest

from netdoctor.collect.live import LiveHost

from .breakage import Breakage, hold
from .engine import FAR, NEAR, Engine, other_end

TYPE = "{{range .NetworkSettings.Networks}}{{.%s}}{{end}}"


@pytest.fixture(scope="module")
def swarm(pair_of_dockers: tuple[Engine, Engine]) -> tuple[Engine, Engine]:
    """Two engines of one swarm, with a container of the overlay network `backend` on each."""
    first, second = pair_of_dockers
    for made, address in ((first, NEAR), (second, FAR)):
        own = ("--advertise-addr", address, "--listen-addr", f"{address}:2377")
        if made is first:
            made.do("swarm", "init", *own)
            made.do("network", "create", "-d", "overlay", "--attachable", "backend")
        else:
            made.do("swarm", "join", *own, "--token", first.do("swarm", "join-token", "-q", "worker"), f"{NEAR}:2377")
    start(first, "one", "sleep", "600")
    start(second, "two", "httpd", "-f", "-p", "80")
    return first, second


def start(made: Engine, name: str, *program: str) -> None:
    """Run a container of the overlay network: its manager gives up after 20 s, which is little on a busy machine."""
    made.do("create", "--name", name, "--network", "backend", "tiny", *program)
    for last in (False, False, True):
        try:
            made.do("start", name)
            return
        except AssertionError as error:
            if last:
                pytest.skip(f"Swarm attaches no container to its network here: {str(error)[-200:]}")


def seen(made: Engine, name: str, what: str) -> str:
    return made.do("inspect", "-f", TYPE % what, name)


def hidden(made: Engine, name: str) -> str:
    """The file of the namespace that holds a container's overlay network."""
    return f"{made.folder}/exec-root/netns/1-{seen(made, name, 'NetworkID')[:10]}"


def test_between_two_engines_everything_is_seen(
    swarm: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = swarm
    for source, destination, made, other in (("one", "two", first, second), ("two", "one", second, first)):
        address = seen(other, destination, "IPAddress")
        assert made.ping(source, address)
        code, report, _ = made.ask(monkeypatch, "why-no-ping", source, address)
        assert code == 0, report["summary"]
        crossed = {step["interface"] for leg in report["path"]["legs"] for step in leg["steps"]}
        assert {"vxlan0", "out", "in"} <= crossed
    asked = ("why-no-connect", "one", seen(second, "two", "IPAddress"), "--tcp")
    assert first.ask(monkeypatch, *asked, "80")[0] == 0
    code, report, _ = first.ask(monkeypatch, *asked, "81")
    assert (code, [cause["code"] for cause in report["causes"]]) == (1, ["SYS010"])


def test_hidden_namespaces_are_shown_by_their_networks(
    swarm: tuple[Engine, Engine], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = swarm
    monkeypatch.setenv("DOCKER_HOST", first.environment["DOCKER_HOST"])
    with LiveHost() as host:
        own = [known for known in host.namespaces() if any(str(first.folder) in path for path in known.paths)]
    labels = [known.label for known in own]
    assert "one" in labels
    for purpose in ("overlay network backend", "load balancer of network backend", "ingress"):
        assert [label for label in labels if f"Docker's {purpose}" in label], labels


#: `{over1}` enters the namespace with the VXLAN device of the first engine, `{c2}` the container on the second …
BREAKAGES = {
    "peer-forgotten": Breakage(
        "{over1} bridge fdb del {mac2} dev vxlan0",
        "{over1} bridge fdb replace {mac2} dev vxlan0 dst {far} self permanent",
        "VXL001",
        "{hidden1}/vxlan0",
    ),
    "peer-elsewhere": Breakage(
        "{over1} bridge fdb replace {mac2} dev vxlan0 dst 198.51.100.9 self permanent",
        "{over1} bridge fdb replace {mac2} dev vxlan0 dst {far} self permanent",
        "VXL002",
        "{hidden1}/vxlan0",
    ),
    "neighbour-forgotten": Breakage(
        "{over1} ip neigh del {ip2} dev vxlan0; {c1} ip neigh flush dev eth0",
        "{over1} ip neigh replace {ip2} lladdr {mac2} dev vxlan0 nud permanent",
        "VXL017",
        "{hidden1}/vxlan0",
    ),
    "neighbour-wrong": Breakage(
        "{over1} ip neigh replace {ip2} lladdr 02:42:0a:00:00:99 dev vxlan0 nud permanent; "
        "{c1} ip neigh flush dev eth0",
        "{over1} ip neigh replace {ip2} lladdr {mac2} dev vxlan0 nud permanent; {c1} ip neigh flush dev eth0",
        "NEI001",
        "one/eth0",
    ),
    "port-blocked": Breakage(
        "{e2} iptables -I INPUT -p udp --dport 4789 -j DROP",
        "{e2} iptables -D INPUT -p udp --dport 4789 -j DROP",
        "FWL001",
        "{second}",
    ),
    "tunnel-down": Breakage("{over1} ip link set vxlan0 down", "", "LNK001", "{hidden1}/vxlan0"),
    "pulled-out": Breakage("{over2} ip link set {port2} nomaster", "", "BRG001", "{hidden2}/{port2}"),
    "container-down": Breakage("{c2} ip link set eth0 down", "", "LNK001", "eth0"),
    "engine-moved": Breakage(
        "{e2} sysctl -qw net.ipv4.conf.in.promote_secondaries=1; {e2} ip addr add 198.51.100.22/24 dev in; "
        "{e2} ip addr del {far}/24 dev in",
        "{e2} ip addr add {far}/24 dev in; {e2} ip addr del 198.51.100.22/24 dev in; "
        "{over1} bridge fdb replace {mac2} dev vxlan0 dst {far} self permanent",
        "VXL002",
        "{hidden1}/vxlan0",
    ),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_breakage_is_named_and_mended_by_its_own_commands(
    swarm: tuple[Engine, Engine], words: dict[str, str], monkeypatch: pytest.MonkeyPatch, breakage: str
) -> None:
    first, _ = swarm
    report = hold(
        BREAKAGES[breakage],
        words,
        lambda: first.ping("one", words["ip2"]),
        lambda: first.ask(monkeypatch, "why-no-ping", "one", words["ip2"]),
    )
    if breakage == "neighbour-wrong":
        assert len(report["causes"][0]["fix"]["commands"]) == 2, "where it was learned from is put right as well"


@pytest.fixture(scope="module")
def words(swarm: tuple[Engine, Engine]) -> dict[str, str]:
    """What the braces in the breakages stand for."""
    first, second = swarm
    found = {"far": FAR, "second": second.host, "e2": f"ip netns exec {second.host}"}
    for number, made, name in (("1", first, "one"), ("2", second, "two")):
        path = hidden(made, name)
        found[f"over{number}"] = f"nsenter --net={path}"
        found[f"hidden{number}"] = f"Docker's overlay network backend ({path})"
        found[f"c{number}"] = made.inside(name)
        found[f"ip{number}"] = seen(made, name, "IPAddress")
        found[f"mac{number}"] = seen(made, name, "MacAddress")
    found["port2"] = other_end(found["c2"], found["over2"])
    return found
