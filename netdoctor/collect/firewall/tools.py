"""Runs the host's own tools in a network namespace: the child inherits it from the thread that has entered it.

Only the network namespace is entered, so what runs is the host's program, never one of a container's.
"""

from __future__ import annotations

import os
import shutil
import subprocess

from netdoctor.collect.access import Access

#: Where the tools live, whatever PATH the caller has (a user's has no sbin).
PATH = "/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin:/usr/local/bin"

#: A dump of 100,000 rules takes some seconds on a slow machine; what takes longer hangs.
TIMEOUT = 120

#: The tools build trees of tens of megabytes of a large table, and half of their time goes into page faults
#: (ld.so(8); another C library, and an older one, takes no notice).
LARGE_PAGES = "glibc.malloc.hugetlb=1"


class ToolError(Exception):
    """A tool is not there or failed; the message says so in a few words, `remedy` what to do."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.remedy = remedy


def run(access: Access, *command: str) -> str:
    """Run a tool in the namespace and return what it prints. Raises ToolError; OSError where it may not be entered."""
    path = shutil.which(command[0], path=PATH)
    if path is None:
        raise ToolError(f"{command[0]} is not installed", f"install {command[0]}")
    try:
        done = access.run(lambda: _run((path, *command[1:])))
    except subprocess.TimeoutExpired as error:
        raise ToolError(f"{command[0]} does not come to an end", "see what holds it up") from error
    if done.returncode:
        said = " ".join(done.stderr.decode("utf-8", "replace").split())[:200]
        raise ToolError(
            f"{command[0]} failed (exit code {done.returncode}): {said or 'it gives no reason'}",
            f"run `{' '.join(command)}` in it",
        )
    return done.stdout.decode("utf-8", "backslashreplace")


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    """Run it, with its output in memory: megabytes cost less there than through a pipe."""
    environment = {
        "PATH": PATH,
        "LC_ALL": "C",
        "HOME": os.environ.get("HOME", "/"),
        "GLIBC_TUNABLES": LARGE_PAGES,
    }
    with os.fdopen(os.memfd_create("output", os.MFD_CLOEXEC), "w+b") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.PIPE,
            env=environment,
            timeout=TIMEOUT,
            check=False,
        )
        output.seek(0)
        done.stdout = output.read()
    return done
