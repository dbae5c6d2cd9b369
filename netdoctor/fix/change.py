"""What a fix is made of: a `Change` alters the facts and names the commands that do the same for real."""

from __future__ import annotations

from typing import Literal

from netdoctor.facts.host import Host, Namespace
from netdoctor.facts.links import Record
from netdoctor.facts.overlay import Draft, OverlayHost
from netdoctor.fix.command import Argv

Risk = Literal["low", "medium", "high"]


class Change(Record, frozen=True):
    """One change in the namespace `inode`."""

    inode: int

    def apply(self, draft: Draft) -> None:
        """Make the change in the facts, with what the kernel changes along with it."""
        raise NotImplementedError

    def commands(self, ns: Namespace) -> list[Argv]:
        """The commands that make it for real; `ns` is the namespace before the change."""
        raise NotImplementedError


class Fix(Record, frozen=True):
    """Changes that take one cause away, in order. `risk` is what else they might disturb."""

    summary: str
    changes: tuple[Change, ...]
    risk: Risk = "low"


def joined(one: Fix, other: Fix) -> Fix:
    """Both fixes, one behind the other, as one."""
    risks: tuple[Risk, ...] = ("low", "medium", "high")
    risk = max(one.risk, other.risk, key=risks.index)
    return Fix(f"{one.summary}; {other.summary}", (*one.changes, *other.changes), risk)


def applied(host: Host, changes: tuple[Change, ...]) -> Host:
    """Return the host as it would be with the changes made. Namespaces that vanished are left out."""
    replaced: dict[int, Namespace] = {}
    for change in changes:
        base = replaced.get(change.inode) or host.namespace(change.inode)
        if base is not None:
            draft = Draft(base)
            change.apply(draft)
            replaced[change.inode] = draft.finished()
    return OverlayHost(host, replaced)


def commands(host: Host, fix: Fix) -> tuple[Argv, ...]:
    """Return the fix's commands in order, each written for the state that those before it leave."""
    lines: list[Argv] = []
    now = host
    for change in fix.changes:
        ns = now.namespace(change.inode)
        if ns is not None:
            lines += change.commands(ns)
        now = applied(now, (change,))
    return tuple(lines)
