"""Listeners and tunnels' daemons in the lab's namespaces: started as programs of their own, ended with the lab.

A lab may be taken away by another process than the one that built it, so those that run are found by what they are: a
process in the namespace whose command line is that of `talk.py listen` or `tunneld.py tunnel`.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from netdoctor.lab.netns import FOLDER

#: What each action is done by.
PROGRAMS = {
    action: str(Path(__file__).with_name(name))
    for action, name in (("listen", "talk.py"), ("ask", "talk.py"), ("tunnel", "tunneld.py"))
}
#: The actions that go on until they are ended.
LASTING = ("listen", "tunnel")
_PATIENCE = 20.0


def command(namespace: str, action: str, words: Sequence[str]) -> list[str]:
    """Return the command line that listens or asks inside a namespace."""
    return ["nsenter", f"--net={FOLDER / namespace}", sys.executable, "-I", "-S", PROGRAMS[action], action, *words]


def start(namespace: str, words: Sequence[str], action: str = "listen") -> None:
    """Start a listener or daemon and wait until it is ready. Raises OSError, with what it said, where it is not."""
    child = subprocess.Popen(
        command(namespace, action, words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    assert child.stderr is not None
    with child.stdout, child.stderr:
        ready, _, _ = select.select([child.stdout], [], [], _PATIENCE)
        if ready and child.stdout.readline():
            _children.append(child)
            return
        child.kill()
        child.wait()
        said = child.stderr.read().decode(errors="replace").strip().splitlines()
    raise OSError(said[-1] if said else "it does not start")


#: Those that this process started; they are its children, and have to be waited for.
_children: list[subprocess.Popen[bytes]] = []


def stop(namespaces: Iterable[str], *actions: str) -> None:
    """End every listener and daemon in the namespaces, or those of one action, and return when they are gone."""
    inodes = {os.stat(FOLDER / name).st_ino for name in namespaces}
    ended = [pid for pid in _running(actions or LASTING) if _inode(pid) in inodes]
    for pid in ended:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for child in [child for child in _children if child.pid in ended]:
        child.wait()
        _children.remove(child)
    end = time.monotonic() + _PATIENCE
    while any(_inode(pid) in inodes for pid in ended) and time.monotonic() < end:
        time.sleep(0.01)


def _running(actions: Sequence[str]) -> list[int]:
    """The processes that do one of the actions."""
    wanted = [f"\0{PROGRAMS[action]}\0{action}\0".encode() for action in actions]
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        with contextlib.suppress(OSError):
            words = Path(f"/proc/{entry}/cmdline").read_bytes()
            if any(each in words for each in wanted):
                found.append(int(entry))
    return found


def _inode(pid: int) -> int | None:
    try:
        return os.stat(f"/proc/{pid}/ns/net").st_ino
    except OSError:
        return None
