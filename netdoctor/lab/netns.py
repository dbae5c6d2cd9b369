"""Enters a named namespace for a moment, in a thread of its own, to write its sysctls.

/proc/sys/net shows the namespace of the task that opens it, and a namespace is joined by one thread only (setns(2)), so
no process has to be started, and the calling thread never leaves its own.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

FOLDER = Path("/run/netns")
_CLONE_NEWNET = 0x40000000


def exists(name: str) -> bool:
    """Say whether a namespace of this name is there (ip-netns(8) keeps one file each)."""
    return (FOLDER / name).exists()


def write_sysctls(name: str, assignments: Sequence[str]) -> None:
    """Write `setting=value` for each assignment inside namespace `name`.

    A leading `-` lets a setting pass that this kernel has not. Raises OSError where the namespace or a setting cannot
    be opened, ValueError for an assignment of another form.
    """
    # A thread cannot be trusted to find its way back, so it ends here with the executor.
    with ThreadPoolExecutor(max_workers=1) as executor:
        executor.submit(_write, FOLDER / name, list(assignments)).result()


def sysctl_path(setting: str) -> Path:
    """Return the file of a setting, in sysctl(8)'s way: where the first separator is a dot, a slash means a dot."""
    if "/" in setting and ("." not in setting or setting.index("/") < setting.index(".")):
        path = setting
    else:
        path = setting.translate(str.maketrans("./", "/."))
    if ".." in path.split("/") or not path.startswith("net/"):
        raise ValueError(f"not a setting of a namespace: {setting}")
    return Path("/proc/sys") / path


def _write(namespace: Path, assignments: list[str]) -> None:
    _enter(namespace)
    for assignment in assignments:
        optional = assignment.startswith("-")
        setting, equals, value = assignment.removeprefix("-").partition("=")
        if not equals:
            raise ValueError(f"not of the form setting=value: {assignment}")
        path = sysctl_path(setting)
        if optional and not path.exists():
            continue
        path.write_text(value)


def _enter(namespace: Path) -> None:
    """Join a namespace with this thread. os.setns exists from Python 3.12 on only."""
    libc = ctypes.CDLL(None, use_errno=True)
    with namespace.open("rb") as file:
        if libc.setns(file.fileno(), _CLONE_NEWNET):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(namespace))
