"""Two nodes as two machines: snapshots taken of each through a real sshd, and the answer from both together.

Each node of the lab gets a host name, processes and named namespaces of its own (`machine.sh`), so that its snapshot
holds what a snapshot of a real node holds, and nothing of the other node or the switch between them.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from netdoctor import cli
from netdoctor.lab import Fault, Lab, load_faults
from netdoctor.lab.commands import question
from netdoctor.lab.expectation import EXIT_CODES, differences
from netdoctor.lab.record import load_recording
from netdoctor.snapshot import load
from tests.split import homes, machines

Build = Callable[[Fault], Lab]

#: Overlay, routed, proxying sandbox, one layer 2, Services, and one whose next hop nobody has.
FAULTS = (
    "vxlan/fdb-missing",
    "vxlan/composite-neighbour-fdb-filter",
    "vxlan-l2/healthy",
    "host-gw/nexthop-nobody",
    "swarm/proxy-no-neighbour",
    "kube-proxy/healthy",
)


@pytest.fixture(scope="module")
def sshd(kernel: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with keys and configurations for ssh and sshd."""
    if not Path("/usr/sbin/sshd").exists():
        pytest.skip("not installed: openssh-server")
    folder = tmp_path_factory.mktemp("ssh")
    (folder / "kept").mkdir()
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    (folder / "sshd_config").write_text(
        f"HostKey {folder}/host\nAuthorizedKeysFile {folder}/user.pub\nStrictModes no\nUsePAM no\n"
        "PermitRootLogin prohibit-password\nPidFile none\n"
    )
    return folder


def ssh_config(folder: Path, lab: Lab) -> str:
    """An ssh configuration in which each node of the lab is a host."""
    network = lab.network
    home = homes(network, load_recording(f"{network.name}/healthy"))
    lines = [
        f"IdentityFile {folder}/user",
        "User root",
        "StrictHostKeyChecking no",
        "UserKnownHostsFile /dev/null",
    ]
    lines += ["LogLevel ERROR"]
    for node in machines(network):
        spaces = [lab.namespace(node)]
        spaces += [lab.namespace(role) for role, machine in home.items() if machine == node and role != node]
        run = f"{Path(__file__).parent / 'machine.sh'} {folder} {node} {' '.join(spaces)}"
        lines += [f"Host {node}", f"  ProxyCommand unshare -m -u -i -p -f --kill-child sh {run}"]
    path = folder / f"config-{lab.network.name}"
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def left_behind() -> set[str]:
    """What a visit might leave: files where programs put them, and mounts."""
    found = {
        str(path)
        for base in ("/tmp", "/var/tmp", "/dev/shm", "/root")
        for path in Path(base).glob("*netdoctor*")
    }
    return found | {line for line in Path("/proc/self/mounts").read_text().splitlines() if "/kept" in line}


@pytest.mark.parametrize("key", FAULTS)
def test_two_machines_say_what_the_whole_says(
    key: str, build: Build, sshd: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    fault = load_faults()[key]
    lab = build(fault)
    lab.ping()  # as somebody has who asks why it fails: the kernel then knows who did not answer
    if fault.expect.verdict == "unreachable":
        lab.reaches(patience=4)
    nodes, before = machines(lab.network), left_behind()
    words = ["--ssh", *nodes, "--ssh-config", ssh_config(sshd, lab), "-o", str(tmp_path / "all")]
    assert cli.main(["snapshot", *words]) == 0, (sshd / "sshd.log").read_text()
    said = capfd.readouterr().err
    assert f"({len(nodes)} of {len(nodes)})" in said
    assert left_behind() == before
    own = {node: load(tmp_path / "all" / f"{node}.json.gz") for node in nodes}
    assert {node: snapshot.host for node, snapshot in own.items()} == {node: node for node in nodes}
    seen = [name for snapshot in own.values() for ns in snapshot.namespaces for name in ns.id.names]
    assert sorted(seen) == sorted(lab.namespace(role) for role in lab.network.roles if role != "s")

    code = cli.main([*question(lab), "--json", "--snapshot", str(tmp_path / "all")])
    report: dict[str, Any] = json.loads(capfd.readouterr().out)
    names = {role: lab.namespace(role) for role in lab.network.roles}
    assert not differences(fault.expect, report, names)
    assert code == EXIT_CODES[fault.expect.verdict]
    homes_ = homes(lab.network, load_recording(f"{lab.network.name}/healthy"))
    for cause in report["causes"]:
        role = next(role for role, name in names.items() if name == cause["location"]["namespace"]["name"])
        assert cause["location"]["host"] == homes_[role]


def test_a_snapshot_through_ssh_is_the_one_taken_there(
    build: Build, sshd: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """The records in plain Python write what msgspec writes."""
    lab = build(load_faults()["vxlan/healthy"])
    config = ssh_config(sshd, lab)
    assert cli.main(["snapshot", "--ssh", "n1", "--ssh-config", config, "-o", str(tmp_path)]) == 0
    run = [sys.executable, "-m", "netdoctor", "snapshot"]
    env = "".join(f"{key}={os.environ[key]} " for key in ("PYTHONPATH", "PATH") if key in os.environ)
    words = ["ssh", "-F", config, "n1", f"cd {Path(cli.__file__).parents[2]} && {env}{' '.join(run)}"]
    there = subprocess.run(words, capture_output=True, check=True).stdout
    (tmp_path / "there.json").write_bytes(there)
    one, other = load(tmp_path / "n1.json.gz"), load(tmp_path / "there.json")
    facts = {ns.id.names: ns for ns in one.namespaces if ns.id.names}
    wanted = [ns for ns in other.namespaces if ns.id.names]
    assert set(facts) == {ns.id.names for ns in wanted} == {(lab.namespace(role),) for role in ("n1", "a")}
    for ns in wanted:
        mine = facts[ns.id.names]
        assert mine.links == ns.links
        assert mine.addresses == ns.addresses
        assert mine.routes == ns.routes
        assert mine.rules == ns.rules
        assert set(mine.fdb) == set(ns.fdb)
        assert (mine.sysctls, len(mine.nsids)) == (ns.sysctls, len(ns.nsids))


def test_hosts_that_give_no_snapshot_are_named(
    kernel: None, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if shutil.which("ssh") is None:
        pytest.skip("not installed: openssh-client")
    config = tmp_path / "config"
    config.write_text("Host one\n  ProxyCommand false\nHost two\n  ProxyCommand false\n")
    assert (
        cli.main(["snapshot", "--ssh", "one", "two", "--ssh-config", str(config), "-o", str(tmp_path)]) == 3
    )
    assert "no snapshot of one, two" in capfd.readouterr().err
    assert cli.main(["snapshot", "--ssh", "one", "one", "-o", str(tmp_path)]) == 2
    assert cli.main(["snapshot", "-o", str(tmp_path), "--ssh", "a b"]) == 2
    assert not list(tmp_path.glob("*.gz"))
