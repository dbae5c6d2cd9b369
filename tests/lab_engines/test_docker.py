"""Docker's own networks, named as people name containers: healthy, broken in each of several ways, and mended."""

from __future__ import annotations

import pytest

from netdoctor.cli import main
from netdoctor.snapshot import load

from .breakage import Breakage, hold
from .engine import FAR, NEAR, Engine, connects, run


@pytest.fixture(scope="module")
def node(docker: Engine) -> Engine:
    """Containers on the default bridge, on two networks of their own, on the host's, on none, on another's."""
    docker.do("network", "create", "one")
    docker.do("network", "create", "two")
    docker.do("network", "create", "-o", "com.docker.network.bridge.enable_icc=false", "quiet")
    for name, *options in (
        ("alpha",),
        ("beta", "-p", "8080:80"),
        ("gamma", "--network", "one"),
        ("delta", "--network", "one"),
        ("epsilon", "--network", "two"),
        ("hosted", "--network", "host"),
        ("eta", "--network", "quiet"),
        ("theta", "--network", "quiet"),
        ("bare", "--network", "none"),
        ("sidecar", "--network", "container:alpha"),
    ):
        program = ("httpd", "-f", "-p", "80") if name == "beta" else ("sleep", "600")
        docker.do("run", "-d", "--name", name, *options, "tiny", *program)
    docker.do("create", "--name", "idle", "tiny", "true")
    run("ip", "-n", docker.host, "route", "add", "default", "via", FAR)
    return docker


def addressed(node: Engine, name: str) -> str:
    fields = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return node.do("inspect", "-f", fields, name)


@pytest.mark.parametrize(
    ("source", "destination", "code"),
    [
        ("alpha", "beta", ""),
        ("docker:gamma", "docker:delta", ""),
        ("sidecar", "beta", ""),
        ("hosted", "epsilon", ""),
        ("alpha", "gamma", "FWL004"),
        ("gamma", "epsilon", "FWL004"),
        ("eta", "theta", "FWL004"),
        ("bare", "alpha", "LNK003"),
    ],
)
def test_a_ping_between_containers_by_name(
    node: Engine, monkeypatch: pytest.MonkeyPatch, source: str, destination: str, code: str
) -> None:
    found, report, _ = node.ask(monkeypatch, "why-no-ping", source, destination)
    assert found == bool(code), report["summary"]
    assert [cause["code"] for cause in report["causes"]] == code.split(), report["summary"]
    asked = report["question"]["source"]
    assert (asked["kind"], asked["name"]) == ("docker", source.removeprefix("docker:"))
    target = destination.removeprefix("docker:")
    assert report["question"]["destination"]["address"] == addressed(node, target)
    assert node.ping(asked["name"], addressed(node, target)) == (code == "")


def test_who_shares_a_namespace_is_named_by_its_owner(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    _, report, _ = node.ask(monkeypatch, "why-no-ping", "sidecar", "beta")
    assert report["question"]["source"]["namespace"]["name"] == "alpha"
    _, report, _ = node.ask(monkeypatch, "why-no-ping", "hosted", "beta")
    assert report["question"]["source"]["namespace"]["name"] == node.host


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("sidecar", "sidecar and alpha are the same namespace"),
        ("idle", "the Docker container idle is stopped (created)"),
        ("docker:idle", "the Docker container idle is stopped (created)"),
        ("docker:gama", "nothing here is called docker:gama; did you mean docker:gamma"),
        ("podman:beta", "nothing here is called podman:beta"),
    ],
)
def test_what_cannot_be_asked(node: Engine, monkeypatch: pytest.MonkeyPatch, source: str, said: str) -> None:
    code, report, errors = node.ask(monkeypatch, "why-no-ping", source, "alpha")
    assert (code, report) == (2, None)
    assert said in errors


def test_an_id_is_a_name_too(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    short = node.do("inspect", "-f", "{{.Id}}", "alpha")[:12]
    code, report, _ = node.ask(monkeypatch, "why-no-ping", short, "beta")
    assert (code, report["question"]["source"]["name"]) == (0, "alpha")


def test_a_published_port_from_outside(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("why-no-connect", node.far, NEAR, "--tcp")
    code, report, _ = node.ask(monkeypatch, *asked, "8080")
    assert code == 0, report["summary"]
    code, report, _ = node.ask(monkeypatch, *asked, "8081")
    assert code == 1
    assert [cause["code"] for cause in report["causes"]] == ["SYS010"]


#: With `{pair}` for beta's end on the node, `{far}` for what is beyond it.
BREAKAGES = {
    "dropped": (
        FAR,
        Breakage(
            "iptables -I DOCKER-USER -p icmp -j DROP", "iptables -D DOCKER-USER -p icmp -j DROP", "FWL001", "{host}"
        ),
    ),
    "no-masquerade": (
        FAR,
        Breakage(
            "iptables -t nat -D POSTROUTING -s {subnet} ! -o docker0 -j MASQUERADE",
            "iptables -t nat -A POSTROUTING -s {subnet} ! -o docker0 -j MASQUERADE",
            "NAT001",
            "{host}",
        ),
    ),
    "pair-down": ("beta", Breakage("ip link set {pair} down", "", "LNK001", "{host}/{pair}")),
    "no-forwarding": (FAR, Breakage("sysctl -qw net.ipv4.ip_forward=0", "", "SYS001", "{host}")),
    "off-the-bridge": ("beta", Breakage("ip link set {pair} nomaster", "", "BRG001", "{host}/{pair}")),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_breakage_is_named_and_mended_by_its_own_commands(
    node: Engine, monkeypatch: pytest.MonkeyPatch, breakage: str
) -> None:
    target, broken = BREAKAGES[breakage]
    address = addressed(node, target) if target != FAR else FAR
    words = {"pair": node.pair("beta"), "subnet": subnet(node), "host": node.host}
    hold(
        broken.inside(f"ip netns exec {node.host}"),
        words,
        lambda: node.ping("alpha", address),
        lambda: node.ask(monkeypatch, "why-no-ping", "alpha", target),
    )


@pytest.mark.parametrize(("source", "destination"), [("alpha", "gamma"), ("eta", "theta")])
def test_what_docker_keeps_apart_is_let_through_by_the_commands_proposed(
    node: Engine, monkeypatch: pytest.MonkeyPatch, source: str, destination: str
) -> None:
    asked = ("why-no-ping", source, destination)
    _, report, _ = node.ask(monkeypatch, *asked)
    try:
        for cause in report["causes"]:
            for command in cause["fix"]["commands"]:
                run(*command)
        assert node.ping(source, addressed(node, destination))
        code, report, _ = node.ask(monkeypatch, *asked)
        assert code == 0, report["summary"]
    finally:
        for command in ("-F DOCKER-USER", "-A DOCKER-USER -j RETURN"):
            run("ip", "netns", "exec", node.host, "iptables", *command.split())


def test_a_published_port_that_is_not_forwarded(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    accept = "-d {beta}/32 ! -i docker0 -o docker0 -p tcp -m tcp --dport 80 -j ACCEPT"
    broken = Breakage(f"iptables -D DOCKER {accept}", f"iptables -A DOCKER {accept}", "FWL002", "{host}")
    hold(
        broken.inside(f"ip netns exec {node.host}"),
        {"beta": addressed(node, "beta"), "host": node.host},
        lambda: connects(node.far, NEAR, 8080),
        lambda: node.ask(monkeypatch, "why-no-connect", node.far, NEAR, "--tcp", "8080"),
    )


def test_without_translation_the_proxy_of_docker_takes_it(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    enter = ("ip", "netns", "exec", node.host, "iptables", "-t", "nat")
    rule = f"-p tcp -m tcp --dport 8080 -j DNAT --to-destination {addressed(node, 'beta')}:80".split()
    run(*enter, "-D", "DOCKER", "!", "-i", "docker0", *rule)
    try:
        code, report, _ = node.ask(monkeypatch, "why-no-connect", node.far, NEAR, "--tcp", "8080")
        assert connects(node.far, NEAR, 8080) == (code == 0), report["summary"]
    finally:
        run(*enter, "-A", "DOCKER", "!", "-i", "docker0", *rule)


def subnet(node: Engine) -> str:
    return node.do("network", "inspect", "-f", "{{range .IPAM.Config}}{{.Subnet}}{{end}}", "bridge")


def test_who_listens_elsewhere_is_named(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    node.do("run", "-d", "--name", "inward", "tiny", "httpd", "-f", "-p", "127.0.0.1:80")
    asked = ("why-no-connect", "alpha", "inward", "--tcp", "80")
    code, report, _ = node.ask(monkeypatch, *asked)
    assert code == 1
    [cause] = report["causes"]
    assert cause["code"] == "SYS011"
    assert f"held by pid {node.pid('inward')} (httpd), started as `httpd -f -p 127.0.0.1:80`." in cause["explanation"]
    file = str(node.folder / "inward.json")
    assert main(["snapshot", "-o", file]) == 0
    assert node.ask(monkeypatch, *asked, "--snapshot", file)[1]["causes"] == report["causes"]


def test_a_snapshot_knows_the_same_names(
    node: Engine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(node.folder / "node.json.gz")
    monkeypatch.setenv("DOCKER_HOST", node.environment["DOCKER_HOST"])
    assert main(["snapshot", "-o", file]) == 0
    monkeypatch.setenv("DOCKER_HOST", "unix:///nowhere")
    assert {held.name for held in load(file).unplaced if held.runtime == "docker"} == {"idle"}
    code, report, _ = node.ask(monkeypatch, "why-no-ping", "alpha", "docker:beta", "--snapshot", file)
    assert (code, report["question"]["destination"]["kind"]) == (0, "docker")
    code, _, said = node.ask(monkeypatch, "why-no-ping", "idle", "beta", "--snapshot", file)
    assert code == 2
    assert "idle is stopped" in said
    code, report, _ = node.ask(monkeypatch, "why-no-ping", "alpha", "gamma", "--snapshot", file, "--redact")
    assert code == 1
    assert "alpha" not in str(report)
