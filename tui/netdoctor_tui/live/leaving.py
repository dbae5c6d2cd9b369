"""Leaving when told to (SIGTERM, SIGHUP, SIGINT), with the terminal as it was, at whatever moment that comes.

Asked once, the app leaves in its own way: what is in place is taken away, the terminal is put back. Where it does not
come to that within a few seconds, or is asked again, the terminal is put back here and the process ends: what the
kernel frees with a process goes then, and the next run takes care of the rest.
"""

from __future__ import annotations

import os
import signal
import sys
import termios
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType, TracebackType
from typing import Any

from netdoctor.errors import ExitCode

SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
#: Seconds that the app gets to leave by itself.
PATIENCE = 4.0
#: Out of the modes that Textual's driver puts a terminal in: pasting, lines, sizes, mouse, keys, focus; then the screen
#: and its cursor.
PLAIN = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l\x1b[<u\x1b[?1004l"
    "\x1b[?1049l\x1b[?25h"
)


class Leaving:
    """A context in which signals call `leave`, which returns False where the app does not run yet, or any more."""

    def __init__(self, leave: Callable[[], bool]) -> None:
        self._leave = leave
        self._before: list[object] = []
        self._attributes = _attributes()
        self._timer: threading.Timer | None = None
        #: The signal that asked for it.
        self.asked: int | None = None

    def __enter__(self) -> Leaving:
        self._before = [signal.signal(number, self._told) for number in SIGNALS]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        if kind is not None:
            self.restore()
        for number, handler in zip(SIGNALS, self._before, strict=True):
            signal.signal(number, handler)  # type: ignore[arg-type]

    def restore(self) -> None:
        """Put the terminal back as it was, whatever state it is in; a browser's needs none of it."""
        if self._attributes is None:
            return
        with suppress(OSError, ValueError):
            os.write(sys.__stderr__.fileno(), PLAIN.encode())  # type: ignore[union-attr]
        with suppress(termios.error):
            termios.tcsetattr(0, termios.TCSANOW, self._attributes)

    def _told(self, number: int, frame: FrameType | None) -> None:
        if self.asked is not None:
            self._force()
        self.asked = number
        self._timer = threading.Timer(PATIENCE, self._force)
        self._timer.daemon = True
        self._timer.start()
        if not self._leave():
            raise KeyboardInterrupt

    def _force(self) -> None:
        self.restore()
        os._exit(ExitCode.INTERRUPTED)


def _attributes() -> Any:
    """The terminal's attributes (termios(3)); None where standard input is none."""
    try:
        return termios.tcgetattr(0)
    except termios.error:
        return None
