"""The containers of this machine, by the names that people use: one module a runtime, all of them asked.

A runtime is asked only where its socket or its state is there. What it says is untrusted: a name without sense is
passed over, an engine that hangs or lies costs its names and no more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec.structs import replace

from netdoctor.collect.runtimes import cri, docker, docker_networks, lxc, nspawn, podman
from netdoctor.collect.runtimes.scene import Found, Scene
from netdoctor.facts.containers import Container
from netdoctor.facts.host import Missing, NamespaceId

Look = Callable[[Scene], Iterator[Found]]


class Named(NamedTuple):
    """The namespaces with the containers in them, the containers that are in none, and what could not be learned."""

    namespaces: dict[int, NamespaceId]
    unplaced: tuple[Container, ...]
    missing: tuple[Missing, ...]


class Runtimes:
    """All runtimes; the engines that take time to answer are asked when this is made."""

    def __init__(self) -> None:
        self._docker = docker.Asked()
        self._looks: tuple[Look, ...] = (self._docker.look, podman.look, cri.look, lxc.look, nspawn.look)

    def named(self, namespaces: Mapping[int, NamespaceId], processes: Mapping[int, Iterable[int]]) -> Named:
        """Say who lives in these namespaces, and what for those are in which nobody does."""
        found = named(namespaces, processes, self._looks)
        shown = dict(found.namespaces)
        for inode, purpose in docker_networks.purposes(shown, self._docker.sockets()):
            shown[inode] = replace(shown[inode], purpose=purpose)
        return found._replace(namespaces=shown)


def named(
    namespaces: Mapping[int, NamespaceId],
    processes: Mapping[int, Iterable[int]],
    runtimes: Iterable[Look],
) -> Named:
    """Hear from the runtimes who lives in these namespaces; `processes` are the ids of those in each.

    Where one container is known to two runtimes, the first names it.
    """
    scene = Scene(processes)
    placed: dict[int, list[Found]] = {}
    unplaced: list[Container] = []
    seen: set[str] = set()
    for look in runtimes:
        for found in look(scene):
            ident = found.container.id
            if ident and ident in seen:
                continue
            seen.add(ident)
            inode = scene.inode(found)
            if inode is not None and inode in namespaces:
                placed.setdefault(inode, []).append(found)
            else:
                unplaced.append(found.container)
    shown = dict(namespaces)
    for inode, here in placed.items():
        here.sort(key=lambda found: found.guest)
        shown[inode] = replace(namespaces[inode], containers=tuple(found.container for found in here))
    return Named(shown, tuple(unplaced), tuple(scene.missing))
