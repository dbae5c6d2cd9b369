"""Namespaces by name: running a function inside one, without leaving one's own."""

from __future__ import annotations

import ctypes
import os
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def inside(name: str, work: Callable[[], T]) -> T:
    """Run ``work`` in a thread that has entered the named namespace, and hand back what it returns or raises.

    ``/proc/sys/net`` and ``/proc/thread-self/net`` show the thread's own namespace (proc_sysctl.c, proc_net.c), so
    the process itself never has to move.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def enter_and_work() -> None:
        try:
            descriptor = os.open(f"/run/netns/{name}", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _libc.setns(descriptor, CLONE_NEWNET) != 0:
                    raise OSError(ctypes.get_errno(), f"setns {name}")
            finally:
                os.close(descriptor)
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=enter_and_work)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def write_sysctls(pairs: list[list[str]]) -> None:
    """Write files below ``/proc/sys`` of the calling thread's namespace: [path, value] each."""
    for path, value in pairs:
        with open(f"/proc/sys/{path}", "w", encoding="ascii") as file:
            file.write(value)


def echo_requests_heard() -> int:
    """``Icmp: InEchos`` of the calling thread's namespace."""
    with open("/proc/thread-self/net/snmp", encoding="ascii") as file:
        rows = [line.split() for line in file if line.startswith("Icmp:")]
    return int(rows[1][rows[0].index("InEchos")])
