"""Containers by their names without an engine: control groups, the kubelet's logs, machines, hostile answers."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from netdoctor.collect.namespaces import Search
from netdoctor.collect.runtimes import Named, cri, docker, lxc, named, nspawn, podman
from netdoctor.collect.runtimes import engine as engines
from netdoctor.collect.runtimes.scene import Found, Scene, owner_of
from netdoctor.facts.containers import Container

from .conftest import Bench

ID, OTHER, OLD = (digit * 64 for digit in "abc")
UID = "0f0e7a7c-1111-2222-3333-444455556666"
Look = Callable[[Scene], Iterator[Found]]


@contextmanager
def member(bench: Bench, namespace: str, *groups: str) -> Iterator[int]:
    """A process in a namespace and in a control group, as a runtime would start it."""
    roots = [path for path in ("/sys/fs/cgroup/unified", "/sys/fs/cgroup") if os.path.exists(f"{path}/cgroup.procs")]
    if not roots or not os.access(roots[0], os.W_OK):
        pytest.skip("no control groups (version 2) can be made here")
    made = [f"{roots[0]}/" + "/".join(groups[: depth + 1]) for depth in range(len(groups))]
    process = subprocess.Popen(("ip", "netns", "exec", namespace, "sleep", "60"))
    try:
        for path in made:
            os.makedirs(path, exist_ok=True)
        Path(made[-1], "cgroup.procs").write_text(str(process.pid))
        while os.stat(f"/proc/{process.pid}/ns/net").st_ino != bench.inode(namespace):
            time.sleep(0.01)
        yield process.pid
    finally:
        process.kill()
        process.wait()
        for path in reversed(made):
            _remove(path)


def _remove(path: str) -> None:
    for _ in range(50):  # the kernel takes a moment to see that the process is gone
        try:
            os.rmdir(path)
            return
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.02)


def look(*runtimes: Look) -> Named:
    search = Search()
    return named(search.look(), search.processes(), runtimes)


def folder(path: Path, *names: str) -> str:
    path.mkdir(exist_ok=True)
    for name in names:
        (path / name).touch()
    return str(path)


def test_a_pod_by_its_logs(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = bench.add("pod")
    logs = (f"web-0_shop_nginx-{ID}.log", f"web-0_shop_nginx-{OLD}.log", "noise.log")
    monkeypatch.setattr(cri, "LOGS", folder(tmp_path / "containers", *logs))
    monkeypatch.setattr(cri, "POD_LOGS", folder(tmp_path / "pods", f"shop_web-0_{UID}"))
    slice_ = f"ndt-kubepods-besteffort-pod{UID.replace('-', '_')}.slice"
    with member(bench, name, slice_, f"cri-containerd-{ID}.scope"), member(bench, name, f"{slice_}", f"x-{OTHER}"):
        found = look(cri.look)
    here = found.namespaces[bench.inode(name)].containers
    assert [(held.name, held.pod, held.id) for held in here] == [
        ("nginx", "shop/web-0", ID),
        ("", "shop/web-0", OTHER),  # the sandbox, known by its pod's UID alone
    ]
    assert [(held.id, held.state) for held in found.unplaced if held.runtime == "cri"] == [(OLD, "exited")]


def test_a_bundle_of_containerd(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = bench.add("task")
    monkeypatch.setattr(cri, "TASKS", (str(tmp_path),))
    notes = {
        "k8s.io": '{"annotations": {"io.kubernetes.cri.sandbox-namespace": "shop", '
        '"io.kubernetes.cri.sandbox-name": "db-0", "io.kubernetes.cri.container-name": "pg"}}',
        "default": '{"annotations": {"nerdctl/name": "lonely"}}',
        "moby": "{}",
    }
    with member(bench, name, f"ndt-{ID}") as pid:
        for number, (space, text) in enumerate(notes.items()):
            bundle = tmp_path / space / (ID, OTHER, OLD)[number]
            bundle.mkdir(parents=True)
            (bundle / "config.json").write_text(text)
            (bundle / "init.pid").write_text(str(pid))
        found = look(cri.look)
    assert {held.form for held in found.namespaces[bench.inode(name)].containers} == {
        "cri:shop/db-0/pg",
        "cri:lonely",
    }


def test_lxc_and_machines(bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = bench.add("lxc"), bench.add("machine")
    for name in ("box", "asleep", "no-container"):
        (tmp_path / "lxc" / name).mkdir(parents=True)
    (tmp_path / "lxc" / "asleep" / "config").touch()
    monkeypatch.setattr(lxc, "FOLDERS", (str(tmp_path / "lxc"),))
    monkeypatch.setattr(nspawn, "MACHINES", folder(tmp_path / "machines"))
    monkeypatch.setattr(nspawn, "IMAGES", folder(tmp_path / "images", "sid.raw", "trixie.raw", ".hidden"))
    with member(bench, one, "lxc.payload.ndt-box"), member(bench, other, "ndt-any") as leader:
        (tmp_path / "machines" / "sid").write_text(f"CLASS=container\nLEADER={leader}\n")
        (tmp_path / "machines" / "guest").write_text(f"CLASS=vm\nLEADER={leader}\n")
        found = look(lxc.look, nspawn.look)
    assert found.namespaces[bench.inode(one)].containers == (Container("lxc", "ndt-box"),)
    assert found.namespaces[bench.inode(other)].containers == (Container("nspawn", "sid"),)
    assert {held.form for held in found.unplaced} == {"lxc:asleep", "nspawn:trixie"}


def test_a_users_runtime_is_believed_of_this_users_containers_only(bench: Bench) -> None:
    name = bench.add("user")
    root, mine = Container("podman", "root"), Container("podman", "mine")
    command = ("unshare", "--user", "--setuid=0", "--map-root-user", "sleep", "60")
    with member(bench, name, f"ndt-{ID}") as pid:
        other = subprocess.Popen(("setpriv", "--reuid=4321", "--clear-groups", *command))
        try:
            deadline = time.monotonic() + 10
            while owner_of(f"/proc/{other.pid}/ns/user") != 4321 and time.monotonic() < deadline:
                time.sleep(0.02)
            found = look(lambda _: iter((Found(root, pid, owner=4321), Found(mine, other.pid, owner=4321))))
        finally:
            other.kill()
            other.wait()
    assert found.unplaced == (root,)
    assert mine in next(known for known in found.namespaces.values() if known.is_host).containers


@contextmanager
def answering(path: Path, answer: bytes, pause: float = 0) -> Iterator[str]:
    """An engine's socket at which every question gets the same answer."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return
                with connection:
                    connection.settimeout(5)
                    try:
                        connection.recv(4096)
                        for start in range(0, len(answer), 4096 if not pause else 1):
                            connection.sendall(answer[start : start + (4096 if not pause else 1)])
                            time.sleep(pause)
                    except OSError:
                        continue

        threading.Thread(target=serve, daemon=True).start()
        yield f"unix://{path}"
        listener.shutdown(socket.SHUT_RDWR)


OK = b"HTTP/1.0 200 OK\r\n\r\n"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\x00\xff" * 100,
        b"HTTP/1.0 500 No\r\n\r\n[]",
        OK + b"{}",
        OK + b"[" * 200_000,
        OK + b'[{"Id": "' + b"a" * 3_000_000,
        OK[:-4] + b"\r\nX: " + b"x" * 2_000_000,
    ],
)
def test_an_engine_that_lies_costs_its_names_and_no_more(
    answer: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker, "LIMIT", 1_000_000)
    with answering(tmp_path / "s", answer) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        found = look(docker.Asked().look)
    assert [part.what for part in found.missing] == ["the names of Docker's containers"]


def test_an_engine_that_hangs_is_given_up(tmp_path: Path) -> None:
    with answering(tmp_path / "s", OK + b" " * 1000, pause=0.02):
        begun = time.monotonic()
        asked = engines.Inquiry(str(tmp_path / "s"), "/", 0.3)
        with pytest.raises(OSError, match="time"):
            asked.answer(1000)
    assert time.monotonic() - begun < 2


def test_entries_without_sense_are_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = f'{{"Id": "{ID}", "Names": ["/good"], "State": "exited", "New": [1]}}'
    bad = ('{"Id": 7}', "null", f'{{"Id": "{OTHER}", "Names": ["/a\\u001bb"], "State": "exited"}}', '{"Id": "x"}')
    with answering(tmp_path / "s", OK + f"[{','.join((*bad, good))}]".encode()) as address:
        monkeypatch.setenv("DOCKER_HOST", address)
        found = look(docker.Asked().look)
    assert [held.form for held in found.unplaced if held.id in (ID, OTHER, "x")] == ["docker:good"]


def test_state_on_disk_where_the_socket_is_closed(bench: Bench, tmp_path: Path) -> None:
    name = bench.add("disk")
    for ident, text in (
        (ID, f'{{"ID": "{ID}", "Name": "/lives", "State": {{"Running": true, "Pid": 1}}}}'),
        (OTHER, f'{{"ID": "{OTHER}", "Name": "/died", "State": {{"Running": true, "Pid": 1}}}}'),
        (OLD, "{"),
    ):
        (tmp_path / "containers" / ident).mkdir(parents=True)
        (tmp_path / "containers" / ident / "config.v2.json").write_text(text)
    with member(bench, name, f"ndt-{ID}"):
        found = look(lambda scene: docker.on_disk(str(tmp_path), scene))
    assert [held.name for held in found.namespaces[bench.inode(name)].containers] == ["lives"]
    assert [(held.name, held.state) for held in found.unplaced] == [("died", "exited")]


def test_pods_of_podman_are_named_by_its_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    listed = f'[{{"Id": "{ID}", "Names": ["web"], "State": "exited", "Pid": 0, "PodName": "shop"}}]'
    with answering(tmp_path / "s", OK + listed.encode()) as address:
        monkeypatch.setenv("CONTAINER_HOST", address)
        found = look(podman.look)
    assert Container("podman", "web", ID, "shop", "exited") in found.unplaced
