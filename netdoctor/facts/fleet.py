"""Several hosts as one: every namespace under a key of its own, and the wires that may join them.

Inodes, ifindexes and names repeat from host to host. A `Fleet` numbers all namespaces anew, so that whoever asks for an
"inode" gets one namespace; what a person reads is the host and the inode there (`JoinedId`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import cached_property
from typing import Any

from msgspec.structs import replace

from netdoctor.facts import wires
from netdoctor.facts.containers import Container
from netdoctor.facts.host import Host, Missing, NamespaceFacts, NamespaceId
from netdoctor.facts.links import Record
from netdoctor.facts.overlay import OverlayHost
from netdoctor.facts.tables import TableHost


class JoinedId(NamespaceId, frozen=True):
    """A namespace of one host among several.

    `inode` is its key among all of them, `own` the inode that its host knows it by. `shared` tells that another host
    has a namespace that people call the same.
    """

    host: str = ""
    own: int = 0
    shared: bool = False

    @property
    def plain(self) -> str:
        """The name a person would use on its own host."""
        return NamespaceId(self.own, **_beside_inode(self)).label

    @property
    def label(self) -> str:
        """The name a person would use: with `@HOST` where it would not be clear otherwise."""
        return f"{self.plain}@{self.host}" if self.shared else self.plain


class Member(Record, frozen=True):
    """One host as it was recorded; `name` differs from that of every other member."""

    name: str
    namespaces: tuple[NamespaceFacts, ...]
    missing: tuple[Missing, ...] = ()
    unplaced: tuple[Container, ...] = ()


class Fleet(TableHost):
    """A `Host` made of several. Raises ValueError for two members of one name."""

    def __init__(self, members: Iterable[Member]) -> None:
        self.members = tuple(members)
        names = [member.name for member in self.members]
        if len(set(names)) < len(names):
            raise ValueError("two hosts of one name")
        facts = tuple(_renumbered(self.members))
        missing = tuple(
            replace(part, what=f"{part.what} (on {member.name})")
            for member in self.members
            for part in member.missing
        )
        unplaced = tuple(held for member in self.members for held in member.unplaced)
        super().__init__(", ".join(names), facts, missing, unplaced)

    @cached_property
    def wires(self) -> wires.Wires:
        """The wires between the hosts, as far as they can be inferred."""
        of = {known.inode: host_of(known) or "" for known in self.namespaces()}
        return wires.infer(self, of)


def _renumbered(members: tuple[Member, ...]) -> Iterable[NamespaceFacts]:
    keys: dict[tuple[int, int], int] = {}
    for number, member in enumerate(members):
        for facts in member.namespaces:
            keys.setdefault((number, facts.id.inode), len(keys) + 1)
    count = Counter(label for member in members for label in {facts.id.label for facts in member.namespaces})
    for number, member in enumerate(members):
        for facts in member.namespaces:
            old = facts.id
            joined: dict[str, Any] = {"host": member.name, "own": old.inode, "shared": count[old.label] > 1}
            known = JoinedId(keys[number, old.inode], **_beside_inode(old), **joined)
            nsids = {nsid: keys[number, to] for nsid, to in facts.nsids.items() if (number, to) in keys}
            yield replace(facts, id=known, nsids=nsids)


def _beside_inode(known: NamespaceId) -> dict[str, Any]:
    """What a host knows of a namespace beside its inode."""
    return {field: getattr(known, field) for field in NamespaceId.__struct_fields__[1:]}


def fleet_of(host: Host) -> Fleet | None:
    """The fleet that `host` is, changes laid over it aside; None for a single host."""
    while isinstance(host, OverlayHost):
        host = host.base
    return host if isinstance(host, Fleet) else None


def host_of(known: NamespaceId) -> str | None:
    """The name of the host that a namespace is of; None where there is only one host."""
    return known.host if isinstance(known, JoinedId) else None


def own_inode(known: NamespaceId) -> int:
    """The inode of a namespace on its own host."""
    return known.own if isinstance(known, JoinedId) else known.inode


def plain_label(known: NamespaceId) -> str:
    """The name a person would use for a namespace where its host is named beside it."""
    return known.plain if isinstance(known, JoinedId) else known.label
