"""An engine in a namespace of its own: a Docker daemon that nobody else uses, or podman with a storage of its own."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from netdoctor.cli import main
from netdoctor.collect.nsenter import inside

from . import cgroups

PREFIX = f"ndeng{os.getpid()}-"
#: The node's address on its wire, and that of whoever is at the other end: TEST-NET-2 (RFC 5737), no machine's own.
NEAR, FAR = "198.51.100.1", "198.51.100.2"
#: What the image has besides busybox.
APPLETS = ("sh", "ping", "sleep", "httpd")


class Engine:
    """A namespace `host` in which an engine has its networks, one `far` behind it, and the engine's own words."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.host, self.far = (f"{PREFIX}{folder.name}-{role}" for role in ("host", "far"))
        self.client: tuple[str, ...] = ()
        self.environment: dict[str, str] = {}

    def network(self) -> None:
        """Make the two namespaces, and the wire between them; `far` knows no way back to containers."""
        for name in (self.host, self.far):
            namespace(name)
        wire((self.host, "out", f"{NEAR}/24"), (self.far, "in", f"{FAR}/24"))

    def clean(self) -> None:
        """Take the namespaces away."""
        remove(self.host, self.far)

    def do(self, *words: str) -> str:
        """Run the engine's own command line."""
        return run(*self.enter(), *self.client, *words)

    def enter(self) -> tuple[str, ...]:
        """The beginning of an engine's command: in its network namespace, and with control groups."""
        return ("nsenter", f"--net=/run/netns/{self.host}", *cgroups.prefix())

    def image(self) -> None:
        """Import an image with nothing but busybox in it."""
        layer = self.folder / "image.tar"
        busybox = os.path.realpath(shutil.which("busybox") or "")
        with tarfile.open(layer, "w") as archive:
            archive.add(busybox, "bin/busybox")
            for name in APPLETS:
                link = tarfile.TarInfo(f"bin/{name}")
                link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                archive.addfile(link)
        self.do("import", str(layer), "tiny")

    def pid(self, name: str) -> int:
        """The first process of a container."""
        return int(self.do("inspect", "-f", "{{.State.Pid}}", name))

    def inside(self, name: str) -> str:
        """The beginning of a command that runs in a container's network namespace."""
        return f"nsenter --net=/proc/{self.pid(name)}/ns/net"

    def ping(self, name: str, address: str) -> bool:
        """Tell whether an echo request from a container is answered."""
        return answered(self.inside(name), address)

    def pair(self, name: str) -> str:
        """The device on the node at the other end of a container's eth0."""
        return other_end(self.inside(name), f"nsenter --net=/run/netns/{self.host}")

    def ask(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, Any, str]:
        """Ask netdoctor: its exit code, its report (None where it gives none), and what it says on stderr."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        return ask(*words)


def ask(*words: str) -> tuple[int, Any, str]:
    """Ask netdoctor: its exit code, its report (None where it gives none), and what it says on stderr."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main([*words, "--no-probe", "--json"])
    return code, json.loads(out.getvalue()) if out.getvalue() else None, err.getvalue()


def run(*command: str) -> str:
    """Run a command; a failure is shown with what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout.strip()


def answered(enter: str, address: str) -> bool:
    """Tell whether an echo request is answered; `enter` is the beginning of a command in the sender's namespace."""
    command = (*enter.split(), "ping", "-c1", "-W1", address)
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@contextlib.contextmanager
def entered(name: str) -> Iterator[None]:
    """What is opened in this block is opened in a named namespace."""
    with open(f"/run/netns/{name}", "rb") as file, inside(file.fileno()):
        yield


def connects(name: str, address: str, port: int) -> bool:
    """Tell whether a connection from a namespace stands."""
    try:
        with entered(name):
            socket.create_connection((address, port), 1.5).close()
    except OSError:
        return False
    return True


def other_end(enter: str, beyond: str, device: str = "eth0") -> str:
    """The device at the other end of a pair: `enter` begins a command in the one namespace, `beyond` in the other."""
    shown = run(*enter.split(), "ip", "-o", "link", "show", "dev", device)
    number = shown.partition("@if")[2].partition(":")[0]
    return run(*beyond.split(), "ip", "-o", "link").partition(f"\n{number}: ")[2].partition("@")[0]


def namespace(name: str) -> None:
    """Make a namespace whose loopback is up."""
    run("ip", "netns", "add", name)
    run("ip", "-n", name, "link", "set", "lo", "up")


def wire(*ends: tuple[str, str, str]) -> None:
    """Join two namespaces by a pair of devices; each end is (namespace, device, address with its prefix length)."""
    (here, device, _), (there, peer, _) = ends
    run("ip", "link", "add", device, "netns", here, "type", "veth", "peer", "name", peer, "netns", there)
    for name, end, address in ends:
        run("ip", "-n", name, "addr", "add", address, "dev", end)
        run("ip", "-n", name, "link", "set", end, "up")


def remove(*names: str) -> None:
    """Take namespaces away, those that are there."""
    for name in names:
        subprocess.run(("ip", "netns", "del", name), capture_output=True, check=False)


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """An engine's namespaces, taken away at the end."""
    made = Engine(folder)
    try:
        cgroups.share(folder)
        made.network()
        yield made
    finally:
        made.clean()
        unmount(folder)


def unmount(folder: Path) -> None:
    """Take away what an engine left mounted: the host's namespace, shared memory of containers."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        left = [line.split()[1] for line in mounts if f"{line.split()[1]}/".startswith(f"{folder}/")]
    for path in reversed(left):
        subprocess.run(("umount", "--lazy", path), capture_output=True, check=False)


def needs(*programs: str) -> None:
    """Skip by name where an engine cannot be had."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it runs a container engine")
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    if "busybox" in programs and b"/ld-linux" in Path(shutil.which("busybox") or "").read_bytes()[:4096]:
        pytest.skip("busybox is not the static one (busybox-static): an image needs no libraries then")
