"""The snapshot, `netdoctor.snapshot/1`: everything a diagnosis may ask of a host, as one JSON file."""

from __future__ import annotations

import datetime
import gzip
import io
import os
import re
import zlib
from pathlib import Path
from typing import IO, Any

import msgspec

from netdoctor import __version__
from netdoctor.facts.host import Host, Missing, NamespaceFacts
from netdoctor.facts.links import Record
from netdoctor.facts.tables import TableHost

SCHEMA = "netdoctor.snapshot/1"

#: A snapshot of 10,000 namespaces has about 400 MB; a file that claims more is not read into memory.
LIMIT = 512 * 1024 * 1024

#: How gzip-compressed data begins (RFC 1952).
GZIP = b"\x1f\x8b"
_SCHEMA = re.compile(r"netdoctor\.snapshot/(\d+)")
_CLAIM = re.compile(rb'"schema"\s*:\s*"netdoctor\.snapshot/')


class SnapshotError(Exception):
    """A file that is no snapshot this program can read; the message is one line that says why."""


class SnapshotTool(Record, frozen=True):
    """Who wrote the snapshot."""

    name: str
    version: str


class Snapshot(Record, frozen=True, omit_defaults=False):
    """One host at one moment. `created` is RFC 3339 in UTC, `kernel` the release of the kernel it ran."""

    schema: str
    tool: SnapshotTool
    created: str
    host: str
    kernel: str
    namespaces: tuple[NamespaceFacts, ...]
    missing: tuple[Missing, ...] = ()


class _Head(msgspec.Struct, frozen=True):
    """As much of a file as says whether it is worth reading on."""

    schema: str


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
    name = os.fspath(path)
    try:
        data = _read(name)
    except OSError as error:
        raise SnapshotError(f"cannot read {name}: {error.strerror or error}") from error
    except (EOFError, zlib.error) as error:
        raise SnapshotError(f"{name} is truncated or damaged: its compressed data ends early") from error
    return decode(data, name)


def _read(name: str) -> bytes:
    with open(name, "rb") as file:
        return _expanded(file, name)


def _expanded(file: IO[bytes], name: str) -> bytes:
    head = file.read(2)
    file.seek(0)
    stream: Any = gzip.GzipFile(fileobj=file) if head == GZIP else file
    data = stream.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise SnapshotError(f"{name} is larger than {LIMIT >> 20} MiB, which no snapshot is")
    return bytes(data)


def expand(data: bytes, name: str) -> bytes:
    """Return the JSON of a snapshot's bytes, compressed or not, once it has proved to be one. Raises SnapshotError."""
    try:
        plain = _expanded(io.BytesIO(data), name)
    except (OSError, EOFError, zlib.error) as error:
        raise SnapshotError(f"{name} is truncated or damaged: {_one_line(error)}") from error
    decode(plain, name)
    return plain


def decode(data: bytes, name: str = "the snapshot") -> Snapshot:
    """Decode the bytes of a snapshot; `name` is what errors call it. Raises SnapshotError."""
    if not data.strip():
        raise SnapshotError(f"{name} is empty")
    try:
        head = msgspec.json.decode(data, type=_Head)
    except msgspec.ValidationError as error:
        raise SnapshotError(f"{name} is not a netdoctor snapshot: it has no schema") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(_not_json(data, name, error)) from error
    found = _SCHEMA.fullmatch(head.schema)
    if found is None:
        raise SnapshotError(f"{name} is not a netdoctor snapshot: its schema is {head.schema[:80]!r}")
    if found[1] != "1":
        raise SnapshotError(f"{name} has schema version {found[1][:20]}; this netdoctor reads version 1")
    try:
        return msgspec.json.decode(data, type=Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SnapshotError(f"{name} is damaged: {_one_line(error)}") from error


def is_snapshot(data: bytes) -> bool:
    """Tell whether the bytes claim to be a snapshot, of whatever version, damaged or not."""
    return _CLAIM.search(data[:4096]) is not None


def _not_json(data: bytes, name: str, error: Exception) -> str:
    if data.lstrip()[:1] == b"{" and "truncated" in str(error):
        return f"{name} is truncated: the JSON ends early"
    return f"{name} is not JSON: {_one_line(error)}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def snapshot_host(snapshot: Snapshot) -> TableHost:
    """Return the host that a snapshot recorded, to be asked like a live one."""
    return TableHost(snapshot.host, snapshot.namespaces, snapshot.missing)


def snapshot_schema() -> dict[str, Any]:
    """Return the JSON Schema of the snapshot."""
    return msgspec.json.schema(Snapshot)
