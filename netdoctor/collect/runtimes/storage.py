"""containers/storage, in which podman and CRI-O keep their containers: the lists on disk, and where they are."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import msgspec

from netdoctor.collect.runtimes.scene import decoded, each, listing, read, users, word

CONFIGS = ("/etc/containers/storage.conf", "/usr/share/containers/storage.conf")


class Store(NamedTuple):
    """A storage: the folder of what lasts, that of what a boot forgets, and whose it is (None: the system's)."""

    graph: str
    run: str
    owner: int | None


class Stored(NamedTuple):
    """A container in a storage: id, name, and the pod's name, which CRI-O writes beside it. `state` is its folder."""

    id: str
    name: str
    pod: str | None
    state: str


class _Entry(msgspec.Struct):
    id: str
    names: list[str] | None = None
    metadata: str = ""


class _Metadata(msgspec.Struct):
    pod: str = msgspec.field(name="pod-name", default="")


def stores() -> Iterator[Store]:
    """Yield the system's storage (storage.conf(5)) and those of the users that are here."""
    given = os.environ.get("CONTAINERS_STORAGE_CONF")
    seen = set()
    for configs in ((given,), CONFIGS) if given else (CONFIGS,):
        settings = _settings(configs)
        store = Store(
            word(settings.get("graphroot")) or "/var/lib/containers/storage",
            word(settings.get("runroot")) or "/run/containers/storage",
            None,
        )
        if store not in seen:
            seen.add(store)
            yield store
    for uid, folder in users():
        try:
            home = pwd.getpwuid(uid).pw_dir
        except KeyError:
            continue
        if uid:
            yield Store(f"{home}/.local/share/containers/storage", f"{folder}/containers", uid)


def _settings(configs: Iterable[str]) -> dict[str, Any]:
    for config in configs:
        text = read(config)
        if not text:
            continue
        import tomllib  # most machines have no such file

        try:
            found = tomllib.loads(text.decode()).get("storage")
        except (ValueError, RecursionError):
            continue
        if isinstance(found, dict):
            return {key: value for key, value in found.items() if isinstance(value, str)}
    return {}


def stored(store: Store) -> Iterator[Stored]:
    """Yield the containers of a storage, of whatever driver, those made with --rm included."""
    for root, list_name in ((store.graph, "containers.json"), (store.run, "volatile-containers.json")):
        for folder in listing(root):
            if not folder.endswith("-containers"):
                continue
            try:
                for entry in each(read(f"{root}/{folder}/{list_name}") or b"[]", _Entry):
                    yield from _one(entry, f"{store.run}/{folder}")
            except ValueError:
                continue  # being written


def _one(entry: _Entry, folder: str) -> Iterator[Stored]:
    ident, name = word(entry.id), word((entry.names or [""])[0])
    if ident is None or name is None or not ident.isalnum():
        return
    try:
        pod = decoded(entry.metadata.encode() or b"{}", _Metadata).pod
    except ValueError:
        pod = ""
    yield Stored(ident, name, word(pod), f"{folder}/{ident}/userdata")
