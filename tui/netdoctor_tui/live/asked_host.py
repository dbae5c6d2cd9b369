"""The live host while a question is asked of it: it tells how far it is, and can be interrupted."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from netdoctor.collect.live import LiveHost
from netdoctor.facts.host import Namespace
from netdoctor_tui.source import CancelledError, Told

#: Seconds between two words about how far it is: each of them waits for the screen.
BEAT = 0.05


class _Interrupted(BaseException):
    """Nobody waits for the answer. No `Exception`, so that no check takes it for its own failure."""


class AskedHost(LiveHost):
    """A `LiveHost` that tells `told` how many namespaces it has read. Use it inside `interruptible`."""

    def __init__(self, told: Told) -> None:
        super().__init__()
        self._told = told
        self._next = 0.0
        self._entered: set[int] = set()
        self.doing = ""

    def namespace(self, inode: int) -> Namespace | None:
        """See `Host.namespace`. The walk comes by here at every step."""
        if inode not in self._entered:
            self._entered.add(inode)
        if time.monotonic() >= self._next:
            self.beat()
        return super().namespace(inode)

    def say(self, doing: str) -> None:
        """Say what is being done from now on."""
        self.doing = doing
        self.beat()

    def beat(self) -> None:
        """Say how far it is; does not return where nobody waits for the answer any more."""
        self._next = time.monotonic() + BEAT
        count = len(self._entered)
        read = f" ({count} namespace{'s' if count != 1 else ''} read)" if count else ""
        try:
            self._told(self.doing + read)
        except CancelledError as error:
            raise _Interrupted from error


@contextmanager
def interruptible() -> Iterator[None]:
    """Raise CancelledError where the block was interrupted by nobody waiting for it."""
    try:
        yield
    except _Interrupted as error:
        raise CancelledError from error
