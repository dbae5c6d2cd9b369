"""Real engines, each in a namespace of its own: a Docker daemon that nobody else uses, and podman's storage."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from netdoctor.cli import main

PREFIX = f"ndeng{os.getpid()}-"
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
            run("ip", "netns", "add", name)
            run("ip", "-n", name, "link", "set", "lo", "up")
        run("ip", "link", "add", "out", "netns", self.host, "type", "veth", "peer", "name", "in", "netns", self.far)
        for name, device, address in ((self.host, "out", "192.0.2.1/24"), (self.far, "in", "192.0.2.2/24")):
            run("ip", "-n", name, "addr", "add", address, "dev", device)
            run("ip", "-n", name, "link", "set", device, "up")

    def clean(self) -> None:
        """Take the namespaces away."""
        for name in (self.host, self.far):
            subprocess.run(("ip", "netns", "del", name), capture_output=True, check=False)

    def do(self, *words: str) -> str:
        """Run the engine's own command line."""
        return run("nsenter", f"--net=/run/netns/{self.host}", *self.client, *words)

    def mend(self, command: str) -> None:
        """Take a breakage back, where netdoctor's own commands have not done it already."""
        subprocess.run(("ip", "netns", "exec", self.host, *command.split()), capture_output=True, check=False)

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

    def ping(self, name: str, address: str) -> bool:
        """Tell whether an echo request from a container is answered."""
        command = ("nsenter", f"--net=/proc/{self.pid(name)}/ns/net", "ping", "-c1", "-W1", address)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def ask(self, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, Any, str]:
        """Ask netdoctor: its exit code, its report (None where it gives none), and what it says on stderr."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([*words, "--no-probe", "--json"])
        return code, json.loads(out.getvalue()) if out.getvalue() else None, err.getvalue()


def run(*command: str) -> str:
    """Run a command; a failure is shown with what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout.strip()


def needs(*programs: str) -> None:
    """Skip by name where an engine cannot be had."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it runs a container engine")
    absent = [program for program in programs if shutil.which(program) is None]
    if absent:
        pytest.skip(f"not installed: {', '.join(absent)}")
    if b"/ld-linux" in Path(shutil.which("busybox") or "").read_bytes()[:4096]:
        pytest.skip("busybox is not the static one (busybox-static): an image needs no libraries then")


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    """Give tests a Docker daemon of their own, with its containers' names and no others."""
    needs("dockerd", "docker", "busybox", "ping")
    with tempfile.TemporaryDirectory(prefix="docker-") as name, engine(Path(name)) as made:
        socket = f"unix://{made.folder}/docker.sock"
        made.client, made.environment = ("docker", "-H", socket), {"DOCKER_HOST": socket}
        with daemon(made, socket):
            made.image()
            yield made
            if left := made.do("ps", "-aq").split():
                made.do("rm", "-f", *left)


@contextlib.contextmanager
def engine(folder: Path) -> Iterator[Engine]:
    """An engine's namespaces, taken away at the end."""
    made = Engine(folder)
    try:
        made.network()
        yield made
    finally:
        made.clean()
        unmount(folder)


def unmount(folder: Path) -> None:
    """Take away what an engine left mounted: the host's namespace, shared memory of containers."""
    with open("/proc/self/mounts", encoding="utf-8") as mounts:
        left = [line.split()[1] for line in mounts if line.split()[1].startswith(f"{folder}/")]
    for path in reversed(left):
        subprocess.run(("umount", "--lazy", path), capture_output=True, check=False)


@contextlib.contextmanager
def daemon(made: Engine, socket: str) -> Iterator[None]:
    """Run dockerd in the engine's namespace, and stop it with everything it started."""
    paths = [f"--{what}={made.folder}/{what}" for what in ("data-root", "exec-root", "pidfile")]
    command: Sequence[str] = ("dockerd", "-H", socket, *paths, "--storage-driver=vfs")
    with open(made.folder / "log", "wb") as log:
        process = subprocess.Popen(
            ("nsenter", f"--net=/run/netns/{made.host}", *command), stdout=log, stderr=log
        )
    try:
        wait_for_answer(made, process)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_answer(made: Engine, process: subprocess.Popen[bytes]) -> None:
    """Wait until the daemon answers. A machine on which it cannot run is no failure of netdoctor."""
    deadline = time.monotonic() + 30
    while subprocess.run((*made.client, "version"), capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            said = (made.folder / "log").read_text(errors="replace").splitlines()[-1:]
            pytest.skip(f"dockerd does not run here: {' '.join(said)[:300]}")
        time.sleep(0.2)


@pytest.fixture(scope="module")
def podman() -> Iterator[Engine]:
    """Give tests a podman whose storage is theirs alone."""
    needs("podman", "busybox", "ping")
    with tempfile.TemporaryDirectory(prefix="podman-") as name, engine(Path(name)) as made:
        settings = made.folder / "storage.conf"
        roots = [(what, str(made.folder / what)) for what in ("graphroot", "runroot")]
        settings.write_text("\n".join(["[storage]", 'driver = "vfs"', *(f'{k} = "{v}"' for k, v in roots), ""]))
        made.environment = {"CONTAINERS_STORAGE_CONF": str(settings)}
        made.client = ("env", f"CONTAINERS_STORAGE_CONF={settings}", "podman", "--cgroup-manager=cgroupfs")
        try:
            made.image()
            yield made
        finally:
            for _ in range(2):  # who uses another's namespace goes first
                rm = (*made.client, "rm", "-af", "-t0")
                subprocess.run(("nsenter", f"--net=/run/netns/{made.host}", *rm), capture_output=True, check=False)
