"""Find the network namespaces of this machine: by named files, bind mounts, processes, and open descriptors.

A namespace is its inode on nsfs (network_namespaces(7), namespaces(7)). Docker keeps some in bind mounts in which no
process lives, `ip netns` in files below /run/netns, and any program may hold one by a descriptor alone.
"""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Callable, Iterable, Iterator

from netdoctor.collect.nsenter import CLONE_NEWNET, HOME, home_inode
from netdoctor.facts.host import Missing, NamespaceId
from netdoctor.facts.processes import Process

NAMED = ("/run/netns", "/var/run/netns")
#: Processes shown of a namespace; reading the name of every process would cost more than finding the namespace.
SHOWN_PROCESSES = 2

NS_GET_NSTYPE = 0xB703

_NET = re.compile(r"net:\[(\d+)\]")
_OCTAL = re.compile(r"\\([0-7]{3})")


class Sighting:
    """What has been seen of one namespace so far."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.paths: list[str] = []
        self.pids: list[int] = []

    def add_path(self, path: str, name: str | None = None) -> None:
        """Note one more path, and the name it gives."""
        if path not in self.paths:
            self.paths.append(path)
        if name is not None and name not in self.names:
            self.names.append(name)

    def record(self, inode: int, host: int) -> NamespaceId:
        """Return what is known as a record; a namespace of processes alone is opened through the first of them."""
        self.pids.sort()
        shown = self.pids[:SHOWN_PROCESSES]
        return NamespaceId(
            inode=inode,
            names=tuple(self.names),
            paths=(*self.paths, *(f"/proc/{pid}/ns/net" for pid in shown)),
            processes=tuple(Process(pid, process_name(pid)) for pid in shown),
            is_host=inode == host,
        )


class Search:
    """The namespaces found, in the order found, and what could not be looked at."""

    def __init__(self) -> None:
        self.host = home_inode()
        self.missing: dict[str, Missing] = {}
        self._paths: set[str] = set()
        self._seen: dict[int, Sighting] = {}

    def look(self) -> dict[int, NamespaceId]:
        """Look for bind mounts, named files and processes."""
        for inode, path in bind_mounts("/proc/self/mountinfo", ""):
            self._note(inode, path)
        for path in named_files():
            if path not in self._paths:  # not a mount but a link to a process's namespace, or a leftover
                self._look_at(path)
        if not same_mounts_as_init():
            for inode, path in bind_mounts("/proc/1/mountinfo", "/proc/1/root"):
                if inode not in self._seen:
                    self._note(inode, path)
        self._look_at_processes()
        self._seen.setdefault(self.host, Sighting())
        return self._records(self._seen)

    def look_deeper(self) -> dict[int, NamespaceId]:
        """Look through open descriptors and threads too; returns only the namespaces that are new."""
        new: dict[int, Sighting] = {}
        for inode, path in descriptors(self._denied_descriptors):
            if inode not in self._seen:
                new.setdefault(inode, Sighting()).add_path(path)
        self._seen.update(new)
        return self._records(new)

    def processes(self) -> dict[int, list[int]]:
        """Return the ids of the processes seen in each namespace."""
        return {inode: sighting.pids for inode, sighting in self._seen.items()}

    def _records(self, seen: dict[int, Sighting]) -> dict[int, NamespaceId]:
        return {inode: sighting.record(inode, self.host) for inode, sighting in seen.items()}

    def _note(self, inode: int, path: str) -> None:
        self._paths.add(path)
        folder, name = os.path.split(path)
        self._seen.setdefault(inode, Sighting()).add_path(path, name if folder in NAMED else None)

    def _look_at(self, path: str) -> None:
        """Note the namespace behind a path. What is no namespace, or is gone, is passed over."""
        try:
            inode = net_inode(path)
        except PermissionError:
            self._deny("files", "some network namespace files", f"no permission to look at {path}")
            return
        if inode is not None:
            self._note(inode, path)

    def _look_at_processes(self) -> None:
        denied = []
        for pid in process_ids():
            try:
                inode = os.stat(f"/proc/{pid}/ns/net").st_ino
            except PermissionError:
                denied.append(pid)
                continue
            except OSError:
                continue  # it ended
            self._seen.setdefault(inode, Sighting()).pids.append(pid)
        if denied:
            first = f"process {min(denied)} ({process_name(min(denied))})"
            others = f" and {len(denied) - 1} more" if len(denied) > 1 else ""
            self._deny(
                "processes", f"the network namespace of {first}{others}", "no permission to look at it"
            )

    def _denied_descriptors(self) -> None:
        self._deny("descriptors", "the open descriptors of some processes", "no permission to look at them")

    def _deny(self, kind: str, what: str, why: str) -> None:
        remedy = (
            "run netdoctor as root"
            if os.geteuid()
            else "run netdoctor on the host itself, with CAP_SYS_PTRACE"
        )
        self.missing.setdefault(kind, Missing(what, why, remedy))


def named_files() -> Iterator[str]:
    """Yield the paths of `ip netns` namespaces; a folder reached by two names is read once."""
    folders: set[str] = set()
    for folder in NAMED:
        real = os.path.realpath(folder)
        if real in folders:
            continue
        folders.add(real)
        try:
            with os.scandir(folder) as entries:
                yield from sorted(entry.path for entry in entries)
        except OSError:
            continue


def bind_mounts(mountinfo: str, root: str) -> Iterator[tuple[int, str]]:
    """Yield (inode, path) of the network namespaces bind-mounted somewhere, from a mountinfo file (proc(5)).

    `root` is put before each path: where the mounts of another process are reached from here. A mount that another one
    hides is left out: its path leads elsewhere.
    """
    try:
        with open(mountinfo, encoding="utf-8", errors="surrogateescape") as lines:
            found = [
                (int(match[1]), root + unescape(line.split(" ")[4]))
                for line in lines
                if " nsfs " in line and (match := _NET.search(line))
            ]
    except OSError:
        return
    yield from ((inode, path) for inode, path in found if _leads_to(path, inode))


def _leads_to(path: str, inode: int) -> bool:
    """Tell whether a path leads to that inode; True where it may not be looked at."""
    try:
        return os.stat(path).st_ino == inode
    except PermissionError:
        return True
    except OSError:
        return False


def unescape(path: str) -> str:
    """Undo the octal escapes of mountinfo (blank, tab, newline, backslash)."""
    return _OCTAL.sub(lambda found: chr(int(found[1], 8)), path)


def same_mounts_as_init() -> bool:
    """Tell whether process 1 sees the same mounts as this process; True where that cannot be seen."""
    try:
        return os.stat("/proc/1/ns/mnt").st_ino == os.stat("/proc/self/ns/mnt").st_ino
    except OSError:
        return True


def net_inode(path: str) -> int | None:
    """Return the inode of the network namespace that `path` opens, or None if it is something else, or gone.

    The file is opened only when it lies on nsfs, and the kernel is asked for its type (ioctl_ns(2)), because its name
    tells nothing. Raises PermissionError.
    """
    try:
        if os.stat(path).st_dev != os.stat(HOME).st_dev:
            return None
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        raise
    except OSError:
        return None
    try:
        return os.fstat(fd).st_ino if fcntl.ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET else None
    except OSError:
        return None
    finally:
        os.close(fd)


def process_ids() -> list[int]:
    """Return the ids of all processes that /proc shows."""
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def process_name(pid: int) -> str:
    """Return the name of a process (/proc/PID/comm), or `?` if it has ended."""
    try:
        with open(f"/proc/{pid}/comm", encoding="utf-8", errors="backslashreplace") as file:
            return file.read().rstrip("\n")
    except OSError:
        return "?"


def descriptors(denied: Callable[[], None]) -> Iterator[tuple[int, str]]:
    """Yield (inode, path) of every network namespace that a descriptor or a single thread of a process holds.

    `denied` is called for a process that may not be looked at.
    """
    own = os.getpid()
    for pid in process_ids():
        if pid == own:
            continue
        try:
            held = os.listdir(f"/proc/{pid}/fd")
            threads = os.listdir(f"/proc/{pid}/task")
        except PermissionError:
            denied()
            continue
        except OSError:
            continue  # it ended
        yield from _net_links(f"/proc/{pid}/fd/{number}" for number in held)
        if len(threads) > 1:
            yield from _net_links(f"/proc/{pid}/task/{thread}/ns/net" for thread in threads)


def _net_links(paths: Iterable[str]) -> Iterator[tuple[int, str]]:
    for path in paths:
        try:
            text = os.readlink(path)
            if found := _NET.fullmatch(text):
                yield int(found[1]), path
            elif text == "/" or text.startswith(("/run/", "/var/run/")):
                # opened through a bind mount: it shows where the mount was, or `/` once that is gone. Other paths are
                # not looked at: a stat(2) of a file on a dead network file system never returns.
                inode = net_inode(path)
                if inode is not None:
                    yield inode, path
        except OSError:
            continue
