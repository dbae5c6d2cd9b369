"""A network namespace of one thread, to try in it what would be a change anywhere else. It ends with the thread."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from netdoctor.collect.netlink import NETLINK_NETFILTER
from netdoctor.collect.nsenter import CLONE_NEWNET
from netdoctor.facts.traced import OWN_TABLE
from netdoctor.probe.trace import nftables
from netdoctor.tracing.plan import EARLY, Hanging
from netdoctor.tracing.signature import ICMP, Alternative

T = TypeVar("T")

_libc = ctypes.CDLL(None, use_errno=True)
#: How a kernel before 5.12 refuses a table with an owner.
_NO_OWNERS = (errno.EOPNOTSUPP, errno.EINVAL)


def run(body: Callable[[], T]) -> T:
    """Return what `body` does in a new network namespace. Raises OSError where none can be made (unshare(2))."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(_alone, body).result()


def _alone(body: Callable[[], T]) -> T:
    if _libc.unshare(CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return body()


def traces() -> bool:
    """Make the table of a trace, and say whether the kernel lets it be owned. Raises OSError where it refuses."""
    for owner in (True, False):
        with socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, NETLINK_NETFILTER
        ) as sock:
            sock.bind((0, 0))
            chains, ways = [Hanging("inet", "prerouting", EARLY)], [Alternative("request", ICMP, ())]
            try:
                nftables.make(sock, f"{OWN_TABLE}preflight", chains, ways, owner)
            except OSError as error:
                if not owner or error.errno not in _NO_OWNERS:
                    raise
                continue
            return owner
    return False
