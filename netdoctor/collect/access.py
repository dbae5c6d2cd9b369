"""Open namespaces: one rtnetlink conversation each, opened when first needed."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from netdoctor.collect.netlink import Conversation
from netdoctor.collect.nsenter import home_inode, inside, open_namespace
from netdoctor.facts.host import NamespaceId

T = TypeVar("T")

#: Namespaces kept open at a time. Each takes two descriptors, of which a process may usually have 1024.
KEPT_OPEN = 320


class Access:
    """What is open of one namespace: a descriptor to enter it, and an rtnetlink conversation with it.

    Both keep the namespace alive until `close`, so that one which vanishes meanwhile can still be read to its end.
    Raises OSError where the namespace may not be entered (VanishedError where it is gone).
    """

    def __init__(self, namespace: NamespaceId) -> None:
        # the own namespace is not entered, so that it can be read without privilege
        home = namespace.inode == home_inode()
        self._fd = None if home else open_namespace(namespace.paths, namespace.inode)
        try:
            self.route = self.run(Conversation)
        except OSError:
            self._close_fd()
            raise

    def run(self, body: Callable[[], T]) -> T:
        """Call `body` with the thread inside the namespace. Raises OSError where it may not be entered."""
        if self._fd is None:
            return body()
        with inside(self._fd):
            return body()

    def close(self) -> None:
        """Close everything of this namespace."""
        self.route.close()
        self._close_fd()

    def _close_fd(self) -> None:
        if self._fd is not None:
            os.close(self._fd)


class Pool:
    """Open namespaces, the least recently used closed first."""

    def __init__(self) -> None:
        self._open: OrderedDict[int, Access] = OrderedDict()

    def access(self, namespace: NamespaceId) -> Access:
        """Return the access to a namespace, opening it if need be. Raises OSError."""
        access = self._open.get(namespace.inode)
        if access is None:
            access = self._open[namespace.inode] = Access(namespace)
            if len(self._open) > KEPT_OPEN:
                self._open.popitem(last=False)[1].close()
        else:
            self._open.move_to_end(namespace.inode)
        return access

    def close(self) -> None:
        """Close all."""
        while self._open:
            self._open.popitem()[1].close()
