"""The open sockets and folders of namespaces: one rtnetlink conversation each, opened when first needed."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeVar

from netdoctor.collect.netlink import Conversation
from netdoctor.collect.nsenter import home_inode, inside, open_namespace
from netdoctor.collect.sysctls import Sysctls
from netdoctor.facts.host import NamespaceId

T = TypeVar("T")

#: Namespaces kept open at a time; with their sysctl folders they stay well below the usual limit of 1024 descriptors.
KEPT_OPEN = 128


class Access:
    """What is open of one namespace. Holding the socket keeps the namespace alive until `close`."""

    def __init__(self, namespace: NamespaceId) -> None:
        self._id = namespace
        self._sysctls: Sysctls | None = None
        self.route = self.run(Conversation)

    def run(self, body: Callable[[], T]) -> T:
        """Call `body` with the thread inside the namespace. Raises OSError: no permission, or VanishedError.

        The own namespace is not entered, so that it can be read without privilege.
        """
        if self._id.inode == home_inode():
            return body()
        fd = open_namespace(self._id.paths, self._id.inode)
        try:
            with inside(fd):
                return body()
        finally:
            os.close(fd)

    def sysctls(self) -> Sysctls:
        """Return the reader of this namespace's sysctls. Raises OSError as `run` does."""
        if self._sysctls is None:
            self._sysctls = self.run(Sysctls)
        return self._sysctls

    def close(self) -> None:
        """Close everything of this namespace."""
        self.route.close()
        if self._sysctls is not None:
            self._sysctls.close()


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
