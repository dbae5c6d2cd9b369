"""podman: its storage on disk, rootless ones too; its socket for what the disk does not tell."""

from __future__ import annotations

import os
from collections.abc import Iterator

import msgspec

from netdoctor.collect.runtimes import engine
from netdoctor.collect.runtimes.scene import LIMIT, Found, Scene, each, read, users, word
from netdoctor.collect.runtimes.storage import Store, Stored, stored, stores
from netdoctor.facts.containers import NAMES, Container

RESOURCE = "/v3.0.0/libpod/containers/json?all=true"


class _Listed(msgspec.Struct):
    Id: str
    Names: list[str] | None = None
    State: str = ""
    Pid: int = 0
    PodName: str = ""


def look(scene: Scene) -> Iterator[Found]:
    """Yield podman's containers.

    The disk comes first: to ask the socket of a machine on which podman does not run starts it. It is asked where
    CONTAINER_HOST names it, and for the names of pods, which no plain file holds.
    """
    told: dict[str, Found] = {}
    for store in stores():
        here = {held.id: _found(held, store, scene) for held in stored(store) if _of_podman(held)}
        told |= here
        if any(found.container.name.endswith("-infra") for found in here.values()):
            told |= _asked(_socket(store.owner), store.owner, scene)
    if given := os.environ.get("CONTAINER_HOST", ""):
        scheme, _, path = given.partition("://")
        if scheme == "unix":
            told |= _asked(path, None, scene, told)
        else:
            scene.miss(NAMES + "podman's containers", f"CONTAINER_HOST is {given[:80]!r}", "give unix://PATH")
    yield from told.values()


def _of_podman(held: Stored) -> bool:
    """CRI-O keeps its containers in the same storage; buildah's working containers never run."""
    return held.pod is None and not held.name.startswith("k8s_")


def _found(held: Stored, store: Store, scene: Scene) -> Found:
    pid = None if held.id in scene.by_id else _pid(held)
    state = "running" if held.id in scene.by_id or pid else "stopped"
    return Found(Container("podman", held.name, held.id, state=state), pid, owner=store.owner)


def _pid(held: Stored) -> int | None:
    """The process that conmon wrote down: of a container without a control group of its own."""
    text = read(f"{held.state}/pidfile", 32).strip()
    return int(text) if text.isdigit() and os.path.exists(f"/proc/{int(text)}") else None


def _socket(owner: int | None) -> str:
    if owner is None:
        return "/run/podman/podman.sock"
    return next((f"{folder}/podman/podman.sock" for uid, folder in users() if uid == owner), "")


def _asked(
    path: str, owner: int | None, scene: Scene, known: dict[str, Found] | None = None
) -> dict[str, Found]:
    """Return what podman's service says, by container id; what it cannot be asked is noted."""
    try:
        answer = list(each(engine.get(path, RESOURCE, LIMIT), _Listed))
    except (OSError, ValueError) as error:
        scene.miss(NAMES + "podman's pods", f"{path}: {error}", "run podman system service")
        return {}
    found = {}
    for listed in answer:
        name, ident = word((listed.Names or [""])[0]), word(listed.Id)
        if name is not None and ident is not None:
            container = Container(
                "podman", name, ident, word(listed.PodName), word(listed.State) or "unknown"
            )
            owner = known[ident].owner if known and ident in known else owner
            found[ident] = Found(container, listed.Pid or None, owner=owner)
    return found
