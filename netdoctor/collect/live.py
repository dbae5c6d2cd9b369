"""The live host: its namespaces, found and opened when they are asked for.

One rtnetlink socket a namespace, opened from inside it. An object of this module belongs to one thread.
"""

from __future__ import annotations

import errno
import os
from typing import Self

from netdoctor.collect.access import Pool
from netdoctor.collect.namespace import LiveNamespace
from netdoctor.collect.namespaces import Search
from netdoctor.collect.nsenter import VanishedError
from netdoctor.collect.nsids import Peers
from netdoctor.collect.runtimes import Runtimes
from netdoctor.facts.containers import Container
from netdoctor.facts.host import Missing, Namespace, NamespaceId


class LiveHost:
    """A `Host` that is this machine. Use it as a context manager, or call `close`."""

    def __init__(self) -> None:
        self.pool = Pool()
        self._search = Search()
        self._found: dict[int, NamespaceId] | None = None
        self._unplaced: tuple[Container, ...] = ()
        self._searched_deeper = False
        self._namespaces: dict[int, LiveNamespace | None] = {}
        self._peers = Peers(self._search.host)
        self._missing: dict[Missing, None] = {}
        self._unresolved: dict[tuple[str, int], None] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all sockets; namespaces of this host answer no new question afterwards."""
        self.pool.close()

    @property
    def name(self) -> str:
        """See `Host.name`."""
        return os.uname().nodename

    @property
    def kernel(self) -> str:
        """The release of the running kernel."""
        return os.uname().release

    @property
    def missing(self) -> tuple[Missing, ...]:
        """See `Host.missing`."""
        return (*self._search.missing.values(), *self._missing, *self._unresolved_peers())

    def _unresolved_peers(self) -> tuple[Missing, ...]:
        if not self._unresolved:
            return ()
        first, nsid = next(iter(self._unresolved))
        more = f" and of {len(self._unresolved) - 1} more" if len(self._unresolved) > 1 else ""
        return (
            Missing(
                f"the namespace that link-netnsid {nsid} of {first} stands for{more}",
                "no file, process or open descriptor that is visible here leads to it",
                "run netdoctor as root, on the host itself; lsns -t net lists what can be seen",
            ),
        )

    def note(self, missing: Missing) -> None:
        """Remember something that could not be seen; the same thing is kept once."""
        self._missing[missing] = None

    def note_failure(self, what: str, error: OSError) -> None:
        """Remember that `what` could not be read, because of `error`."""
        if isinstance(error, VanishedError):
            self.note(Missing(what, "the namespace vanished while it was being read", "ask again"))
        elif error.errno in (errno.EPERM, errno.EACCES):
            self.note(
                Missing("other network namespaces", "no permission to enter them", "run netdoctor as root")
            )
        else:
            self.note(Missing(what, error.strerror or str(error), "see the kernel log"))

    def _known(self) -> dict[int, NamespaceId]:
        if self._found is None:
            runtimes = Runtimes()
            found = self._search.look()
            self._found, self._unplaced, missing = runtimes.named(found, self._search.processes())
            for part in missing:
                self.note(part)
        return self._found

    def processes(self, inode: int) -> list[int]:
        """Return the ids of the processes seen in a namespace."""
        return self._search.processes().get(inode, [])

    def strangers(self, device: str) -> list[int]:
        """Return the ids of the processes in namespaces that have no device of that name."""
        known = ((self.namespace(inode), pids) for inode, pids in self._search.processes().items())
        return [pid for ns, pids in known if ns is not None and ns.link_named(device) is None for pid in pids]

    @property
    def unplaced(self) -> tuple[Container, ...]:
        """See `Host.unplaced`."""
        self._known()
        return self._unplaced

    def namespaces(self) -> tuple[NamespaceId, ...]:
        """See `Host.namespaces`."""
        return tuple(self._known().values())

    def namespaces_held_open(self) -> tuple[NamespaceId, ...]:
        """Look through open descriptors as well, and return the namespaces that this brought to light.

        Costly on a machine with many processes, so it is done once, and only when something is not found otherwise.
        """
        if self._searched_deeper:
            return ()
        self._searched_deeper = True
        known = self._known()
        new = {i: n for i, n in self._search.look_deeper().items() if i not in known}
        known.update(new)
        return tuple(new.values())

    def namespace(self, inode: int) -> Namespace | None:
        """See `Host.namespace`. None too for a namespace that may not be entered; `missing` says so then."""
        if inode not in self._namespaces:
            self._namespaces[inode] = self._open(inode)
        return self._namespaces[inode]

    def _open(self, inode: int) -> LiveNamespace | None:
        found = self._known().get(inode)
        if found is None:
            return None
        try:
            self.pool.access(found)
        except VanishedError:
            return None
        except OSError as error:
            self.note_failure(f"namespace {found.label}", error)
            return None
        self._peers.meet(inode)
        return LiveNamespace(self, found)

    def resolve(self, namespace: NamespaceId, nsid: int) -> int | None:
        """Return the inode that `nsid` stands for in `namespace`, looking deeper if no known namespace has it."""
        inode = namespace.inode
        try:
            route = self.pool.access(namespace).route
            found = self._peers.resolve(inode, nsid, route, self.namespaces())
            if found is None and self.namespaces_held_open():
                found = self._peers.resolve(inode, nsid, route, self.namespaces())
        except OSError as error:
            self.note_failure(f"the peers of {namespace.label}", error)
            return None
        if found is None:
            self._unresolved[namespace.label, nsid] = None
        return found
