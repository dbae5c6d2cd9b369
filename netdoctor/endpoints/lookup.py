"""Which namespace a form of endpoint stands for: NAME, netns:…, pid:N, host, and the containers of every runtime."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from netdoctor.endpoints import containers
from netdoctor.endpoints.containers import KINDS, Match
from netdoctor.endpoints.hosts import at_host, narrowed
from netdoctor.endpoints.unknown import unknown
from netdoctor.errors import Undecidable, UsageError
from netdoctor.facts.containers import RUNTIMES, made_up
from netdoctor.facts.fleet import own_inode
from netdoctor.facts.host import Host, NamespaceId
from netdoctor.question import End

_PROC = re.compile(r"/proc/(\d+)/ns/net")

#: States in which a container has processes, in the words of Docker and podman.
_ALIVE = ("running", "paused")

#: Asks the machine for the inode of the network namespace that a path opens; None where it opens none. It may raise
#: PermissionError. A snapshot has no machine to ask.
InodeAt = Callable[[str], int | None]


def nowhere(path: str) -> int | None:
    """Look at no machine: the `InodeAt` of a snapshot."""
    return None


def find(host: Host, given: str, inode_at: InodeAt = nowhere) -> End:
    """Return the end that `given` (anything but an address) stands for, with its namespace and no address yet.

    Raises UsageError for an unknown name, one with several matches, and a stopped container; Undecidable for a process
    or container whose namespace may not be looked at.
    """
    host, text = narrowed(host, given)
    if text == "host":
        return _host(host, given)
    kind, colon, rest = text.partition(":")
    if colon and kind in KINDS:
        return _one(host, given, rest, [], containers.matches(host, kind, rest), kind)
    if colon and kind == "svc":
        raise UsageError(f"{given}: a Service sends nothing; it can only be the destination")
    if colon and kind == "pid":
        return _pid(host, given, rest, inode_at)
    if colon and kind == "netns":
        return _netns(host, given, rest, inode_at)
    return _named(host, given, text)


def _host(host: Host, given: str) -> End:
    found = [ns for ns in host.namespaces() if ns.is_host]
    if len(found) > 1:
        raise UsageError(f"{given}: every host has one: {_forms(found, ())}")
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
        raise UsageError(f"{given} is a process on several hosts: {_forms(found, (), f'pid:{pid}')}")
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
    named = [ns for ns in host.namespaces() if text in ns.names]
    return _one(host, given, text, named, containers.matches(host, None, text))


def _normal(path: str) -> str:
    """Name a file the way mountinfo does: /var/run is /run everywhere that matters."""
    return "/run/" + path.removeprefix("/var/run/") if path.startswith("/var/run/") else path


def _one(
    host: Host,
    given: str,
    text: str,
    named: list[NamespaceId],
    contained: Sequence[Match] = (),
    kind: str | None = None,
) -> End:
    """Return the end of the one namespace there is among those named and those of the containers."""
    if not named and not contained:
        raise UsageError(unknown(host, given, text, kind))
    living = {ns.inode for ns in named} | {m.known.inode for m in contained if m.known is not None}
    stopped = [match for match in contained if match.known is None]
    if len(living) + len(stopped) > 1:
        raise UsageError(
            f"{given} is the name of several {'containers' if contained else 'namespaces'}: "
            f"{_forms(named, contained, text)}"
        )
    if stopped:
        raise _without_namespace(given, stopped[0])
    if named:
        ns = named[0]
        name = text if text in ns.names and "@" not in ns.label else ns.label
        return End(given=given, kind="netns", name=name, inode=ns.inode)
    match = contained[0]
    assert match.known is not None
    return End(given, match.kind, _plain(match, match.known), match.known.inode, note=_shared(match))


def _plain(match: Match, known: NamespaceId) -> str:
    return at_host(known, match.name) if "@" in known.label else match.name


def _shared(match: Match) -> str | None:
    """Say whose namespace it is, where it is not the container's own."""
    ns = match.known
    if ns is None or match.kind == "pod":
        return None
    if ns.is_host:
        return f"{match.name} is in the host's own network namespace"
    others = [c.full_name for c in ns.containers if c != match.container and c.full_name]
    return f"{match.name} shares its network namespace with {', '.join(others[:3])}" if others else None


def _without_namespace(given: str, match: Match) -> UsageError | Undecidable:
    what = "pod" if match.kind == "pod" else f"{RUNTIMES.get(match.kind, match.kind)} container"
    state = match.container.state
    if state in _ALIVE:
        return Undecidable(
            f"{given}: the {what} {match.name} is {state}, and its network namespace cannot be seen from here; "
            "run netdoctor as root, on the host itself"
        )
    said = "" if state == "stopped" else f" ({state})"
    return UsageError(
        f"{given}: the {what} {match.name} is stopped{said}: it has no network namespace; start it"
    )


def _forms(named: Sequence[NamespaceId], contained: Sequence[Match], text: str | None = None) -> str:
    """The exact forms of several namespaces and containers; with `@HOST` the text itself may be exact enough."""
    forms = [] if contained else [at_host(ns, text) if text is not None else exact_form(ns) for ns in named]
    if len(set(forms)) < len(named) or not forms or "@" not in forms[0]:
        forms = [exact_form(ns, text) for ns in named]
    forms += containers.exact_forms(list(contained))
    return ", ".join(sorted(forms))


def exact_form(ns: NamespaceId, name: str | None = None) -> str:
    """Return a form that means this namespace and no other; `name` is one that does not suffice."""
    return at_host(ns, _exact(ns, name))


def _exact(ns: NamespaceId, name: str | None) -> str:
    if ns.is_host:
        return "host"
    if ns.containers and all(made_up(known) for known in ns.names):
        first = ns.containers[0]
        return first.form if first.runtime == "docker" or first.pod is not None else first.exact
    for path in ns.paths:
        if name is None or path.rpartition("/")[2] == name:
            return f"netns:{path}"
    if ns.processes:
        return f"pid:{ns.processes[0].pid}"
    return f"netns:{ns.paths[0]}" if ns.paths else f"netns:{own_inode(ns)}"
