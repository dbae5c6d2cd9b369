"""A tracing instance of our own: its events, its buffer, and nobody else's disturbed.

tracefs is mounted for this process alone, as a mount that stands nowhere in the file tree (fsmount(2)): it goes away
with its descriptor, however the process ends. The instance itself is a directory and does not; one that a killed run
left is taken away by the next.
"""

from __future__ import annotations

import ctypes
import errno
import itertools
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress

#: System calls that have the same number on every architecture (asm-generic/unistd.h).
_FSOPEN, _FSCONFIG, _FSMOUNT = 430, 431, 432
_CLOEXEC = 1
_FSCONFIG_CMD_CREATE = 6
NAME = "netdoctor-"
_OWN = re.compile(re.escape(NAME) + r"(\d+)-\d+")
_runs = itertools.count(1)
_BUFFER_KB = "1024"
#: Seconds. A child of another thread holds our descriptors from its fork until its exec: until then, EBUSY.
_PATIENCE = 2.0

_libc = ctypes.CDLL(None, use_errno=True)


class Unavailable(Exception):
    """Tracing cannot be had here; the message says why, `remedy` what would change that."""

    def __init__(self, why: str, remedy: str) -> None:
        super().__init__(why)
        self.remedy = remedy


class Instance:
    """A private tracing instance in which `events` are on, each under its filter (events.rst, 5) if it has one.

    Raises Unavailable; `close` takes it away.
    """

    def __init__(self, events: Mapping[str, str]) -> None:
        self._root = _mounted()
        self._name = f"{NAME}{os.getpid()}-{next(_runs)}"
        self._made = False
        self._pipe = -1
        self._events = tuple(events)
        try:
            # Before it is: an interrupt may come as soon as it is there.
            self._made = True
            os.mkdir(f"instances/{self._name}", dir_fd=self._root)
            self._pipe = self._open("trace_pipe", os.O_RDONLY | os.O_NONBLOCK)
            self._write("trace_clock", "mono")
            self._write("buffer_size_kb", _BUFFER_KB)
            for event, condition in events.items():
                if condition:
                    self._write(f"events/{event}/filter", condition)
                self._write(f"events/{event}/enable", "1")
        except OSError as error:
            self.close()
            raise Unavailable(f"tracing: {error.strerror}", "a kernel with CONFIG_EVENT_TRACING") from error
        except BaseException:
            self.close()
            raise

    def read(self) -> str:
        """Return the trace since the last reading, with the events off from now on."""
        for event in self._events:
            with suppress(OSError):
                self._write(f"events/{event}/enable", "0")
        parts = []
        with suppress(OSError):  # EAGAIN: there is no more
            while part := os.read(self._pipe, 1 << 16):
                parts.append(part)
        return b"".join(parts).decode("utf-8", "replace")

    def close(self) -> None:
        """Take everything away; may be called again."""
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1
        if self._made:
            self._made = False
            _let_go(self._name)
            end = time.monotonic() + _PATIENCE
            while not _remove(self._root, self._name) and time.monotonic() < end:
                time.sleep(0.01)
        if self._root >= 0:
            os.close(self._root)
            self._root = -1

    def _open(self, name: str, flags: int) -> int:
        return os.open(f"instances/{self._name}/{name}", flags | os.O_CLOEXEC, dir_fd=self._root)

    def _write(self, name: str, text: str) -> None:
        fd = self._open(name, os.O_WRONLY)
        try:
            os.write(fd, text.encode())
        finally:
            os.close(fd)


def tells_reasons() -> bool:
    """Whether the kernel says why it drops a packet (since 5.17). Raises Unavailable where it tells nothing at all."""
    root = _mounted()
    try:
        fd = os.open("events/skb/kfree_skb/format", os.O_RDONLY | os.O_CLOEXEC, dir_fd=root)
        with open(fd, "rb") as file:
            return b" reason;" in file.read()
    except OSError as error:
        raise Unavailable(f"tracing: {error.strerror}", "a kernel with CONFIG_EVENT_TRACING") from error
    finally:
        os.close(root)


def remove_leftovers() -> None:
    """Take away the instances of runs that were killed; where there is no tracing there are none."""
    with suppress(Unavailable, OSError):
        root = _mounted()
        try:
            _remove_dead(root)
        finally:
            os.close(root)


def _mounted() -> int:
    """Mount tracefs nowhere, and return a descriptor of its root. Raises Unavailable."""
    try:
        context = _call(_FSOPEN, b"tracefs", _CLOEXEC)
        try:
            _call(_FSCONFIG, context, _FSCONFIG_CMD_CREATE, None, None, 0)
            return _call(_FSMOUNT, context, _CLOEXEC, 0)
        finally:
            os.close(context)
    except PermissionError as error:
        raise Unavailable("no permission to trace", "run netdoctor as root on the host itself") from error
    except OSError as error:
        why = f"tracefs cannot be mounted: {error.strerror}"
        raise Unavailable(why, "a kernel with CONFIG_TRACING, 5.2 or later") from error


def _call(number: int, *arguments: object) -> int:
    result = int(_libc.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def _remove_dead(root: int) -> None:
    """Remove the instances of processes that are no more. One that is in use cannot be removed (EBUSY)."""
    folder = os.open("instances", os.O_RDONLY | os.O_CLOEXEC, dir_fd=root)
    try:
        names = os.listdir(folder)
    finally:
        os.close(folder)
    for name in names:
        found = _OWN.fullmatch(name)
        if found and not os.path.exists(f"/proc/{found[1]}"):
            _remove(root, name)


def _let_go(name: str) -> None:
    """Close what an interrupt has left open of our own instance: while it is open, it cannot be removed."""
    for number in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            if f"/instances/{name}/" in os.readlink(f"/proc/self/fd/{number}"):
                os.close(int(number))


def _remove(root: int, name: str) -> bool:
    """Take an instance away; False where it is in use, which may pass."""
    try:
        os.rmdir(f"instances/{name}", dir_fd=root)
    except OSError as error:
        return error.errno != errno.EBUSY
    return True
