"""How a command is run for a namespace from the host's own: `ip -n NAME`, or nsenter(1) with a file that opens it.

Where several hosts are looked at, a command says first which one it is for, as `@HOST`; `split` takes that off.
"""

from __future__ import annotations

import os.path

from netdoctor.facts.fleet import host_of
from netdoctor.facts.host import NamespaceId

Argv = tuple[str, ...]
NETNS_RUN_DIR = "/run/netns"


def ip(ns: NamespaceId, *arguments: str) -> Argv:
    """Return an `ip` command for the namespace (ip(8))."""
    return _iproute("ip", ns, arguments)


def bridge(ns: NamespaceId, *arguments: str) -> Argv:
    """Return a `bridge` command for the namespace (bridge(8))."""
    return _iproute("bridge", ns, arguments)


def sysctl(ns: NamespaceId, name: str, value: str | None = None) -> Argv:
    """Return a `sysctl` command (sysctl(8)) that reads `net/NAME`, or sets it.

    Dots are used where no name on the way has one.
    """
    full = f"net/{name}"
    full = full if "." in full else full.replace("/", ".")
    words = ("sysctl", full) if value is None else ("sysctl", "-w", f"{full}={value}")
    return enter(ns, words)


def enter(ns: NamespaceId, words: Argv) -> Argv:
    """Any command of the host, run in the namespace."""
    path = _path(ns)
    return _on(ns, words if ns.is_host or path is None else ("nsenter", f"--net={path}", *words))


def split(argv: Argv) -> tuple[str | None, Argv]:
    """The host that a command is for (None where there is only one), and its words."""
    if argv and argv[0].startswith("@"):
        return argv[0][1:], argv[1:]
    return None, argv


def _on(ns: NamespaceId, words: Argv) -> Argv:
    where = host_of(ns)
    return words if where is None else (f"@{where}", *words)


def target(ns: NamespaceId) -> str:
    """The namespace as `ip link … netns` takes it: a name below /run/netns, or a file that opens it."""
    return _netns_name(ns) or _path(ns) or "/proc/1/ns/net"


def _iproute(program: str, ns: NamespaceId, arguments: tuple[str, ...]) -> Argv:
    name = None if ns.is_host else _netns_name(ns)
    return _on(ns, (program, "-n", name, *arguments)) if name else enter(ns, (program, *arguments))


def _netns_name(ns: NamespaceId) -> str | None:
    for path in ns.paths:
        if os.path.dirname(path) in (NETNS_RUN_DIR, "/var/run/netns"):
            return os.path.basename(path)
    return None


def _path(ns: NamespaceId) -> str | None:
    if ns.paths:
        return ns.paths[0]
    return f"/proc/{ns.processes[0].pid}/ns/net" if ns.processes else None
