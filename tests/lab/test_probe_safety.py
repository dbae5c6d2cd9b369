"""A probe leaves nothing behind, however it ends, disturbs no other, and tells what it may not do."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from netdoctor.lab import Fault, Lab, load_faults
from netdoctor.lab.commands import question
from netdoctor.probe.tracefs import NAME, Instance, Unavailable, _mounted, remove_leftovers

Build = Callable[[Fault], Lab]
PATIENCE = 20.0


def run(lab: Lab, *more: str) -> subprocess.Popen[str]:
    """Start a netdoctor of its own that puts the lab's question."""
    words = [sys.executable, "-m", "netdoctor", *question(lab), "--json", *more]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def report(process: subprocess.Popen[str]) -> dict[str, Any]:
    out, err = process.communicate(timeout=PATIENCE)
    assert err == ""
    told: dict[str, Any] = json.loads(out)
    return told


def instances(pid: int) -> list[str]:
    """The tracing instances of a process, by their names."""
    try:
        root = _mounted()
    except Unavailable as error:
        pytest.skip(str(error))
    try:
        folder = os.open("instances", os.O_RDONLY, dir_fd=root)
        try:
            return [name for name in os.listdir(folder) if name.startswith(f"{NAME}{pid}-")]
        finally:
            os.close(folder)
    finally:
        os.close(root)


@pytest.fixture
def probing(build: Build) -> Iterator[tuple[Lab, subprocess.Popen[str]]]:
    """A lab whose packets are lost, and a netdoctor that is in the middle of its probe."""
    lab = build(load_faults()["bridge/nft-bridge-drop"])
    process = run(lab)
    end = time.monotonic() + PATIENCE
    while not instances(process.pid):  # it traces from the second packet on
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.005)
    try:
        yield lab, process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_takes_everything_away(
    probing: tuple[Lab, subprocess.Popen[str]], by: signal.Signals
) -> None:
    _, process = probing
    process.send_signal(by)
    out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, "", "netdoctor: interrupted\n")
    assert instances(process.pid) == []


def test_what_a_killed_run_leaves_is_taken_away_by_the_next(
    probing: tuple[Lab, subprocess.Popen[str]],
) -> None:
    _, process = probing
    process.kill()
    process.communicate()
    assert instances(process.pid) != []
    remove_leftovers()
    assert instances(process.pid) == []


def test_an_instance_in_use_is_nobodys_leftover() -> None:
    """Another run's may have a pid that is not seen from here; the kernel refuses to remove what is open."""
    try:
        mine = Instance({})
    except Unavailable as error:
        pytest.skip(str(error))
    root = _mounted()
    try:
        with pytest.raises(OSError, match="busy"):
            os.rmdir(f"instances/{mine._name}", dir_fd=root)
    finally:
        os.close(root)
        mine.close()
    assert mine._name not in instances(os.getpid())


def test_an_instance_that_a_child_holds_for_a_moment_is_taken_away_all_the_same() -> None:
    """From its fork to its exec, a child that another thread starts has every descriptor of ours."""
    try:
        mine = Instance({})
    except Unavailable as error:
        pytest.skip(str(error))
    with subprocess.Popen(["sleep", "0.2"], pass_fds=[mine._pipe]):
        name = mine._name
        mine.close()
        assert name not in instances(os.getpid())


def test_a_namespace_that_vanishes_ends_the_probe_and_not_the_program(
    probing: tuple[Lab, subprocess.Popen[str]],
) -> None:
    lab, process = probing
    lab.down()
    out, err = process.communicate(timeout=PATIENCE)
    assert err == ""
    assert process.returncode in (0, 1, 3)
    assert json.loads(out)["probe"]["received"] == 0


def test_two_at_once_see_their_own_packets_only(build: Build) -> None:
    lab = build(load_faults()["vxlan/healthy"])
    runs = [run(lab) for _ in range(3)]
    for told in [report(process) for process in runs]:
        probe = told["probe"]
        assert (probe["sent"], probe["received"]) == (1, 1)
        requests = [tap["packets"] for tap in probe["taps"] if tap["carries"] == "request"]
        assert requests == [1] * len(requests)
        assert told["agreement"]["agrees"]


def test_a_tunnel_is_seen_from_within_and_from_without(build: Build) -> None:
    lab = build(load_faults()["vxlan/healthy"])
    told = report(run(lab))
    seen = {(tap["namespace"]["name"], tap["interface"]) for tap in told["probe"]["taps"]}
    for node in ("n1", "n2"):
        assert {(lab.namespace(node), name) for name in ("flannel.1", "eth0")} <= seen


def test_no_probe_sends_nothing(build: Build) -> None:
    lab = build(load_faults()["bridge/healthy"])
    told = report(run(lab, "--no-probe"))
    assert told["probe"] is None
    assert told["verdict"] == "reachable"


def test_what_is_not_modelled_is_settled_by_a_packet(build: Build) -> None:
    """An IPsec policy may drop it: unknown, until a packet is lost there and the kernel says why."""
    lab = build(load_faults()["routed/healthy"])
    policy = [
        "xfrm",
        "policy",
        "add",
        "dir",
        "fwd",
        "src",
        "0.0.0.0/0",
        "dst",
        "0.0.0.0/0",
        "action",
        "block",
    ]
    subprocess.run(["ip", "-n", lab.namespace("h"), *policy], check=True, capture_output=True)
    assert report(run(lab, "--no-probe"))["verdict"] == "unknown"
    told = report(run(lab))
    assert told["verdict"] == "unreachable"
    assert [cause["code"] for cause in told["causes"]] == ["ENV001"]
    assert told["probe"]["last_seen"]["namespace"]["name"] == lab.namespace("h")
    assert told["probe"]["kernel_drop_reason"] in (None, "XFRM_POLICY")
    steps = [leg["steps"][-1]["stage"] for leg in told["path"]["legs"] if leg["steps"]]
    assert steps == ["end"]


def test_what_cannot_be_walked_is_reachable_when_it_answers(build: Build) -> None:
    lab = build(load_faults()["bridge/healthy"])
    for role, number in (("a", 1), ("b", 2)):
        name = lab.namespace(role)
        enter = ["nsenter", f"--net=/run/netns/{name}"]
        keys = [f"net.ipv6.conf.{key}.disable_ipv6=0" for key in ("all", "eth0")]
        subprocess.run([*enter, "sysctl", "-qw", *keys], check=True, capture_output=True)
        address = ["addr", "add", f"fd00::{number}/64", "dev", "eth0", "nodad"]
        subprocess.run(["ip", "-n", name, *address], check=True, capture_output=True)
    for target, verdict in (("fd00::2", "reachable"), ("fd00::9", "unknown")):
        words = ["why-no-ping", f"netns:{lab.namespace('a')}", target, "--json"]
        done = subprocess.run(
            [sys.executable, "-m", "netdoctor", *words], capture_output=True, text=True, check=False
        )
        told = json.loads(done.stdout)
        assert told["verdict"] == verdict
        assert told["probe"]["received"] == (verdict == "reachable")


def test_who_may_not_send_is_told_so(build: Build) -> None:
    lab = build(load_faults()["bridge/healthy"])
    inside = ["nsenter", f"--net=/run/netns/{lab.namespace('a')}"]
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all"]
    words = [sys.executable, "-m", "netdoctor", "why-no-ping", "host", "127.0.0.1", "--json"]
    done = subprocess.run(
        [*inside, *nobody, *words], capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    told = json.loads(done.stdout)
    assert told["probe"] is None
    assert [part["why"] for part in told["missing"] if part["what"] == "a real packet"] == [
        "not permitted: a socket of type SOCK_RAW"
    ]


def test_the_symbols_that_are_explained_are_those_of_the_kernel() -> None:
    from netdoctor.drop_reasons import MEANINGS

    try:
        root = _mounted()
    except Unavailable as error:
        pytest.skip(str(error))
    with open(os.open("events/skb/kfree_skb/format", os.O_RDONLY, dir_fd=root), encoding="ascii") as file:
        known = set(re.findall(r'"([A-Z0-9_]+)"', file.read()))
    os.close(root)
    # Older and newer kernels have others; most of ours must be there.
    assert len(MEANINGS.keys() & known) > 0.8 * len(MEANINGS)
