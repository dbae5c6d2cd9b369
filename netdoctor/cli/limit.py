"""An end to computing: a made-up snapshot may ask for more than anybody waits for."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from netdoctor.errors import Undecidable

#: Seconds of processor time for one answer from snapshots. The largest real ones take a few.
SECONDS = 120


class _OverError(BaseException):
    """The time is over. No `Exception`, so that nobody takes it for a failure of his own."""


@contextmanager
def limited(seconds: int = SECONDS) -> Iterator[None]:
    """Raise Undecidable in the block once it has used so much processor time (setitimer(2), ITIMER_VIRTUAL).

    Only the main thread can be interrupted; elsewhere there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def over(_signal: int, _frame: object) -> None:
        raise _OverError

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    except _OverError:
        raise Undecidable(
            f"no answer within {seconds} seconds of computing; the snapshots hold more than hosts do, or "
            "made-up facts"
        ) from None
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
