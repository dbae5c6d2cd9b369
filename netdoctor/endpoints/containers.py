"""Containers and pods by their names: which of them an endpoint may mean, and in what namespace they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from netdoctor.endpoints.hosts import at_host
from netdoctor.facts.containers import RUNTIMES, Container
from netdoctor.facts.host import Host, NamespaceId

#: The kinds that ask for a container or pod alone.
KINDS = (*RUNTIMES, "pod")

#: A word shorter than this is no container's id where it is given without a runtime.
ID_LENGTH = 12


class Match(NamedTuple):
    """A container or pod (`kind` pod) that a text names. `known` is None where no namespace is seen."""

    kind: str
    container: Container
    known: NamespaceId | None

    @property
    def name(self) -> str:
        """What a person calls it."""
        if self.kind == "pod":
            return self.container.pod or ""
        return self.container.full_name or self.container.exact

    @property
    def form(self) -> str:
        """The form of endpoint that means it."""
        return f"pod:{self.name}" if self.kind == "pod" else self.container.form


def held(host: Host) -> Iterator[tuple[Container, NamespaceId | None]]:
    """Yield every container with the namespace that it is in."""
    for known in host.namespaces():
        for container in known.containers:
            yield container, known
    for container in host.unplaced:
        yield container, None


def matches(host: Host, kind: str | None, text: str) -> list[Match]:
    """Return what `text` names, of one kind or (None) of all; by id only where nothing has that name.

    What is stopped does not count beside what runs under the same name in the same runtime: it was started anew.
    """
    by_name = list(_named(host, kind, text))
    found = by_name or [
        Match(container.runtime, container, known)
        for container, known in held(host)
        if kind in (None, container.runtime)
        and container.identified(text)
        and (kind or len(text) >= ID_LENGTH)
    ]
    live = {_key(match) for match in found if match.known is not None}
    return _distinct(match for match in found if match.known is not None or _key(match) not in live)


def _named(host: Host, kind: str | None, text: str) -> Iterator[Match]:
    for container, known in held(host):
        if kind in (None, container.runtime) and container.named(text):
            yield Match(container.runtime, container, known)
        elif kind in (None, "pod", "cri") and container.in_pod(text):
            yield Match("pod", container, known)


def _key(match: Match) -> tuple[str, str, str]:
    return match.kind, match.container.runtime, match.name


def _distinct(found: Iterable[Match]) -> list[Match]:
    """One match a thing: a pod is in as many as it has containers, a stopped container in one for each past start."""
    kept: dict[object, Match] = {}
    for match in found:
        where = match.known.inode if match.known is not None else None
        kept.setdefault((*_key(match), where), match)
    return list(kept.values())


def exact_forms(found: list[Match]) -> list[str]:
    """Return a form for each match that means it and no other of them, and says where it is stopped."""
    forms = [_on_its_host(match, match.form) for match in found]
    return [
        (_on_its_host(match, match.container.exact) if forms.count(form) > 1 else form)
        + (f" ({match.container.state})" if match.known is None else "")
        for match, form in zip(found, forms, strict=True)
    ]


def _on_its_host(match: Match, form: str) -> str:
    return form if match.known is None else at_host(match.known, form)


def names(host: Host, kind: str | None) -> set[str]:
    """Return the names of containers and pods, of a `kind` with it before them."""
    prefix = f"{kind}:" if kind else ""
    found = set()
    for container, _ in held(host):
        if kind in (None, container.runtime) and container.name:
            found.add(prefix + (container.full_name if kind else container.name))
        if kind in (None, "pod") and container.pod is not None:
            found.add(prefix + container.pod)
    return found
