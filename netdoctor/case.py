"""What a check may ask: the host's facts, the walk that failed, the cabling, and what a change would do."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

from netdoctor.facts.fleet import host_of
from netdoctor.facts.host import Host, Namespace, NamespaceId
from netdoctor.facts.links import Link
from netdoctor.facts.records import Address
from netdoctor.fix import command
from netdoctor.fix.command import Argv
from netdoctor.kernel import topology
from netdoctor.kernel.packet import Asker, Place
from netdoctor.kernel.walk import Walk
from netdoctor.question import Question


class Case:
    """One failed (or answered) walk, and everything around it. Checks read it and change nothing."""

    def __init__(self, host: Host, question: Question, walk: Walk, progress: Callable[[Host], int]) -> None:
        self.host = host
        self.question = question
        self.walk = walk
        self.progress = progress
        self._segments: dict[Place, dict[Place, int]] = {}

    def ns(self, at: Place | int) -> Namespace:
        """The namespace of a place (or with that inode)."""
        return self.walk_namespace(at if isinstance(at, int) else at.inode)

    def walk_namespace(self, inode: int) -> Namespace:
        """The namespace with that inode; raises KeyError if it vanished."""
        found = self.host.namespace(inode)
        if found is None:
            raise KeyError(inode)
        return found

    def id(self, at: Place | int) -> NamespaceId:
        """How the namespace of a place is known."""
        return self.ns(at).id

    def label(self, at: Place | int) -> str:
        """The name a person would use for the namespace."""
        return self.ns(at).id.label

    def same_host(self, one: int, other: int) -> bool:
        """Whether two namespaces are of one host: a device moves between those only."""
        return host_of(self.id(one)) == host_of(self.id(other))

    def link(self, at: Place) -> Link | None:
        """The device at a place."""
        return topology.link_at(self.host, at)

    def name(self, at: Place) -> str:
        """The name of the device at a place."""
        link = self.link(at)
        return link.name if link is not None else f"if{at.ifindex}"

    def where(self, at: Place) -> str:
        """`eth0 of web`: a device as a sentence names it."""
        return f"{self.name(at)} in {self.label(at)}" if at.ifindex else self.label(at)

    def owners(self, address: str) -> list[Place]:
        """Every device that carries `address`."""
        return topology.owners(self.host, address)

    def segment(self, at: Place) -> dict[Place, int]:
        """The devices cabled to `at` on layer 2, with their distance."""
        if at not in self._segments:
            self._segments[at] = topology.segment(self.host, at)
        return self._segments[at]

    def peer(self, at: Place) -> Place | None:
        """The other end of a pair, or the parent of a macvlan."""
        link = self.link(at)
        return topology.lower_of(self.host, at, link) if link is not None else None

    def visited(self, asker: Asker) -> set[Place]:
        """Every device that the ARP request of `asker` came by."""
        return {
            step.at
            for step in self.walk.steps
            if getattr(step.carries, "flow", None) and _asker(step) == asker
        }

    def addresses(self, at: Place) -> tuple[Address, ...]:
        """The IPv4 addresses of a device."""
        ns = self.host.namespace(at.inode)
        return tuple(ifa for ifa in ns.addresses(at.ifindex) if ifa.family == 2) if ns is not None else ()

    @cached_property
    def target(self) -> str:
        """The address pinged."""
        return self.walk.target or ""

    def ip(self, at: Place | int, *words: str) -> Argv:
        """Return an `ip` command for the namespace (ip(8))."""
        return command.ip(self.id(at), *words)

    def bridge(self, at: Place | int, *words: str) -> Argv:
        """Return a `bridge` command for the namespace (bridge(8))."""
        return command.bridge(self.id(at), *words)

    def sysctl(self, at: Place | int, name: str) -> Argv:
        """A command that reads `net/NAME` in the namespace."""
        return command.sysctl(self.id(at), name)


def _asker(step: object) -> Asker | None:
    carries = getattr(step, "carries", None)
    flow = getattr(carries, "flow", None)
    asker = getattr(flow, "asker", None)
    return asker if isinstance(asker, Asker) else None
