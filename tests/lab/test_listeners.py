"""Listeners of the lab: their lines are read, they answer, and they go with the lab that started them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from netdoctor.collect.live import LiveHost
from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import Request, resolve
from netdoctor.lab import Lab, LabError, load_networks
from netdoctor.lab.listeners import PROGRAMS
from netdoctor.lab.records import Asking
from netdoctor.lab.script import Command, parse

PREFIX = f"ndlis{os.getpid()}-"


@pytest.mark.parametrize(
    "words",
    ["tcp 80", "udp 127.0.0.1:53", "tcp [::]:80 v6only full", "tcp 80 dev eth0", "udp [::1]:65535"],
)
def test_a_line_is_read(words: str) -> None:
    assert parse(f"b: listen {words}", ["b"]) == Command("b", "listen", tuple(words.split()))


@pytest.mark.parametrize(
    "words",
    [
        *("tcp", "80", "sctp 80", "tcp 0", "tcp 65536", "tcp web", "tcp here:80", "tcp 80 dev", "tcp 80 x"),
        *("udp 53 full", "tcp 80 pktinfo"),
    ],
)
def test_a_line_of_another_form_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match=r"listen|PORT|address|ROLE"):
        parse(f"b: listen {words}", ["b"])


def running(namespace: str) -> list[str]:
    """The listeners in a namespace, by their command lines."""
    pids = subprocess.run(("ip", "netns", "pids", namespace), capture_output=True, text=True).stdout.split()
    lines = [Path(f"/proc/{pid}/cmdline").read_bytes().decode().replace("\0", " ") for pid in pids]
    program = PROGRAMS["listen"]
    return [line.partition(program)[2].strip() for line in lines if program in line]


def test_they_answer_and_go_with_the_lab(kernel: None) -> None:
    with Lab(load_networks()["bridge"], PREFIX) as lab:
        role = lab.asking.destination
        lab.execute([parse(f"{role}: listen udp 53", [role]), parse(f"{role}: listen tcp 80", [role])])
        address = lab.asking.address
        for protocol, port, answered in (("udp", 53, True), ("tcp", 80, True), ("tcp", 81, False), ("udp", 54, False)):
            lab.asking = Asking(lab.asking.source, role, address, protocol=protocol, port=port)
            assert lab.ping() is answered, (protocol, port)
        namespace = lab.namespace(role)
        assert sorted(running(namespace)) == ["listen tcp 80", "listen udp 53"]
        with pytest.raises(LabError, match="Address already in use"):
            lab.execute([parse(f"{role}: listen udp 127.0.0.1:53", [role]), parse(f"{role}: listen tcp 80", [role])])
        inode = (Path("/run/netns") / namespace).stat().st_ino
    assert not [path for path in Path("/proc").glob("[0-9]*") if _inode(path) == inode]


def test_a_plain_udp_server_answers_from_the_address_that_the_kernel_chooses(kernel: None) -> None:
    """What SYS013 warns of, and its fix: without it only a program that names the source itself is heard."""
    with Lab(load_networks()["two-bridges"], PREFIX) as lab:
        lab.execute(parse(f"b: {line}", ["b"]) for line in ("ip addr add 10.2.0.50/24 dev eth0", "listen udp 5353"))
        lab.asking = Asking("a", "b", "10.2.0.50", by_name=False, protocol="udp", port=5353)
        assert not lab.ping()
        with LiveHost() as host:
            request = Request(f"netns:{lab.namespace('a')}", "10.2.0.50", protocol="udp", port=5353)
            (hazard,) = diagnose(host, resolve(host, request)).hazards
        assert hazard.code == "SYS013"
        assert hazard.fix is not None
        for command in hazard.fix.commands:
            lab.run(command)
        assert lab.ping()


def _inode(path: Path) -> int | None:
    try:
        return (path / "ns/net").stat().st_ino
    except OSError:
        return None


def test_another_process_can_take_them_away(kernel: None) -> None:
    lab = Lab(load_networks()["two-bridges"], PREFIX)
    command = [sys.executable, "-m", "netdoctor", "lab"]
    words = ["two-bridges", "--prefix", PREFIX]
    try:
        done = subprocess.run(
            [*command, "up", *words, "--fault", "tcp-healthy"], capture_output=True, text=True, check=True
        )
        namespace = lab.namespace("b")
        assert f"why-no-connect netns:{lab.namespace('a')} netns:{namespace} --tcp 8080" in done.stdout
        assert running(namespace) == ["listen tcp 8080"]
        inode = (Path("/run/netns") / namespace).stat().st_ino
        subprocess.run([*command, "down", *words], check=True)
        assert not [path for path in Path("/proc").glob("[0-9]*") if _inode(path) == inode]
    finally:
        lab.down()
