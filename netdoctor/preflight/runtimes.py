"""The container runtimes there are signs of, and whether they can be asked for names."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.collect.runtimes import lxc, nspawn
from netdoctor.collect.runtimes.docker import sockets
from netdoctor.collect.runtimes.scene import users
from netdoctor.preflight.privileges import ROOT
from netdoctor.preflight.records import Item

PATIENCE = 2.0


class Sign(NamedTuple):
    """A runtime's socket, or a folder that it keeps."""

    runtime: str
    path: str


def examine() -> Iterator[Item]:
    """Yield what there is to say of each runtime that has left a sign on this host."""
    asked = [_socket(sign) for sign in _sockets()]
    kept = [_folder(sign) for sign in _folders() if os.path.isdir(sign.path)]
    yield from asked
    yield from kept
    if not asked and not kept:
        found = "none found: containers are known by their processes and network namespaces alone"
        yield Item("runtimes", "container runtimes", "ok", found)


def _sockets() -> Iterator[Sign]:
    yield from (Sign("Docker", path) for path in sockets())
    others = [
        Sign("podman", "/run/podman/podman.sock"),
        Sign("containerd", "/run/containerd/containerd.sock"),
    ]
    others.append(Sign("CRI-O", "/run/crio/crio.sock"))
    others += [Sign("podman", f"{folder}/podman/podman.sock") for _, folder in users()]
    yield from (sign for sign in others if os.path.lexists(sign.path))


def _folders() -> Iterator[Sign]:
    yield Sign("podman", "/var/lib/containers/storage")
    yield from (Sign("LXC", folder) for folder in lxc.FOLDERS)
    yield Sign("systemd-nspawn", nspawn.MACHINES)
    yield Sign("the kubelet", "/var/log/pods")


def _socket(sign: Sign) -> Item:
    what = f"{sign.runtime}, {sign.path}"
    cost = "names of its containers come from what lies on disk, if that can be read"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(PATIENCE)
            sock.connect(sign.path)
    except PermissionError:
        return Item("runtimes", what, "limited", "no permission", cost, ROOT)
    except OSError as error:
        found = f"does not answer: {error.strerror or error}"
        return Item("runtimes", what, "limited", found, cost, "start it, where it should be running")
    if sign.runtime in ("containerd", "CRI-O") and shutil.which("crictl") is None:
        cost = "pods whose logs the kubelet does not keep have no names"
        return Item("runtimes", what, "limited", "listens, and there is no crictl", cost, "install crictl")
    return Item("runtimes", what, "ok", "answers")


def _folder(sign: Sign) -> Item:
    what = f"{sign.runtime}, {sign.path}"
    if os.access(sign.path, os.R_OK | os.X_OK):
        return Item("runtimes", what, "ok", "can be read")
    return Item("runtimes", what, "limited", "no permission", "its containers have no names", ROOT)
