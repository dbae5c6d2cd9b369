"""A namespace claimed for what the kernel does not take away by itself, and a note of what has to be undone there.

Everything else of a trace goes away with its sockets. The logger of legacy tables (`nf_log`), a TRACE rule, and a table
on a kernel without owners stay when this process is killed. So it says in a file first what it is about to change, and
holds a lock on that file as long as the change stands: a file without a lock is work for the next start.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec

#: A file system in memory: what a note is about does not outlast the machine's run either.
FOLDER = Path("/run/netdoctor")
#: A trace takes a second or two; whoever is there first goes first.
PATIENCE = 20.0
_PAUSE = 0.05


class Note(msgspec.Struct, frozen=True):
    """What is to be undone: the logger that legacy tables had (None: unchanged), in which namespace.

    `cookie` is the namespace's own number: inodes are used again, cookies are not.
    """

    inode: int
    cookie: int | None = None
    logger: str | None = None


class BusyError(OSError):
    """Another trace has the namespace, and goes on."""


class Claim:
    """The lock on one namespace, held until `release` or the end of the process. Raises BusyError, OSError."""

    def __init__(self, inode: int, patience: float = PATIENCE) -> None:
        FOLDER.mkdir(mode=0o700, exist_ok=True)
        self.path = FOLDER / f"trace-{inode}"
        self._fd = _locked(self.path, time.monotonic() + patience)
        self.left = _decoded(os.pread(self._fd, 1 << 16, 0))

    def write(self, note: Note) -> None:
        """Say what is about to be changed."""
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, msgspec.json.encode(note), 0)

    def release(self) -> None:
        """Everything is undone: forget it, and let the next one in."""
        self.path.unlink(missing_ok=True)
        os.close(self._fd)

    def leave(self) -> None:
        """Let go of the lock and keep the note: something could not be undone."""
        os.close(self._fd)


def left_behind() -> Iterator[Claim]:
    """Yield the claims of processes that have ended without undoing what they changed. The caller releases them."""
    for path in sorted(FOLDER.glob("trace-*")) if FOLDER.is_dir() else ():
        number = path.name.removeprefix("trace-")
        if number.isdigit():
            try:
                yield Claim(int(number), 0)
            except OSError:
                continue  # its owner is at work, or it is not ours to open


def _locked(path: Path, deadline: float) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _same(fd, path):
                return fd
        except BlockingIOError as error:
            if time.monotonic() >= deadline:
                os.close(fd)
                raise BusyError(error.errno, "another trace is at work in this namespace") from error
            time.sleep(_PAUSE)
        os.close(fd)


def _same(fd: int, path: Path) -> bool:
    """The file that was locked is still the one of that name: who released it may have unlinked it meanwhile."""
    try:
        return os.path.samestat(os.fstat(fd), os.stat(path))
    except FileNotFoundError:
        return False


def _decoded(data: bytes) -> Note | None:
    try:
        return msgspec.json.decode(data, type=Note) if data else None
    except (msgspec.DecodeError, msgspec.ValidationError):
        return None
