"""The snapshot, `netdoctor.snapshot/1`: everything a diagnosis may ask of a host, as one JSON file."""

from __future__ import annotations

import datetime
import gzip
import io
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from netdoctor import __version__, document
from netdoctor.facts.containers import Container
from netdoctor.facts.host import Host, Missing, NamespaceFacts
from netdoctor.facts.links import Record
from netdoctor.facts.tables import TableHost

SCHEMA = "netdoctor.snapshot/1"

#: A snapshot of 10,000 namespaces has about 400 MB; a file that claims more is not read into memory.
LIMIT = 512 * 1024 * 1024

#: How gzip-compressed data begins (RFC 1952).
GZIP = document.GZIP
_CLAIM = re.compile(rb'"schema"\s*:\s*"netdoctor\.snapshot/')


class SnapshotError(document.DocumentError):
    """A file that is no snapshot this program can read; the message is one line that says why."""


class SnapshotTool(Record, frozen=True):
    """Who wrote the snapshot."""

    name: str
    version: str


class Snapshot(Record, frozen=True, omit_defaults=False):
    """One host at one moment. `created` is RFC 3339 in UTC, `kernel` the release of the kernel it ran.

    `unplaced` are the containers that are in none of the namespaces.
    """

    schema: str
    tool: SnapshotTool
    created: str
    host: str
    kernel: str
    namespaces: tuple[NamespaceFacts, ...]
    missing: tuple[Missing, ...] = ()
    unplaced: tuple[Container, ...] = ()


def take(host: Host, kernel: str | None = None) -> Snapshot:
    """Read everything of every namespace of `host`. What vanishes meanwhile is left out; what fails is in `missing`."""
    facts = []
    done: set[int] = set()
    # reading one namespace may bring others to light (a peer that only a descriptor holds), so look again until
    # none is new
    while todo := [n.inode for n in host.namespaces() if n.inode not in done]:
        for inode in todo:
            done.add(inode)
            namespace = host.namespace(inode)
            if namespace is not None:
                facts.append(namespace.facts())
    return Snapshot(
        schema=SCHEMA,
        tool=SnapshotTool("netdoctor", __version__),
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        host=host.name,
        kernel=os.uname().release if kernel is None else kernel,
        namespaces=tuple(facts),
        missing=host.missing,
        unplaced=host.unplaced,
    )


def encode(snapshot: Snapshot) -> bytes:
    """Return the snapshot as indented JSON with a newline at its end."""
    return msgspec.json.format(msgspec.json.encode(snapshot), indent=1) + b"\n"


def save(snapshot: Snapshot, path: str | os.PathLike[str]) -> None:
    """Write a snapshot, compressed where the name ends in `.gz`; readable by its owner only. Raises OSError."""
    data = encode(snapshot)
    if os.fspath(path).endswith(".gz"):
        data = gzip.compress(data, compresslevel=6)
    target = Path(path)
    fd = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with open(fd, "wb") as file:
        file.write(data)


def load(path: str | os.PathLike[str]) -> Snapshot:
    """Read a snapshot, plain or gzip-compressed. Raises SnapshotError, with one line that says what is wrong."""
    try:
        return decode(document.read(path, "snapshot", LIMIT), os.fspath(path))
    except document.DocumentError as error:
        raise SnapshotError(str(error)) from error


def expand(data: bytes, name: str) -> bytes:
    """Return the JSON of a snapshot's bytes, compressed or not, once it has proved to be one. Raises SnapshotError."""
    try:
        plain = document.expanded(io.BytesIO(data), name, "snapshot", LIMIT)
    except document.DocumentError as error:
        raise SnapshotError(str(error)) from error
    decode(plain, name)
    return plain


def decode(data: bytes, name: str = "the snapshot") -> Snapshot:
    """Decode the bytes of a snapshot; `name` is what errors call it. Raises SnapshotError."""
    try:
        return document.decode(data, name, "snapshot", Snapshot)
    except document.DocumentError as error:
        raise SnapshotError(str(error)) from error


def snapshot_host(snapshot: Snapshot) -> TableHost:
    """Return the host that a snapshot recorded, to be asked like a live one."""
    return TableHost(snapshot.host, snapshot.namespaces, snapshot.missing, snapshot.unplaced)


def snapshot_schema() -> dict[str, Any]:
    """Return the JSON Schema of the snapshot."""
    return msgspec.json.schema(Snapshot)


def is_snapshot(data: bytes) -> bool:
    """Tell whether the bytes claim to be a snapshot, of whatever version, damaged or not."""
    return _CLAIM.search(data[:4096]) is not None
