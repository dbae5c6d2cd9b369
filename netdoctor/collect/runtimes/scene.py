"""What every runtime module needs to know of the machine: its processes, and the control groups that they are in."""

from __future__ import annotations

import fcntl
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from netdoctor.facts.containers import Container
from netdoctor.facts.host import Missing

#: Longer than any name that a runtime allows, with a pod and its namespace before it.
LONGEST = 600
#: No state file or answer about the containers of one machine is longer.
LIMIT = 64 << 20

#: ioctl_ns(2): the user id of the owner of a user namespace.
NS_GET_OWNER_UID = 0xB704

_ID = re.compile(rb"[/-]([0-9a-f]{64})(?=[./\n]|$)")
_POD = re.compile(rb"pod([0-9a-f]{8}(?:[-_][0-9a-f]{4}){3}[-_][0-9a-f]{12}|[0-9a-f]{32})[./\n]")
_ANY = re.compile(rb"[0-9a-f]{64}|/lxc|kubepods")
_LXC = re.compile(rb"/(?:lxc\.payload[./]|lxc/)([^/\n]+)")


class Found(NamedTuple):
    """A container that a runtime names.

    `pid` is a process of it where the runtime says one; else the control groups tell. `guest` tells that it uses a
    namespace made for another container, `owner` whose runtime it is where that is not the system's: a user id.
    """

    container: Container
    pid: int | None = None
    guest: bool = False
    owner: int | None = None


class Membership(NamedTuple):
    """What a process's control group says: the container's id, the pod's UID, the name of an LXC container."""

    id: str | None
    pod_uid: str | None
    lxc: str | None


class Scene:
    """The processes of this machine, by network namespace; and what could not be learned of containers."""

    def __init__(self, processes: Mapping[int, Iterable[int]], proc: str = "/proc") -> None:
        self._proc = proc
        self._inodes = {pid: inode for inode, pids in processes.items() for pid in pids}
        self.missing: list[Missing] = []

    def miss(self, what: str, why: str, remedy: str) -> None:
        """Note something that could not be learned."""
        self.missing.append(Missing(what, why, remedy))

    @cached_property
    def memberships(self) -> dict[int, Membership]:
        """The processes that are in a container's control group, in the order of their ids."""
        found = {}
        for pid in sorted(self._inodes):
            member = membership(_control_groups(f"{self._proc}/{pid}/cgroup"))
            if member is not None:
                found[pid] = member
        return found

    @cached_property
    def by_id(self) -> dict[str, int]:
        """The first process of each container, by the container's id."""
        found: dict[str, int] = {}
        for pid, member in self.memberships.items():
            if member.id is not None:
                found.setdefault(member.id, pid)
        return found

    def inode(self, found: Found) -> int | None:
        """Return the network namespace that a container is in, or None where it has none that can be seen.

        A user's own runtime is believed only of processes in a user namespace of this user.
        """
        pid = self.by_id.get(found.container.id) if found.container.id else None
        pid = pid if pid is not None else found.pid
        if pid is None or (
            found.owner is not None and owner_of(f"{self._proc}/{pid}/ns/user") != found.owner
        ):
            return None
        return self._inodes.get(pid)


def _control_groups(path: str) -> bytes:
    """Read a /proc/PID/cgroup, without what makes `read` slower: there is one for every process."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(fd, 65536)
    except OSError:
        return b""
    finally:
        os.close(fd)


def membership(text: bytes) -> Membership | None:
    """Return what a /proc/PID/cgroup says (cgroups(7); versions 1 and 2, both drivers), or None: nothing of containers.

    The innermost container counts. The monitors of podman and CRI-O are in groups with an id as well, and no members.
    """
    if not _ANY.search(text):
        return None
    for line in text.splitlines():
        ids, pod, lxc = _ID.findall(line), _POD.search(line), _LXC.search(line)
        if not (ids or pod or lxc) or b"-conmon-" in line:
            continue
        return Membership(
            ids[-1].decode() if ids else None,
            pod[1].decode().replace("_", "-") if pod else None,
            lxc[1].decode("utf-8", "replace") if lxc else None,
        )
    return None


def owner_of(path: str) -> int | None:
    """Return the user id of the owner of the user namespace that `path` opens, or None."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return int.from_bytes(fcntl.ioctl(fd, NS_GET_OWNER_UID, bytes(4)), "little")
    except OSError:
        return None
    finally:
        os.close(fd)


def read(path: str | Path, limit: int = LIMIT) -> bytes:
    """Return what a plain file holds; empty where it cannot be read, is no plain file, or is longer than `limit`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return b""
    try:
        with open(fd, "rb") as file:
            data = file.read(limit + 1) if stat.S_ISREG(os.fstat(fd).st_mode) else b""
    except OSError:
        return b""
    return data if len(data) <= limit else b""


def decoded(data: bytes, shape: Any) -> Any:
    """Decode JSON as `shape`. Raises ValueError for what is not of it."""
    try:
        return msgspec.json.decode(data, type=shape)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise ValueError(str(error)[:200]) from error


def each(data: bytes, shape: Any) -> Iterator[Any]:
    """Yield the entries of a JSON list that are of `shape`. Raises ValueError where it is no list."""
    for raw in decoded(data, list[msgspec.Raw]):
        try:
            yield decoded(bytes(raw), shape)
        except ValueError:
            continue  # one that makes no sense does not take the others with it


def word(text: str | None) -> str | None:
    """Return a name as it is, or None for one that no runtime gives: empty, endless, or with control characters."""
    return text if text and len(text) <= LONGEST and text.isprintable() else None


def users() -> Iterator[tuple[int, str]]:
    """Yield (uid, folder) of the runtime folders of users (/run/user/UID): where rootless runtimes have their state."""
    try:
        with os.scandir("/run/user") as entries:
            folders = sorted((int(entry.name), entry.path) for entry in entries if entry.name.isdigit())
    except OSError:
        return
    yield from folders


def listing(folder: str | Path) -> list[str]:
    """Return the sorted names in a folder; none where it cannot be read."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
