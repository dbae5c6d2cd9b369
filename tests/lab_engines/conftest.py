"""Real engines, each in a namespace of its own: Docker daemons that nobody else uses, and podman's storage."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import cgroups
from .cni import PLUGINS
from .engine import Engine, engine, needs, unmount


@pytest.fixture(scope="module")
def docker() -> Iterator[Engine]:
    """Give tests a Docker daemon of their own, with its containers' names and no others."""
    needs("dockerd", "docker", "busybox", "ping")
    with tempfile.TemporaryDirectory(prefix="docker-") as name, engine(Path(name)) as made, daemon(made):
        yield made


@pytest.fixture(scope="module")
def pair_of_dockers() -> Iterator[tuple[Engine, Engine]]:
    """Give tests two Docker daemons, the second in the namespace that is beyond the first one's wire."""
    needs("dockerd", "docker", "busybox", "ping")
    with contextlib.ExitStack() as stack:
        name = stack.enter_context(tempfile.TemporaryDirectory(prefix="swarm-"))
        first = stack.enter_context(engine(Path(name)))
        second = Engine(Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="swarm-"))))
        second.host, second.far = first.far, first.host
        stack.callback(unmount, second.folder)
        cgroups.share(second.folder)
        for made in (first, second):
            stack.enter_context(daemon(made))
        yield first, second


@contextlib.contextmanager
def daemon(made: Engine) -> Iterator[None]:
    """Run dockerd in the engine's namespace, with an image; stop it with everything it started."""
    socket = f"unix://{made.folder}/docker.sock"
    made.client, made.environment = ("docker", "-H", socket), {"DOCKER_HOST": socket}
    paths = [f"--{what}={made.folder}/{what}" for what in ("data-root", "exec-root", "pidfile")]
    command = ("dockerd", "-H", socket, *paths, "--storage-driver=vfs")
    with open(made.folder / "log", "wb") as log:
        process = subprocess.Popen((*made.enter(), *command), stdout=log, stderr=log)
    try:
        wait_for_answer(made, process)
        made.image()
        try_out(made)
        yield
        if left := made.do("ps", "-aq").split():
            made.do("rm", "-f", *left)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_answer(made: Engine, process: subprocess.Popen[bytes]) -> None:
    """Wait until the daemon answers. A machine on which it cannot run is no failure of netdoctor."""
    deadline = time.monotonic() + 60
    while subprocess.run((*made.client, "version"), capture_output=True, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            said = (made.folder / "log").read_text(errors="replace").splitlines()[-1:]
            pytest.skip(f"dockerd does not run here: {' '.join(said)[:300]}")
        time.sleep(0.2)


def try_out(made: Engine) -> None:
    """Run a first container, where the machine lets one run."""
    try:
        made.do("run", "--rm", "tiny", "sleep", "0")
    except AssertionError as error:
        pytest.skip(f"Docker runs no container here: {str(error)[-300:]}")


@pytest.fixture(scope="module", params=["netavark", "cni"])
def podman(request: pytest.FixtureRequest) -> Iterator[Engine]:
    """Give tests a podman whose storage is theirs alone, with each of the two programs that make its networks."""
    needs("podman", "busybox", "ping")
    if request.param == "cni" and not (PLUGINS / "bridge").exists():
        pytest.skip(f"no CNI plugins in {PLUGINS} (containernetworking-plugins)")
    with tempfile.TemporaryDirectory(prefix="podman-") as name, engine(Path(name)) as made:
        settings = made.folder / "storage.conf"
        roots = [(what, str(made.folder / what)) for what in ("graphroot", "runroot")]
        settings.write_text("\n".join(["[storage]", 'driver = "vfs"', *(f'{k} = "{v}"' for k, v in roots), ""]))
        choice = made.folder / "containers.conf"
        choice.write_text(
            f'[network]\nnetwork_backend = "{request.param}"\nnetwork_config_dir = "{made.folder}/networks"\n'
            f'cni_plugin_dirs = ["{PLUGINS}"]\n'
        )
        made.environment = {"CONTAINERS_STORAGE_CONF": str(settings)}
        both = (f"CONTAINERS_STORAGE_CONF={settings}", f"CONTAINERS_CONF={choice}")
        made.client = ("env", *both, "podman", "--cgroup-manager=cgroupfs")
        try:
            made.image()
            yield made
        finally:
            for _ in range(2):  # who uses another's namespace goes first
                rm = (*made.enter(), *made.client, "rm", "-af", "-t0")
                subprocess.run(rm, capture_output=True, check=False)
