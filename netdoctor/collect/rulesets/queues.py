"""Programs that take packets from an NFQUEUE (/proc/net/netfilter/nfnetlink_queue, net/netfilter/nfnetlink_queue.c)."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.collect.access import Access
from netdoctor.facts.records import Ruleset

LISTED = "/proc/thread-self/net/netfilter/nfnetlink_queue"


def read(access: Access) -> Iterator[Ruleset]:
    """Yield a record for every queue that a program listens at; `family` is its number. Raises OSError."""
    for line in access.run(_lines):
        words = line.split()
        if words:
            yield Ruleset(
                kind="nfqueue",
                family=words[0],
                detail=f"a program at queue {words[0]}",
                command=("cat", "/proc/net/netfilter/nfnetlink_queue"),
            )


def _lines() -> list[str]:
    with open(LISTED, encoding="ascii", errors="replace") as file:
        return file.readlines()
