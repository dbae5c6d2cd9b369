"""systemd-nspawn: the machines that systemd-machined knows, and the images of those that do not run."""

from __future__ import annotations

import os
from collections.abc import Iterator

from netdoctor.collect.runtimes.scene import Found, Scene, listing, read, word
from netdoctor.facts.containers import Container

#: One file a machine, as assignments (systemd's src/machine/machine.c, machine_save()).
MACHINES = "/run/systemd/machines"
IMAGES = "/var/lib/machines"


def look(scene: Scene) -> Iterator[Found]:
    """Yield the machines that are containers. Links named after units lead to the same files."""
    running = set()
    for name in listing(MACHINES):
        path = f"{MACHINES}/{name}"
        if os.path.islink(path) or word(name) is None:
            continue
        lines = read(path, 65536).decode("utf-8", "replace").splitlines()
        settings = dict(line.partition("=")[::2] for line in lines)
        if settings.get("CLASS") != "container":
            continue
        running.add(name)
        leader = settings.get("LEADER", "")
        yield Found(Container("nspawn", name), int(leader) if leader.isascii() and leader.isdigit() else None)
    for image in listing(IMAGES):
        name = image.removesuffix(".raw")
        if not name.startswith(".") and name not in running and word(name):
            yield Found(Container("nspawn", name, state="stopped"))
