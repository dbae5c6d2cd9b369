"""Who holds a socket: the processes of a namespace, looked through when a socket is to be shown."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property

from msgspec.structs import replace

from netdoctor.facts.processes import Process
from netdoctor.facts.sockets import Socket

#: A longer command line is cut: it may hold a whole program.
LONGEST = 200

_SOCKET = re.compile(r"socket:\[(\d+)\]")


class Holders:
    """Who of the processes given has which socket open; nothing is read before the first question."""

    def __init__(self, pids: Iterable[int]) -> None:
        self._pids = pids

    def of(self, item: Socket) -> Process | None:
        """Return a process that has the socket open, or None where none is seen."""
        pid = self._by_inode.get(item.inode)
        return described(pid) if pid is not None else None

    def told(self, items: tuple[Socket, ...] | None) -> tuple[Socket, ...] | None:
        """Return sockets with their holders, for a record; None where there are no facts."""
        return None if items is None else tuple(replace(item, holder=self.of(item)) for item in items)

    @cached_property
    def _by_inode(self) -> dict[int, int]:
        found: dict[int, int] = {}
        for pid in sorted(self._pids):
            for inode in _sockets(f"/proc/{pid}/fd"):
                found.setdefault(inode, pid)
        return found


def _sockets(folder: str) -> Iterator[int]:
    """The inodes of the sockets that a process has open (proc(5), fd/)."""
    try:
        numbers = os.listdir(folder)
    except OSError:
        return  # it ended, or may not be looked at
    for number in numbers:
        with suppress(OSError):  # closed meanwhile
            if held := _SOCKET.fullmatch(os.readlink(f"{folder}/{number}")):
                yield int(held[1])


def described(pid: int) -> Process | None:
    """Return a process with its whole name and its command line, or None where it has ended."""
    import psutil  # imported where a process is shown: most answers show none

    try:
        process = psutil.Process(pid)
        command = " ".join(process.cmdline())
        name = process.name()
    except (psutil.Error, OSError):
        return None
    shown = command if len(command) <= LONGEST else f"{command[: LONGEST - 1]}…"
    return Process(pid, name, shown or None)
