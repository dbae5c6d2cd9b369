"""What a live namespace needs of the host that it is of."""

from __future__ import annotations

from typing import Protocol

from netdoctor.collect.access import Pool
from netdoctor.facts.host import Missing, NamespaceId


class Owner(Protocol):
    """What a namespace needs of its host."""

    pool: Pool

    def note(self, missing: Missing) -> None:
        """Remember something that could not be seen."""

    def note_failure(self, what: str, error: OSError) -> None:
        """Remember that `what` could not be read, because of `error`."""

    def resolve(self, namespace: NamespaceId, nsid: int) -> int | None:
        """Return the inode that `nsid` stands for in `namespace`."""

    def processes(self, inode: int) -> list[int]:
        """Return the ids of the processes seen in a namespace."""

    def strangers(self, device: str) -> list[int]:
        """Return the ids of the processes in namespaces that have no device of that name."""
