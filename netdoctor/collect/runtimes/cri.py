"""containerd and CRI-O: the kubelet's folders of logs, the runtimes' state, crictl where neither tells a name.

The kubelet names its logs after what is in them (/var/log/containers/POD_NAMESPACE_CONTAINER-ID.log and
/var/log/pods/NAMESPACE_POD_UID), so two folders tell the names of a whole node. Of pods, no name holds an underscore.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator

import msgspec

from netdoctor.collect.runtimes.scene import Found, Scene, decoded, listing, read, word
from netdoctor.collect.runtimes.storage import stored, stores
from netdoctor.facts.containers import NAMES, Container

LOGS = "/var/log/containers"
POD_LOGS = "/var/log/pods"
#: Where containerd keeps the bundles of running containers, by its own namespaces (k8s.io, moby, default…).
TASKS = ("/run/containerd/io.containerd.runtime.v2.task", "/run/k3s/containerd/io.containerd.runtime.v2.task")

_LOG = re.compile(r"([^_]+)_([^_]+)_(.+)-([0-9a-f]{64})\.log")
_STORED = re.compile(r"k8s_([^_]+)_([^_]+)_([^_]+)_[^_]+_\d+")
#: The annotations of containerd and of CRI-O: namespace and name of the pod, name of the container.
_ANNOTATIONS = (
    (
        "io.kubernetes.cri.sandbox-namespace",
        "io.kubernetes.cri.sandbox-name",
        "io.kubernetes.cri.container-name",
    ),
    ("io.kubernetes.pod.namespace", "io.kubernetes.pod.name", "io.kubernetes.container.name"),
)


class _Bundle(msgspec.Struct):
    annotations: dict[str, str] = {}


class _Sandbox(msgspec.Struct):
    id: str
    labels: dict[str, str] = {}


class _Answer(msgspec.Struct):
    items: list[_Sandbox] = []
    containers: list[_Sandbox] = []


def look(scene: Scene) -> Iterator[Found]:
    """Yield the containers that a kubelet, or somebody else, has containerd or CRI-O run."""
    logs, pods, kept = dict(_logs()), dict(_pod_logs()), dict(_storage())
    tasks = dict(_tasks())
    if not (logs or pods or kept or tasks or _kubelet()):
        return
    nameless = []
    for ident in _running(scene, tasks, logs, kept):
        container = logs.get(ident) or kept.get(ident) or _bundled(ident, tasks.get(ident))
        if container is None:
            uid = scene.memberships[scene.by_id[ident]].pod_uid if ident in scene.by_id else None
            container = Container("cri", "", ident, pods[uid]) if uid in pods else None
        if container is not None:
            yield Found(container, _task_pid(tasks.get(ident)))
        else:
            nameless.append(ident)
    yield from _asked(nameless, scene)
    for ident, container in {**kept, **logs}.items():
        if ident not in scene.by_id:
            yield Found(msgspec.structs.replace(container, state="exited"))


def _kubelet() -> bool:
    return os.path.exists("/run/crio/crio.sock") or os.path.exists("/run/containerd/containerd.sock")


def _running(scene: Scene, *named: Iterable[str]) -> list[str]:
    """The ids of what runs here: in a task's folder, or in a pod's control group, or with a name that is known."""
    tasks, *known = (set(one) for one in named)
    in_pods = {
        ident
        for ident, pid in scene.by_id.items()
        if scene.memberships[pid].pod_uid is not None or any(ident in one for one in known)
    }
    return sorted(tasks | in_pods)


def _logs() -> Iterator[tuple[str, Container]]:
    for name in listing(LOGS):
        if (found := _LOG.fullmatch(name)) and word(name):
            pod, namespace, part, ident = found.groups()
            yield ident, Container("cri", part, ident, f"{namespace}/{pod}")


def _pod_logs() -> Iterator[tuple[str, str]]:
    for name in listing(POD_LOGS):
        parts = name.split("_")
        if len(parts) == 3 and word(name):
            yield parts[2], f"{parts[0]}/{parts[1]}"


def _storage() -> Iterator[tuple[str, Container]]:
    """CRI-O's part of the storage that it shares with podman."""
    for store in stores():
        for held in stored(store) if store.owner is None else ():
            if found := _STORED.fullmatch(held.name):
                part, pod, namespace = found.groups()
                name = "" if part == "POD" else part
                yield held.id, Container("cri", name, held.id, f"{namespace}/{pod}")


def _tasks() -> Iterator[tuple[str, str]]:
    """Every bundle of containerd, by its container's id; those of Docker are Docker's."""
    for root in TASKS:
        for namespace in listing(root):
            if namespace != "moby":
                yield from (
                    (ident, f"{root}/{namespace}/{ident}") for ident in listing(f"{root}/{namespace}")
                )


def _task_pid(bundle: str | None) -> int | None:
    text = read(f"{bundle}/init.pid", 32).strip() if bundle else b""
    return int(text) if text.isdigit() else None


def _bundled(ident: str, bundle: str | None) -> Container | None:
    """Name a container by its bundle's annotations: Kubernetes', those of nerdctl, else ctr's id, which is a name."""
    if bundle is None or word(ident) is None:
        return None
    try:
        notes = decoded(read(f"{bundle}/config.json"), _Bundle).annotations
    except ValueError:
        return None
    for keys in _ANNOTATIONS:
        namespace, pod, part = (word(notes.get(key)) for key in keys)
        if namespace and pod:
            return Container("cri", "" if part in (None, "POD") else part or "", ident, f"{namespace}/{pod}")
    return Container("cri", word(notes.get("nerdctl/name")) or ident, ident)


def _asked(idents: list[str], scene: Scene) -> Iterator[Found]:
    """Ask crictl for what runs in a pod's control group and is named nowhere."""
    if not idents:
        return
    told = dict(_crictl("pods")) | dict(_crictl("ps")) if shutil.which("crictl") else {}
    for ident in idents:
        if ident in told:
            yield Found(told[ident])
    if lost := [ident for ident in idents if ident not in told]:
        first, more = lost[0][:12], f" and {len(lost) - 1} more" if len(lost) > 1 else ""
        scene.miss(
            f"{NAMES}CRI container {first}{more}", "neither logs nor crictl tell it", "see crictl ps -a"
        )


def _crictl(what: str) -> Iterator[tuple[str, Container]]:
    try:
        run = subprocess.run(
            ("crictl", "--timeout", "2s", what, "-o", "json"), capture_output=True, timeout=5, check=True
        )
        answer: _Answer = decoded(run.stdout, _Answer)
    except (OSError, subprocess.SubprocessError, ValueError, json.JSONDecodeError):
        return
    _, keys = _ANNOTATIONS
    for item in (*answer.items, *answer.containers):
        namespace, pod, part = (word(item.labels.get(key)) for key in keys)
        if namespace and pod and word(item.id):
            yield item.id, Container("cri", part or "", item.id, f"{namespace}/{pod}")
