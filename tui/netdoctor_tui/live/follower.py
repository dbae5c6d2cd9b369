"""One question followed: what it rests on is watched, and an answer that comes by itself held against the last."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from netdoctor.errors import NetdoctorError
from netdoctor_tui.source import Answer

if TYPE_CHECKING:
    from netdoctor.collect.notice_words import Notice
    from netdoctor_tui.live.watcher import Watcher

#: Changes that are named; of more it is said that there were more.
NAMED = 3


class Follower:
    """Calls `again` with what has changed, from a thread of its own, when a question should be asked again.

    Its own methods are called from one thread: each asking is between `began` and one of `answered` and `failed`.
    """

    def __init__(self, again: Callable[[tuple[str, ...]], None]) -> None:
        self._again = again
        self._watcher: Watcher | None = None
        self._predicted: tuple[object, ...] | None = None
        self._probed = False

    def begin(self) -> None:
        """Follow another question from now on."""
        self._predicted = None

    def began(self, *, probe: bool) -> None:
        """The question is being asked; with `probe`, packets are sent for it."""
        self._probed = probe
        if self._watcher is not None:
            self._watcher.began(probe)

    def answered(self, answer: Answer) -> bool:
        """Take an answer in, and tell whether it is news: what was asked by itself may well be the same as before.

        A prediction is weighed against the prediction before it, not against what packets have shown meanwhile.
        """
        from netdoctor_tui.live.difference import substance

        found = substance(answer.report)
        same = found == self._predicted
        if not self._probed or self._predicted is None:
            self._predicted = found
        watcher = self._watching()
        if answer.focus is not None:
            watcher.watch(answer.focus)
        watcher.ended(not same)
        return not same or not answer.because

    def failed(self, error: BaseException | None) -> None:
        """There is no answer: it was given up, or it cannot be asked while things are as they are."""
        lost = isinstance(error, NetdoctorError)
        if lost:
            self._predicted = None
        self._watching().ended(False, lost)

    def _watching(self) -> Watcher:
        """The watcher; made when there is something to watch, for its imports take longer than a screen to draw."""
        from netdoctor_tui.live.watcher import Watcher

        if self._watcher is None:
            self._watcher = Watcher(lambda notices: self._again(_named(notices)))
        return self._watcher

    def close(self) -> None:
        """Watch no more."""
        if self._watcher is not None:
            self._watcher.close()
            self._watcher = None


def _named(notices: tuple[Notice, ...]) -> tuple[str, ...]:
    """Say what has changed: what somebody did before what the kernel has learned from it."""
    texts = list(dict.fromkeys(one.text for one in sorted(notices, key=lambda one: one.learned)))
    more = len(texts) - NAMED
    return (*texts[:NAMED], *((f"{more} more",) if more > 0 else ()))
