"""Who holds a socket or a TUN device: processes, looked through when one is to be shown."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from msgspec.structs import replace

from netdoctor.facts.processes import Process
from netdoctor.facts.sockets import Socket

#: A longer command line is cut: it may hold a whole program.
LONGEST = 200

_SOCKET = re.compile(r"socket:\[(\d+)\]")


class Holders:
    """Who of the processes given has which socket open; nothing is read before the first question."""

    def __init__(self, pids: Iterable[int], strangers: Callable[[str], Iterable[int]]) -> None:
        self._pids = pids
        self._strangers = strangers

    def of(self, item: Socket) -> Process | None:
        """Return a process that has the socket open, or None where none is seen."""
        pid = self._by_inode.get(item.inode)
        return described(pid) if pid is not None else None

    def behind(self, device: str) -> Process | None:
        """Return the process that has a TUN or TAP device of that name open (proc(5), fdinfo/).

        A descriptor may be with a process of a namespace that has no such device: it is told where it is one alone.
        """
        near = self._tuns.get(device, ())
        pids = near or tuple(pid for pid in self._strangers(device) if device in _tuns(pid))
        return described(pids[0]) if near or len(pids) == 1 else None

    @cached_property
    def _tuns(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for pid in sorted(self._pids):
            for device in _tuns(pid):
                found[device] = (*found.get(device, ()), pid)
        return found

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


def _tuns(pid: int) -> Iterator[str]:
    """The TUN and TAP devices that a process has open: `iff:` in fdinfo (tun_chr_show_fdinfo())."""
    try:
        numbers = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return
    for number in numbers:
        with suppress(OSError):
            if os.readlink(f"/proc/{pid}/fd/{number}") == "/dev/net/tun":
                info = Path(f"/proc/{pid}/fdinfo/{number}").read_text(encoding="utf-8", errors="backslashreplace")
                yield from (line.split()[-1] for line in info.splitlines() if line.startswith("iff:\t") and line[5:])


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
