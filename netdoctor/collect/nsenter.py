"""The one place where a thread enters another network namespace, and comes back.

A socket, or a directory of /proc/sys/net, stays in the namespace where it was opened, so entering takes
microseconds: go in, open, go home, talk from home. setns(2) is per thread; no process is forked for it.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
HOME = "/proc/thread-self/ns/net"

_libc = ctypes.CDLL(None, use_errno=True)


class StrandedError(RuntimeError):
    """The way home failed: this thread must not open anything any more."""


class VanishedError(OSError):
    """The namespace that a path named is gone, or the path now names another one."""


def setns(fd: int) -> None:
    """Move the calling thread into the network namespace that `fd` refers to. Raises OSError (setns(2))."""
    if _libc.setns(fd, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def home_inode() -> int:
    """Return the inode of the calling thread's network namespace."""
    return os.stat(HOME).st_ino


def open_namespace(paths: tuple[str, ...], inode: int) -> int:
    """Open the namespace `inode` through the first path that still names it; the caller closes the descriptor.

    Raises VanishedError where none does, and PermissionError where one might but may not be opened.
    """
    denied: PermissionError | None = None
    for path in paths:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except PermissionError as error:
            denied = error
            continue
        except OSError:
            continue
        if os.fstat(fd).st_ino == inode:
            return fd
        os.close(fd)
    if denied is not None:
        raise denied
    raise VanishedError(f"no path leads to the network namespace {inode} any more")


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Run the body with the calling thread in the namespace of `fd`. Raises OSError where it may not be entered."""
    home = os.open(HOME, os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(fd)
        try:
            yield
        finally:
            try:
                setns(home)
            except OSError as error:
                raise StrandedError("cannot return to the own network namespace") from error
    finally:
        os.close(home)
