"""What the kernel lets this process do: capabilities (capabilities(7)), the namespaces it is in, its descriptors."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

from netdoctor.preflight.records import Item

#: Inodes of the first PID and user namespace, which never change (include/linux/proc_ns.h).
FIRST_PID, FIRST_USER = 0xEFFFFFFC, 0xEFFFFFFD
ROOT = "run netdoctor as root, on the host itself"
#: What a diagnosis opens at most: namespaces held open take two descriptors each, taps one.
DESCRIPTORS = 1024

#: Capability → its number, what is lost without it, and whether a diagnosis needs it.
CAPABILITIES = {
    "CAP_SYS_ADMIN": (21, "other network namespaces cannot be entered", True),
    "CAP_NET_ADMIN": (
        12,
        "rules, sets and tracked connections cannot be read, and nothing can be traced",
        True,
    ),
    "CAP_NET_RAW": (13, "no real packet can be sent or seen", True),
    "CAP_SYS_PTRACE": (19, "namespaces of other users' processes are not found", True),
    "CAP_DAC_READ_SEARCH": (2, "what runtimes keep on disk for root alone cannot be read", False),
}


def examine() -> Iterator[Item]:
    """Yield what there is to say of the privileges."""
    held = capabilities()
    for name, (number, cost, needed) in CAPABILITIES.items():
        if held >> number & 1:
            yield Item("privileges", name, "ok", "held")
        else:
            yield Item("privileges", name, "missing", "not held", cost, ROOT, needed)
    yield from _first(
        "user", FIRST_USER, "capabilities count only within it: namespaces beyond it stay closed"
    )
    yield from _first("pid", FIRST_PID, "processes beyond it, and the namespaces they are in, are not seen")
    yield _descriptors()


def capabilities() -> int:
    """Return the effective capabilities as a bit mask; 0 where they cannot be read."""
    try:
        with open("/proc/self/status", encoding="utf-8", errors="replace") as lines:
            return next((int(line.split()[1], 16) for line in lines if line.startswith("CapEff:")), 0)
    except (OSError, ValueError):
        return 0


def _first(kind: str, inode: int, cost: str) -> Iterator[Item]:
    """Whether this process is in the machine's own namespace of that kind."""
    what = f"{kind} namespace"
    try:
        own = os.stat(f"/proc/self/ns/{kind}").st_ino
    except OSError:
        yield Item("privileges", what, "ok", "this kernel has none")
        return
    if own == inode:
        yield Item("privileges", what, "ok", "the machine's own")
    else:
        yield Item("privileges", what, "limited", "one of a container", cost, ROOT, True)


def _descriptors() -> Item:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    found = "no limit" if soft == resource.RLIM_INFINITY else f"{soft} at a time"
    if soft == resource.RLIM_INFINITY or soft >= DESCRIPTORS:
        return Item("privileges", "open files", "ok", found)
    cost = "on a host with hundreds of namespaces, some cannot be opened"
    remedy = f"ulimit -n {DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)}"
    return Item("privileges", "open files", "limited", found, cost, remedy)
