"""Which namespace a link-netnsid stands for: rtnetlink's RTM_GETNSID, asked about candidates.

An id means something only in the namespace that says it, and the kernel translates it in one direction only: given a
descriptor of a namespace, it tells the id (net/core/net_namespace.c, rtnl_net_getid()). So the candidates are asked
about, those first that other namespaces have turned out to be linked to: usually the host's own answers at once.
"""

from __future__ import annotations

import os
import struct
from collections import Counter
from collections.abc import Iterable, Iterator

from netdoctor.collect.netlink import Conversation, attributes
from netdoctor.collect.nsenter import open_namespace
from netdoctor.collect.requests import RTM_GETNSID, u32
from netdoctor.facts.host import NamespaceId

NETNSA_NSID = 1
NETNSA_FD = 3
_HEADER = bytes(4)  # rtgenmsg, padded

#: The first question is about the likeliest few, later ones about many at a time.
FIRST, BATCH = 4, 200


class Peers:
    """What is known of the ids of all namespaces."""

    def __init__(self, host_inode: int) -> None:
        self._known: dict[int, dict[int, int]] = {}
        self._asked: dict[int, set[int]] = {}
        self._hubs: Counter[int] = Counter({host_inode: 1})

    def meet(self, inode: int) -> None:
        """Take in that a question is about this namespace: its links likely lead to others that are asked about too."""
        self._hubs[inode] += 1

    def resolve(
        self, inode: int, nsid: int, route: Conversation, candidates: Iterable[NamespaceId]
    ) -> int | None:
        """Return the inode that `nsid` of namespace `inode` stands for, if it is one of the candidates.

        `route` is a conversation in that namespace. Raises OSError where it fails.
        """
        known = self._known.setdefault(inode, {})
        if nsid not in known:
            for batch in self._batches(inode, candidates):
                known.update(_ask(route, batch))
                if nsid in known:
                    break
        found = known.get(nsid)
        if found is not None:
            self._hubs[found] += 1
        return found

    def _batches(self, inode: int, candidates: Iterable[NamespaceId]) -> Iterator[list[NamespaceId]]:
        asked = self._asked.setdefault(inode, set())
        todo = sorted((c for c in candidates if c.inode not in asked), key=lambda c: -self._hubs[c.inode])
        start, size = 0, FIRST
        while start < len(todo):
            batch = todo[start : start + size]
            asked.update(candidate.inode for candidate in batch)
            yield batch
            start, size = start + size, BATCH


def _ask(route: Conversation, batch: list[NamespaceId]) -> dict[int, int]:
    """Ask for the ids of some namespaces; returns id → inode of those that have one."""
    opened: list[tuple[int, int]] = []
    try:
        for candidate in batch:
            try:
                opened.append((open_namespace(candidate.paths, candidate.inode), candidate.inode))
            except OSError:
                continue  # gone, or not ours to open: nothing can be asked about it
        answers = route.ask_many(RTM_GETNSID, [_HEADER + u32(NETNSA_FD, fd) for fd, _ in opened])
    finally:
        for fd, _ in opened:
            os.close(fd)
    return {
        nsid: inode
        for (_, inode), answer in zip(opened, answers, strict=True)
        if answer is not None and (nsid := _nsid(answer)) >= 0
    }


def _nsid(answer: bytes) -> int:
    nsid: int = struct.unpack("=i", attributes(answer, 20).get(NETNSA_NSID, b"\xff\xff\xff\xff"))[0]
    return nsid
