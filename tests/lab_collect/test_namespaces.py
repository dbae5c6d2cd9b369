"""Namespaces that are hard to find, and link-netnsids that are easy to get wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from netdoctor.collect.live import LiveHost
from netdoctor.collect.namespaces import unescape

from .conftest import PREFIX, Bench, opened

HOLD = "import sys, time; fd = open(sys.argv[1]); print('held', flush=True); time.sleep(60)"
HOLD_SOCKET = (
    "import ctypes, socket, sys, time; fd = open(sys.argv[1]); home = open('/proc/self/ns/net');"
    "libc = ctypes.CDLL(None); libc.setns(fd.fileno(), 0); s = socket.socket(); libc.setns(home.fileno(), 0);"
    "fd.close(); print('held', flush=True); time.sleep(60)"
)


@contextmanager
def holder(program: str, *arguments: str) -> Iterator[int]:
    """Run a Python program that says so when it holds what it should hold."""
    process = subprocess.Popen((sys.executable, "-c", program, *arguments), stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process.pid
    finally:
        process.kill()
        process.wait()


def settled(pid: int, inode: int) -> None:
    """Wait until a process has entered a namespace."""
    deadline = time.monotonic() + 10
    while os.stat(f"/proc/{pid}/ns/net").st_ino != inode:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def pair(bench: Bench, one: str, other: str) -> None:
    bench.ip(one, f"link add v0 type veth peer name v0 netns {other}")


def test_a_named_namespace_and_its_processes(bench: Bench) -> None:
    full = bench.add("named")
    sleeper = subprocess.Popen(("ip", "netns", "exec", full, "sleep", "60"))
    try:
        settled(sleeper.pid, bench.inode(full))
        with LiveHost() as host:
            found = {n.inode: n for n in host.namespaces()}[bench.inode(full)]
        assert found.names == (full,)
        assert found.paths[0] == f"/run/netns/{full}"
        assert found.label == full
        assert [process.pid for process in found.processes] == [sleeper.pid]
        assert not found.is_host
    finally:
        sleeper.kill()
        sleeper.wait()


def test_the_own_namespace_is_the_host(host: LiveHost) -> None:
    [own] = [n for n in host.namespaces() if n.is_host]
    assert own.inode == os.stat("/proc/self/ns/net").st_ino


def test_a_namespace_held_only_by_a_bind_mount(bench: Bench, tmp_path: Path) -> None:
    full = bench.add("mounted")
    inode = bench.inode(full)
    target = tmp_path / "a name with blanks"
    target.touch()
    bench.run("mount", "--bind", f"/run/netns/{full}", str(target))
    try:
        bench.delete(full)
        with LiveHost() as host:
            found = {n.inode: n for n in host.namespaces()}[inode]
            assert str(target) in found.paths
            assert found.names == ()
            namespace = host.namespace(inode)
            assert namespace is not None
            assert namespace.link_named("lo") is not None
        assert (
            bench.run("nsenter", f"--net={found.paths[0]}", "readlink", "/proc/self/ns/net").strip()
            == f"net:[{inode}]"
        )
    finally:
        bench.run("umount", "--lazy", str(target))  # another netdoctor may be looking at it


def test_a_mount_that_another_one_hides_names_nothing(bench: Bench, tmp_path: Path) -> None:
    under, over = bench.add("under"), bench.add("over")
    file, folder = tmp_path / "ns", tmp_path / "folder"
    file.touch()
    folder.mkdir()
    (folder / "ns").touch()
    mounts = [(under, file), (over, file), (under, folder / "ns")]
    try:
        for name, path in mounts:
            bench.run("mount", "--bind", f"/run/netns/{name}", str(path))
            bench.run("mount", "--make-private", str(path))  # else what hides it hides the named file as well
        bench.run("mount", "-t", "tmpfs", "none", str(folder))
        with LiveHost() as host:
            known = {found.inode: found for found in host.namespaces()}
        assert str(file) in known[bench.inode(over)].paths
        assert not {str(file), str(folder / "ns")} & set(known[bench.inode(under)].paths)
    finally:
        bench.run("umount", str(folder))
        for _, path in reversed(mounts):
            bench.run("umount", str(path))


def test_a_link_in_the_folder_of_named_namespaces(bench: Bench) -> None:
    full = bench.add("linked")
    sleeper = subprocess.Popen(("ip", "netns", "exec", full, "sleep", "60"))
    link = Path(f"/run/netns/{PREFIX}symlink")
    try:
        settled(sleeper.pid, bench.inode(full))
        link.symlink_to(f"/proc/{sleeper.pid}/ns/net")
        with LiveHost() as host:
            found = {n.inode: n for n in host.namespaces()}[bench.inode(full)]
        assert set(found.names) == {full, link.name}
    finally:
        link.unlink(missing_ok=True)
        sleeper.kill()
        sleeper.wait()


def test_a_namespace_held_only_by_a_descriptor(bench: Bench) -> None:
    one, other = bench.add("seen"), bench.add("held")
    pair(bench, one, other)
    inode = bench.inode(other)
    with holder(HOLD, f"/run/netns/{other}") as pid:
        bench.delete(other)
        with LiveHost() as host:
            assert inode not in {n.inode for n in host.namespaces()}
            link = opened(host, bench, one).link_named("v0")
            assert link is not None
            assert link.link_netnsid is not None
            assert opened(host, bench, one).peer_namespace(link.link_netnsid) == inode
            found = {n.inode: n for n in host.namespaces()}[inode]
            assert found.paths[0].startswith(f"/proc/{pid}/fd/")
            namespace = host.namespace(inode)
            assert namespace is not None
            assert namespace.link_named("v0") is not None


def test_a_peer_in_a_namespace_that_nobody_can_see(bench: Bench) -> None:
    one, other = bench.add("seen"), bench.add("unseen")
    pair(bench, one, other)
    with holder(HOLD_SOCKET, f"/run/netns/{other}"):
        bench.delete(other)
        # another netdoctor on this machine may have every namespace open for a moment
        for _ in range(50):
            with LiveHost() as host:
                link = opened(host, bench, one).link_named("v0")
                assert link is not None
                assert link.link_netnsid is not None
                if opened(host, bench, one).peer_namespace(link.link_netnsid) is None:
                    break
            time.sleep(0.1)
        else:
            pytest.fail("somebody always sees it")
        [missing] = [m for m in host.missing if "link-netnsid" in m.what]
        assert one in missing.what


def test_ids_belong_to_who_says_them(bench: Bench, host: LiveHost) -> None:
    one, two, three = (bench.add(name) for name in ("one", "two", "three"))
    pair(bench, one, two)
    bench.ip(three, f"link add w0 type veth peer name w0 netns {two}")
    said = {}
    for name, device in ((one, "v0"), (two, "v0"), (two, "w0"), (three, "w0")):
        link = opened(host, bench, name).link_named(device)
        assert link is not None
        assert link.link_netnsid is not None
        said[name, device] = link.link_netnsid
    assert said[one, "v0"] == said[two, "v0"] == said[three, "w0"] == 0
    resolved = {key: opened(host, bench, key[0]).peer_namespace(nsid) for key, nsid in said.items()}
    assert resolved == {
        (one, "v0"): bench.inode(two),
        (two, "v0"): bench.inode(one),
        (two, "w0"): bench.inode(three),
        (three, "w0"): bench.inode(two),
    }
    facts = opened(host, bench, two).facts()
    assert facts.nsids == {said[two, "v0"]: bench.inode(one), said[two, "w0"]: bench.inode(three)}
    assert opened(host, bench, one).peer_namespace(-1) is None
    assert opened(host, bench, one).peer_namespace(4294967295) is None


def test_an_underlay_in_another_namespace(bench: Bench, host: LiveHost) -> None:
    node, pod = bench.add("node"), bench.add("pod")
    bench.ip(
        node,
        f"""
        link add ul0 type veth peer name ul1
        link add vx0 type vxlan id 7 dstport 4789 dev ul0
        link add mv0 link ul0 type macvlan mode bridge
        link set vx0 netns {pod}
        link set mv0 netns {pod}
        """,
    )
    inner = opened(host, bench, pod)
    lower = opened(host, bench, node).link_named("ul0")
    assert lower is not None
    for name in ("vx0", "mv0"):
        link = inner.link_named(name)
        assert link is not None
        assert link.link_netnsid is not None
        assert inner.peer_namespace(link.link_netnsid) == bench.inode(node)
        assert (link.vxlan.link if link.vxlan else link.iflink) == lower.index


def test_a_namespace_that_vanishes_before_it_is_opened(bench: Bench, host: LiveHost) -> None:
    full = bench.add("brief")
    inode = bench.inode(full)
    assert inode in {n.inode for n in host.namespaces()}
    bench.delete(full)
    assert host.namespace(inode) is None
    assert host.namespace(1) is None


def test_a_namespace_that_vanishes_while_it_is_read(bench: Bench, host: LiveHost) -> None:
    full = bench.add("brief")
    bench.ip(full, "link set lo up\nlink add v0 type veth peer name v1")
    namespace = opened(host, bench, full)
    assert namespace.link_named("v0") is not None
    bench.delete(full)
    facts = namespace.facts()
    assert {link.name for link in facts.links} == {"lo", "v0", "v1"}
    assert facts.sysctls["ipv4/ip_forward"] in ("0", "1")


def test_leftovers_are_passed_over(bench: Bench) -> None:
    leftover = Path(f"/run/netns/{PREFIX}leftover")
    bench.add("any")
    leftover.touch()
    try:
        with LiveHost() as host:
            assert leftover.name not in {name for n in host.namespaces() for name in n.names}
    finally:
        leftover.unlink()


def test_the_thread_comes_home(bench: Bench, host: LiveHost) -> None:
    before = os.stat("/proc/thread-self/ns/net").st_ino
    opened(host, bench, bench.add("visited")).facts()
    assert os.stat("/proc/thread-self/ns/net").st_ino == before
    with socket.socket() as own:
        assert own.fileno() >= 0


def test_paths_of_mountinfo() -> None:
    assert unescape(r"/run/a\040b\134c") == "/run/a b\\c"
