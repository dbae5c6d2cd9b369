"""Files that netdoctor wrote and reads again: JSON with a `schema` of its own, plain or compressed, perhaps made up."""

from __future__ import annotations

import gzip
import os
import re
import zlib
from typing import IO, TypeVar

import msgspec

T = TypeVar("T")

GZIP = b"\x1f\x8b"


class DocumentError(Exception):
    """A file that this program cannot read as what it was taken for; the message is one line that says why."""


class _Head(msgspec.Struct, frozen=True):
    """As much of a file as says whether it is worth reading on."""

    schema: str


def read(path: str | os.PathLike[str], kind: str, limit: int) -> bytes:
    """Return the bytes of a file, unpacked where it is compressed; `kind` is what errors call it.

    Raises DocumentError for one that cannot be read or has more than `limit` bytes.
    """
    name = os.fspath(path)
    try:
        with open(name, "rb") as file:
            return expanded(file, name, kind, limit)
    except OSError as error:
        raise DocumentError(f"cannot read {name}: {error.strerror or error}") from error


def expanded(file: IO[bytes], name: str, kind: str, limit: int) -> bytes:
    """Return what a seekable stream holds, unpacked where it is compressed. Raises DocumentError, as `read`."""
    try:
        data = unpacked(file).read(limit + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DocumentError(f"{name} is truncated or damaged: its compressed data ends early") from error
    if len(data) > limit:
        raise DocumentError(f"{name} is larger than {limit >> 20} MiB, which no {kind} is")
    return bytes(data)


def unpacked(file: IO[bytes]) -> IO[bytes]:
    """Return a seekable stream without the compression of its first bytes, if there is one."""
    head = file.read(2)
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if head == GZIP else file  # type: ignore[return-value]


def decode(data: bytes, name: str, kind: str, shape: type[T]) -> T:
    """Decode the bytes of a file whose schema is `netdoctor.KIND/1` as `shape`. Raises DocumentError."""
    if not data.strip():
        raise DocumentError(f"{name} is empty")
    try:
        head = msgspec.json.decode(data, type=_Head)
    except msgspec.ValidationError as error:
        raise DocumentError(f"{name} is not a netdoctor {kind}: it has no schema") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(_not_json(data, name, error)) from error
    found = re.fullmatch(rf"netdoctor\.{kind}/(\d+)", head.schema)
    if found is None:
        raise DocumentError(f"{name} is not a netdoctor {kind}: its schema is {head.schema[:80]!r}")
    if found[1] != "1":
        raise DocumentError(f"{name} has schema version {found[1][:20]}; this netdoctor reads version 1")
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DocumentError(f"{name} is damaged: {_one_line(error)}") from error


def _not_json(data: bytes, name: str, error: Exception) -> str:
    if data.lstrip()[:1] == b"{" and "truncated" in str(error):
        return f"{name} is truncated: the JSON ends early"
    return f"{name} is not JSON: {_one_line(error)}"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
