"""Which namespace a form of endpoint stands for: NAME, netns:…, pid:N, host, and the runtimes not looked up yet."""

from __future__ import annotations

import re
from collections.abc import Callable
from difflib import get_close_matches

from netdoctor.endpoints.hosts import at_host, narrowed
from netdoctor.errors import Undecidable, UsageError
from netdoctor.facts.fleet import own_inode
from netdoctor.facts.host import Host, NamespaceId
from netdoctor.question import End

_PROC = re.compile(r"/proc/(\d+)/ns/net")

#: Prefixes that the command line reserves for container runtimes which this version does not ask.
RUNTIMES = ("docker", "podman", "cri", "pod")

#: Asks the machine for the inode of the network namespace that a path opens; None where it opens none. It may raise
#: PermissionError. A snapshot has no machine to ask.
InodeAt = Callable[[str], int | None]


def nowhere(path: str) -> int | None:
    """Look at no machine: the `InodeAt` of a snapshot."""
    return None


def find(host: Host, given: str, inode_at: InodeAt = nowhere) -> End:
    """Return the end that `given` (anything but an address) stands for, with its namespace and no address yet.

    Raises UsageError for an unknown name, one with several matches, and a form this version does not look up;
    Undecidable for a process whose namespace may not be looked at.
    """
    host, text = narrowed(host, given)
    if text == "host":
        return _host(host, given)
    kind, colon, rest = text.partition(":")
    if colon and kind in RUNTIMES:
        raise UsageError(
            f"{given}: this version does not look up {kind} names; give the container's process or namespace file "
            "instead, as pid:N or netns:PATH"
        )
    if colon and kind == "pid":
        return _pid(host, given, rest, inode_at)
    if colon and kind == "netns":
        return _netns(host, given, rest, inode_at)
    return _named(host, given, text)


def _host(host: Host, given: str) -> End:
    found = [ns for ns in host.namespaces() if ns.is_host]
    if len(found) > 1:
        raise UsageError(f"{given}: every host has one: {_forms(found)}")
    if found:
        return End(given=given, kind="host", name=given, inode=found[0].inode)
    raise UsageError(f"{given}: the host's own namespace is not visible here; give it as netns:PATH")


def _pid(host: Host, given: str, text: str, inode_at: InodeAt) -> End:
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"{given}: a process is given as pid:N, with N a number")
    pid = int(text)
    inode = _ask(inode_at, given, f"/proc/{pid}/ns/net")
    found = [ns for ns in host.namespaces() if ns.inode == inode or any(p.pid == pid for p in ns.processes)]
    if len({ns.inode for ns in found}) > 1:
        raise UsageError(f"{given} is a process on several hosts: {_forms(found, f'pid:{pid}')}")
    if found:
        return End(given=given, kind="pid", name=_pid_name(found[0], pid), inode=found[0].inode)
    raise UsageError(f"{given}: there is no process {pid} here")


def _ask(inode_at: InodeAt, given: str, path: str) -> int | None:
    try:
        return inode_at(path)
    except PermissionError as error:
        raise Undecidable(f"{given}: no permission to look at {path}; run netdoctor as root") from error


def _pid_name(ns: NamespaceId, pid: int) -> str:
    if ns.names or ns.is_host:
        return ns.label
    program = next((p.name for p in ns.processes if p.pid == pid), None)
    return f"pid {pid} ({program})" if program else f"pid {pid}"


def _netns(host: Host, given: str, text: str, inode_at: InodeAt) -> End:
    if not text:
        raise UsageError(f"{given}: a namespace is given as netns:NAME or netns:PATH")
    if process := _PROC.fullmatch(text):
        return _pid(host, given, process[1], inode_at)
    known = host.namespaces()
    path = _normal(text)
    matches = [
        ns for ns in known if text in ns.names or path in map(_normal, ns.paths) or text == str(own_inode(ns))
    ]
    if not matches and "/" in text:
        inode = _ask(inode_at, given, text)
        matches = [ns for ns in known if ns.inode == inode]
    return _one(host, given, text, matches)


def _named(host: Host, given: str, text: str) -> End:
    return _one(host, given, text, [ns for ns in host.namespaces() if text in ns.names])


def _normal(path: str) -> str:
    """Name a file the way mountinfo does: /var/run is /run everywhere that matters."""
    return "/run/" + path.removeprefix("/var/run/") if path.startswith("/var/run/") else path


def _one(host: Host, given: str, text: str, matches: list[NamespaceId]) -> End:
    if not matches:
        raise UsageError(_unknown(host, given, text))
    if len({ns.inode for ns in matches}) > 1:
        forms = _forms(matches, text)
        raise UsageError(f"{given} is the name of several namespaces: {forms}")
    ns = matches[0]
    name = text if text in ns.names and "@" not in ns.label else ns.label
    return End(given=given, kind="netns", name=name, inode=ns.inode)


def _forms(matches: list[NamespaceId], text: str | None = None) -> str:
    """The exact forms of several namespaces; with `@HOST` the text itself may be exact enough."""
    forms = [at_host(ns, text) if text is not None else exact_form(ns) for ns in matches]
    if len(set(forms)) < len(forms) or "@" not in forms[0]:
        forms = [exact_form(ns, text) for ns in matches]
    return ", ".join(sorted(forms))


def exact_form(ns: NamespaceId, name: str | None = None) -> str:
    """Return a form that means this namespace and no other; `name` is one that does not suffice."""
    return at_host(ns, _exact(ns, name))


def _exact(ns: NamespaceId, name: str | None) -> str:
    if ns.is_host:
        return "host"
    for path in ns.paths:
        if name is None or path.rpartition("/")[2] == name:
            return f"netns:{path}"
    if ns.processes:
        return f"pid:{ns.processes[0].pid}"
    return f"netns:{ns.paths[0]}" if ns.paths else f"netns:{own_inode(ns)}"


def _unknown(host: Host, given: str, text: str) -> str:
    known = sorted({name for ns in host.namespaces() for name in ns.names})
    near = get_close_matches(text, known, n=3, cutoff=0.5)
    if near:
        return f"nothing here is called {given}; did you mean {' or '.join(near)}?"
    if known:
        some = ", ".join(known[:5]) + (f" and {len(known) - 5} more" if len(known) > 5 else "")
        return f"nothing here is called {given}; there are: {some}"
    return f"nothing here is called {given}, and no namespace here has a name; use pid:N, netns:PATH or an address"
