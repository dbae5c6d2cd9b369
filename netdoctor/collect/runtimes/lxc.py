"""LXC, LXD and Incus: a container's name is in its control group; the stopped ones are folders."""

from __future__ import annotations

import os
from collections.abc import Iterator

from netdoctor.collect.runtimes.scene import Found, Scene, listing, word
from netdoctor.facts.containers import Container

#: Folders that hold one folder a container: lxc.container.conf(5), LXD and Incus.
FOLDERS = (
    "/var/lib/lxc",
    "/var/lib/lxd/containers",
    "/var/snap/lxd/common/lxd/containers",
    "/var/lib/incus/containers",
)


def look(scene: Scene) -> Iterator[Found]:
    """Yield the LXC containers: running by their control groups, stopped by their folders."""
    folders = [folder for folder in FOLDERS if os.path.isdir(folder)]
    if not folders:
        return
    running: dict[str, int] = {}
    for pid, member in scene.memberships.items():
        if member.lxc is not None and (name := word(member.lxc)):
            running.setdefault(name, pid)
    for name, pid in running.items():
        yield Found(Container("lxc", name), pid)
    for folder in folders:
        for name in listing(folder):
            made = folder != FOLDERS[0] or os.path.exists(f"{folder}/{name}/config")
            if made and name not in running and word(name):
                yield Found(Container("lxc", name, state="stopped"))
