"""podman's containers by name, out of its storage: no service of it runs."""

from __future__ import annotations

import subprocess

import pytest

from .engine import Engine

#: podman raises these limits as a rule, and not every machine allows it.
LIMITS = ("--ulimit", "nofile=1024:1024", "--ulimit", "nproc=1024:1024")


@pytest.fixture(scope="module")
def node(podman: Engine) -> Engine:
    """Two containers on podman's bridge, one beside the first, one of the host's network, one that never ran."""
    for name, *options in (
        ("alpha",),
        ("beta",),
        ("sidecar", "--network", "container:alpha"),
        ("hosted", "--network", "host"),
    ):
        try:
            podman.do("run", "-d", "--name", name, *LIMITS, *options, "tiny", "sleep", "600")
        except AssertionError as error:
            if name == "alpha":
                pytest.skip(f"podman runs no container here: {str(error)[-300:]}")
            raise
    podman.do("create", "--name", "idle", "tiny", "true")
    return podman


def test_containers_by_name(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    beta = node.do("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "beta")
    for source in ("alpha", "podman:sidecar", "hosted"):
        code, report, said = node.ask(monkeypatch, "why-no-ping", source, "podman:beta")
        assert code == 0, (said, report and report["summary"])
        assert report["question"]["source"]["kind"] == "podman"
        assert report["question"]["destination"]["address"] == beta
        assert node.ping(source.removeprefix("podman:"), beta)


def test_a_made_up_name_of_a_namespace_file_is_not_shown(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    _, report, _ = node.ask(monkeypatch, "why-no-ping", "sidecar", "beta")
    assert report["question"]["source"]["namespace"]["name"] == "alpha"
    assert "netns-" not in report["summary"]


def test_a_pulled_bridge_is_named_and_mended(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    beta = node.do("inspect", "-f", "{{.NetworkSettings.IPAddress}}", "beta")
    subprocess.run(("ip", "-n", node.host, "link", "set", "podman0", "down"), check=True)
    assert not node.ping("alpha", beta)
    code, report, _ = node.ask(monkeypatch, "why-no-ping", "alpha", "beta")
    assert code == 1
    [cause] = report["causes"]
    for command in cause["fix"]["commands"]:
        subprocess.run(command, check=True)
    assert node.ping("alpha", beta), cause


def test_a_stopped_container_says_so(node: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    code, report, said = node.ask(monkeypatch, "why-no-ping", "idle", "beta")
    assert (code, report) == (2, None)
    assert "the podman container idle is stopped" in said
