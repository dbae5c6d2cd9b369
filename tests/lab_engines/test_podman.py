"""podman's containers by name, out of its storage: no service runs. Its networks by netavark and by CNI plugins."""

from __future__ import annotations

import pytest

from .breakage import Breakage, hold
from .engine import FAR, NEAR, Engine, run

#: podman sets these limits higher as a rule, and one on processes; not every machine allows it.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024", "--pids-limit", "0")


@pytest.fixture(scope="module")
def node(podman: Engine) -> Engine:
    """Two containers on podman's bridge, one beside the first, one of the host's network, one that never ran."""
    for name, *options in (
        ("alpha",),
        ("beta", "-p", "8080:80"),
        ("sidecar", "--network", "container:alpha"),
        ("hosted", "--network", "host"),
    ):
        program = ("httpd", "-f", "-p", "80") if name == "beta" else ("sleep", "600")
        try:
            podman.do("run", "-d", "--name", name, *LIMITS, *options, "tiny", *program)
        except AssertionError as error:
            if name == "alpha":
                pytest.skip(f"podman runs no container here: {str(error)[-300:]}")
            raise
    podman.do("create", "--name", "idle", "tiny", "true")
    return podman


@pytest.fixture(scope="module")
def words(node: Engine) -> dict[str, str]:
    """What the braces in the breakages stand for: `{pair}` is beta's end on the node, `{a}` enters alpha."""
    bridges = run("ip", "-n", node.host, "-br", "link", "show", "type", "bridge").split()
    return {
        "bridge": next(name for name in bridges if "podman" in name),
        "pair": node.pair("beta"),
        "host": node.host,
        "a": node.inside("alpha"),
        "h": f"ip netns exec {node.host}",
        "beta": node.do("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "beta"),
        "far": FAR,
    }


def test_containers_by_name(node: Engine, words: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for source in ("alpha", "podman:sidecar", "hosted"):
        code, report, said = node.ask(monkeypatch, "why-no-ping", source, "podman:beta")
        assert code == 0, (said, report and report["summary"])
        assert report["question"]["source"]["kind"] == "podman"
        assert report["question"]["destination"]["address"] == words["beta"]
        assert node.ping(source.removeprefix("podman:"), words["beta"])


def test_a_made_up_name_of_a_namespace_file_is_not_shown(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    _, report, _ = node.ask(monkeypatch, "why-no-ping", "sidecar", "beta")
    assert report["question"]["source"]["namespace"]["name"] == "alpha"
    assert "netns-" not in report["summary"]


def test_a_published_port_is_followed(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ("why-no-connect", node.far, NEAR, "--tcp")
    code, report, said = node.ask(monkeypatch, *asked, "8080")
    assert code == 0, (said, report and report["summary"])
    code, report, _ = node.ask(monkeypatch, *asked, "8081")
    assert (code, [cause["code"] for cause in report["causes"]]) == (1, ["SYS010"])


#: Who is asked for, and what is broken on the way there.
BREAKAGES = {
    "bridge-down": ("beta", Breakage("{h} ip link set {bridge} down", "", "LNK001", "{host}/{bridge}")),
    "pulled-out": ("beta", Breakage("{h} ip link set {pair} nomaster", "", "BRG001", "{host}/{pair}")),
    "no-default-route": ("far", Breakage("{a} ip route del default", "", "RTE001", "alpha")),
    "dropped": (
        "far",
        Breakage(
            "{h} iptables -I FORWARD -o out -j DROP", "{h} iptables -D FORWARD -o out -j DROP", "FWL001", "{host}"
        ),
    ),
    "no-masquerade": ("far", Breakage("{h} iptables -t nat -F POSTROUTING", "", "NAT001", "{host}")),
}


@pytest.mark.parametrize("breakage", BREAKAGES)
def test_a_breakage_is_named_and_mended_by_its_own_commands(
    node: Engine, words: dict[str, str], monkeypatch: pytest.MonkeyPatch, breakage: str
) -> None:
    target, broken = BREAKAGES[breakage]
    hold(
        broken,
        words,
        lambda: node.ping("alpha", words[target]),
        lambda: node.ask(monkeypatch, "why-no-ping", "alpha", FAR if target == "far" else target),
    )


def test_a_stopped_container_says_so(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    code, report, said = node.ask(monkeypatch, "why-no-ping", "idle", "beta")
    assert (code, report) == (2, None)
    assert "the podman container idle is stopped" in said
