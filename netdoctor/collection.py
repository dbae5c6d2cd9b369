"""Snapshots as they are given on the command line: files, folders and tar archives of them, one host each."""

from __future__ import annotations

import io
import os
import re
import tarfile
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from netdoctor.document import unpacked
from netdoctor.facts.fleet import Fleet, Member
from netdoctor.facts.host import Host
from netdoctor.facts.links import Record
from netdoctor.facts.sound import complaint
from netdoctor.snapshot import LIMIT, Snapshot, SnapshotError, decode, is_snapshot, snapshot_host

#: A folder or archive with more files than this is no collection of snapshots.
MAX_FILES = 5000

#: What a host may be called: uname(2)'s node name, as far as it can stand in `NAME@HOST` and in a command.
_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")
#: What stands in the header of a tar archive (POSIX.1 ustar, and GNU's).
_USTAR = b"ustar"
_ENDINGS = (".json.gz", ".json", ".gz")


class Found(Record, frozen=True):
    """A snapshot, and the name of the file it came from."""

    file: str
    snapshot: Snapshot


class _Budget:
    """How many bytes may still be read, over all files."""

    def __init__(self) -> None:
        self.left = LIMIT

    def read(self, stream: IO[bytes], name: str) -> bytes:
        data = stream.read(self.left + 1)
        if len(data) > self.left:
            raise SnapshotError(f"{name} is larger than {LIMIT >> 20} MiB, which no snapshot is")
        self.left -= len(data)
        return data


def load_all(paths: list[str]) -> list[Found]:
    """Read every snapshot of files, folders and tar archives, compressed or not. Raises SnapshotError.

    In a folder or an archive, files that are no snapshots are passed over.
    """
    budget = _Budget()
    found: list[Found] = []
    for path in paths:
        try:
            found += _of(path, budget)
        except OSError as error:
            raise SnapshotError(f"cannot read {path}: {error.strerror or error}") from error
        except (EOFError, zlib.error) as error:
            raise SnapshotError(f"{path} is truncated or damaged: its compressed data ends early") from error
    for one in found:
        sound(one.snapshot, one.file)
    return found


def sound(snapshot: Snapshot, file: str) -> Snapshot:
    """Return the snapshot of a file. Raises SnapshotError for one that holds what no kernel gives."""
    for facts in snapshot.namespaces:
        if wrong := complaint(facts):
            raise SnapshotError(f"{file} is damaged or made up: in namespace {facts.id.inode}, {wrong}")
    return snapshot


def host_of_all(found: list[Found]) -> Host:
    """Return the host that one snapshot recorded, or several joined. Raises SnapshotError for one host given twice."""
    if len(found) == 1:
        return snapshot_host(found[0].snapshot)
    names = _names(found)
    return Fleet(
        Member(name, one.snapshot.namespaces, one.snapshot.missing, one.snapshot.unplaced)
        for name, one in zip(names, found, strict=True)
    )


def _of(path: str, budget: _Budget) -> Iterator[Found]:
    if Path(path).is_dir():
        yield from _folder(Path(path), budget)
        return
    with open(path, "rb") as file:
        data = budget.read(unpacked(file), path)
    if data[257:262] == _USTAR:
        yield from _archive(data, path)
    else:
        yield Found(path, decode(data, path))


def _folder(folder: Path, budget: _Budget) -> Iterator[Found]:
    names = sorted(name for name in os.listdir(folder) if name.endswith(_ENDINGS))
    _few(len(names), str(folder))
    any_found = False
    for name in names:
        path = folder / name
        if path.is_file():
            with open(path, "rb") as file:
                data = budget.read(unpacked(file), str(path))
            if is_snapshot(data):
                any_found = True
                yield Found(str(path), decode(data, str(path)))
    if not any_found:
        raise SnapshotError(f"{folder} holds no snapshot (*.json, *.json.gz)")


def _archive(data: bytes, path: str) -> Iterator[Found]:
    """The snapshots in a tar archive; only plain files count, and nothing is unpacked to disk."""
    any_found, count = False, 0
    budget = _Budget()
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for entry in archive:
                count += 1
                _few(count, path)
                file = archive.extractfile(entry) if entry.isfile() else None
                if file is None or not entry.name.endswith(_ENDINGS):
                    continue
                name = f"{path}: {entry.name}"
                content = budget.read(unpacked(io.BytesIO(budget.read(file, name))), name)
                if is_snapshot(content):
                    any_found = True
                    yield Found(name, decode(content, name))
    except tarfile.TarError as error:
        raise SnapshotError(f"{path} is a damaged archive: {error}") from error
    if not any_found:
        raise SnapshotError(f"{path} holds no snapshot (*.json, *.json.gz)")


def _few(count: int, path: str) -> None:
    if count > MAX_FILES:
        raise SnapshotError(f"{path} holds more than {MAX_FILES} files; give the snapshots themselves")


def _names(found: list[Found]) -> list[str]:
    """What each host is called: its own name where it is a good one and nobody else's, else after its file."""
    _no_twins(found)
    count = Counter(one.snapshot.host for one in found)
    names: list[str] = []
    for one in found:
        own = one.snapshot.host
        name = own if count[own] == 1 and _HOST.fullmatch(own) else _stem(one.file)
        number, plain = 2, name
        while name in names or (name != own and name in count):
            name, number = f"{plain}-{number}", number + 1
        names.append(name)
    return names


def _stem(file: str) -> str:
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", file.rpartition("/")[2]).lstrip(".-_")
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name[:200] or "host"


def _no_twins(found: list[Found]) -> None:
    """Refuse two snapshots of one host: of two moments, no packet meets both."""
    seen: dict[tuple[object, ...], str] = {}
    for one in found:
        for mark in _marks(one.snapshot):
            other = seen.setdefault(mark, one.file)
            if other != one.file:
                raise SnapshotError(
                    f"{other} and {one.file} are both of {one.snapshot.host}; give one of them"
                )


def _marks(snapshot: Snapshot) -> Iterator[tuple[object, ...]]:
    """What tells a host from another that calls itself the same: the lladdrs in its namespaces."""
    for facts in snapshot.namespaces:
        for link in facts.links:
            if link.kind in (None, "", "veth") and not link.loopback and link.address:
                yield snapshot.host, facts.id.inode, link.name, link.address
