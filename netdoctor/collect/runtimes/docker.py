"""Docker: its engine's socket (Docker Engine API), and its state on disk where the socket is closed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from netdoctor.collect.runtimes import engine
from netdoctor.collect.runtimes.scene import LIMIT, Found, Scene, decoded, each, listing, read, users, word
from netdoctor.facts.containers import NAMES, Container

SOCKET = "/run/docker.sock"
CONFIG = "/etc/docker/daemon.json"
DATA_ROOT = "/var/lib/docker"

#: Containers whose control group does not tell them, and which are asked for one by one.
MOST_INSPECTED = 64

_POD_NAME, _POD_NAMESPACE, _IN_POD = (
    f"io.kubernetes.{what}" for what in ("pod.name", "pod.namespace", "container.name")
)


class _Mode(msgspec.Struct):
    NetworkMode: str = ""


class _Listed(msgspec.Struct):
    Id: str
    Names: list[str] | None = None
    State: str = ""
    Labels: dict[str, str] | None = None
    HostConfig: _Mode = msgspec.field(default_factory=_Mode)


class _State(msgspec.Struct):
    Running: bool = False
    Pid: int = 0


class _Inspected(msgspec.Struct):
    State: _State


class _Config(msgspec.Struct):
    Labels: dict[str, str] | None = None


class _OnDisk(msgspec.Struct):
    ID: str
    Name: str
    State: _State
    Config: _Config = msgspec.field(default_factory=_Config)


class _Socket(NamedTuple):
    path: str
    owner: int | None


class Asked:
    """The engines, asked when this is made: a daemon takes as long to answer as it takes to look at all processes."""

    def __init__(self) -> None:
        self._asked = [(at, _inquiry(at.path)) for at in _sockets()]

    def sockets(self) -> list[str]:
        """The sockets at which an engine could be asked."""
        return [at.path for at, inquiry in self._asked if not isinstance(inquiry, OSError)]

    def look(self, scene: Scene) -> Iterator[Found]:
        """Yield the containers of all Docker engines whose socket or state is on this machine."""
        answered = False
        scheme = os.environ.get("DOCKER_HOST", "unix:").partition(":")[0]
        if scheme != "unix":
            scene.miss(NAMES + "Docker's containers", f"DOCKER_HOST is {scheme}:…", "give it as unix://PATH")
        for at, inquiry in self._asked:
            try:
                if isinstance(inquiry, OSError):
                    raise inquiry
                found = list(_listed(inquiry.answer(LIMIT), at, scene))
            except OSError as error:
                why = f"{at.path}: {error.strerror or error}"
                scene.miss(NAMES + "Docker's containers", why, "run netdoctor as root, and see docker info")
            except ValueError:
                scene.miss(NAMES + "Docker's containers", f"{at.path} answers strangely", "see docker ps")
            else:
                answered = answered or os.path.realpath(at.path) == SOCKET
                yield from found
        if not answered:
            yield from on_disk(_data_root(), scene)


def _inquiry(path: str) -> engine.Inquiry | OSError:
    try:
        return engine.Inquiry(path, "/containers/json?all=1")
    except OSError as error:
        return error


def sockets() -> list[str]:
    """Return the paths of the engines' sockets that are there, and of the one in DOCKER_HOST wherever it points."""
    return [at.path for at in _sockets()]


def _sockets() -> Iterator[_Socket]:
    seen = set()
    scheme, _, path = os.environ.get("DOCKER_HOST", "").partition("://")
    own = [_Socket(path, None)] if scheme == "unix" else []
    rootless = [_Socket(f"{folder}/docker.sock", uid) for uid, folder in users()]
    for at in (*own, _Socket(SOCKET, None), *rootless):
        real = os.path.realpath(at.path)
        if real not in seen and (os.path.exists(real) or at in own):
            seen.add(real)
            yield at


def _listed(answer: bytes, at: _Socket, scene: Scene) -> Iterator[Found]:
    inspected = 0
    for listed in each(answer, _Listed):
        container = _container(listed.Id, listed.Names or [], listed.State, listed.Labels or {})
        if container is None:
            continue
        pid = None
        if listed.State in ("running", "paused") and listed.Id not in scene.by_id:
            inspected += 1
            pid = _pid(at, listed.Id) if inspected <= MOST_INSPECTED else None
        yield Found(container, pid, listed.HostConfig.NetworkMode.startswith("container:"), at.owner)


def _pid(at: _Socket, ident: str) -> int | None:
    if not ident.isalnum():
        return None
    try:
        answer = engine.get(at.path, f"/containers/{ident}/json", LIMIT)
        state: _State = decoded(answer, _Inspected).State
    except (OSError, ValueError):
        return None
    return state.Pid if state.Running and state.Pid > 0 else None


def _data_root() -> str:
    class Daemon(msgspec.Struct):
        root: str = msgspec.field(name="data-root", default=DATA_ROOT)

    try:
        root: str = decoded(read(CONFIG) or b"{}", Daemon).root
    except ValueError:
        return DATA_ROOT
    return root


def on_disk(root: str, scene: Scene) -> Iterator[Found]:
    """Yield the containers in a data root; one runs if there is a process of it, whatever was written there last."""
    for ident in listing(f"{root}/containers"):
        try:
            kept: _OnDisk = decoded(read(f"{root}/containers/{ident}/config.v2.json"), _OnDisk)
        except ValueError:
            continue  # being made or removed, or not readable
        state = "running" if kept.ID in scene.by_id else "exited"
        container = _container(kept.ID, [kept.Name], state, kept.Config.Labels or {})
        if container is not None:
            mode = _guest(f"{root}/containers/{ident}/hostconfig.json")
            yield Found(container, guest=mode)


def _guest(path: str) -> bool:
    try:
        mode: _Mode = decoded(read(path), _Mode)
    except ValueError:
        return False
    return mode.NetworkMode.startswith("container:")


def _container(ident: str, names: list[str], state: str, labels: dict[str, str]) -> Container | None:
    """Make a container's record; of a pod's, by what the kubelet wrote in its labels."""
    own = next((name[1:] for name in names if name.startswith("/") and "/" not in name[1:]), None)
    name, known = word(own), word(ident)
    if name is None or known is None:
        return None
    namespace, pod, part = (word(labels.get(key)) for key in (_POD_NAMESPACE, _POD_NAME, _IN_POD))
    if namespace and pod:
        name = "" if part in (None, "POD") else part or name
        return Container("docker", name, known, f"{namespace}/{pod}", word(state) or "unknown")
    return Container("docker", name, known, state=word(state) or "unknown")
