"""All names that an endpoint may be given by, for whoever is typing one."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.endpoints.hosts import at_host
from netdoctor.facts.containers import RUNTIMES, made_up
from netdoctor.facts.host import Host, NamespaceId


def names(host: Host, begun: str = "") -> dict[str, str]:
    """Return the names on a host, each with what it is; with their kind (`docker:web`) where `begun` has one."""
    found: dict[str, str] = {}
    for known in host.namespaces():
        for kind, name, about in _of(known):
            form = f"{kind}:{name}" if ":" in begun and kind else name
            found.setdefault(at_host(known, form), about)
    return found


def _of(known: NamespaceId) -> Iterator[tuple[str, str, str]]:
    """Kind, name and a few words for each name of a namespace, what lives in it included."""
    if known.is_host:
        yield "", "host", "the host's own network namespace"
    for name in known.names:
        if not made_up(name):
            yield "netns", name, "network namespace"
    for container in known.containers:
        if container.pod is not None:
            yield "pod", container.pod, "pod"
        if container.name:
            about = f"{RUNTIMES.get(container.runtime, container.runtime)} container"
            yield container.runtime, container.name, about
