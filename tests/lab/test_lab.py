"""The lab leaves nothing behind, and its command line says what it does."""

from __future__ import annotations

import argparse
import subprocess
from dataclasses import replace

import pytest

from netdoctor.errors import UsageError
from netdoctor.lab import Lab, LabError, commands, load_faults, load_networks
from netdoctor.lab.netns import exists
from netdoctor.lab.script import Command

PREFIX = "ndtself-"


def parse(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    commands.register(parser.add_subparsers())
    return parser.parse_args(["lab", *words])


def namespaces(lab: Lab) -> list[str]:
    return [lab.namespace(role) for role in lab.network.roles if exists(lab.namespace(role))]


def test_every_network_has_faults() -> None:
    faults = [fault for fault in load_faults().values() if fault.kind == "broken"]
    assert {fault.network for fault in faults} == set(load_networks())


def test_titles_are_told_apart() -> None:
    titles = [(fault.network, fault.title) for fault in load_faults().values()]
    assert len(titles) == len(set(titles))


def test_down_is_idempotent(kernel: None) -> None:
    lab = Lab(load_networks()["bridge"], PREFIX)
    lab.up()
    assert len(namespaces(lab)) == len(lab.network.roles)
    lab.down()
    lab.down()
    assert namespaces(lab) == []


def test_a_failed_build_leaves_nothing(kernel: None) -> None:
    network = load_networks()["bridge"]
    wrong = Command("a", "ip", ("link", "set", "no-such-device", "up"))
    lab = Lab(replace(network, build=(*network.build, wrong)), PREFIX)
    with pytest.raises(LabError, match="no-such-device"):
        lab.up()
    assert namespaces(lab) == []


def test_an_interrupt_leaves_nothing(kernel: None) -> None:
    lab = Lab(load_networks()["bridge"], PREFIX)
    with pytest.raises(KeyboardInterrupt), lab:
        raise KeyboardInterrupt
    assert namespaces(lab) == []


def test_labs_stand_side_by_side(kernel: None) -> None:
    network = load_networks()["bridge"]
    with Lab(network, PREFIX) as one, Lab(network, "ndtother-") as other:
        other.inject(load_faults()["bridge/bridge-down"])
        assert one.ping()
        assert not other.ping()


def test_up_says_what_to_try(kernel: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert commands.run(parse("up", "bridge", "--fault", "bridge-down", "--prefix", PREFIX)) == 0
    try:
        text = capsys.readouterr().out
        assert f"netdoctor why-no-ping netns:{PREFIX}bridge-a netns:{PREFIX}bridge-b" in text
        assert f"netdoctor lab down bridge --prefix {PREFIX}" in text
    finally:
        assert commands.run(parse("down", "bridge", "--prefix", PREFIX)) == 0
    assert not exists(f"{PREFIX}bridge-a")


def test_run_asks_and_takes_away(kernel: None) -> None:
    asked: list[list[str]] = []

    def diagnose(words: object) -> int:
        asked.append(list(words))  # type: ignore[call-overload]
        assert exists(f"{PREFIX}bridge-a")
        return 1

    args = parse("run", "bridge/port-mtu-mismatch", "--prefix", PREFIX)
    assert commands.run(args, diagnose) == 1
    assert asked == [["why-no-ping", f"netns:{PREFIX}bridge-a", f"netns:{PREFIX}bridge-b", "--size", "3000"]]
    assert not exists(f"{PREFIX}bridge-a")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("up", "brige"), "no network 'brige' in the lab; did you mean bridge"),
        (("run", "vxlan/fdb-mising"), "no fault 'fdb-mising' in vxlan; did you mean fdb-missing"),
        (("list", "zzz"), "`netdoctor lab list` shows all"),
    ],
)
def test_unknown_names(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        commands.run(parse(*words))


def test_own_namespace_is_left_alone(kernel: None) -> None:
    links = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    with Lab(load_networks()["two-bridges"], PREFIX):
        after = subprocess.run(["ip", "-o", "link"], capture_output=True, text=True, check=True).stdout
    assert after == links
