"""A real terminal for a test: netdoctor in a pty of its own, and the screen that a person would see."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable
from types import TracebackType

import pyte

#: Seconds to wait for something that has to come; a loaded machine takes its time.
PATIENCE = 40.0
#: Modes that the view switches on and has to switch off: alternate screen, mouse, pasting, focus.
MODES = (1049, 1000, 1003, 1006, 2004, 1004)


class Terminal:
    """A pty with a process in it. Use it as a context manager: the process is gone afterwards."""

    def __init__(self, *command: str, columns: int = 100, lines: int = 30, module: str = "netdoctor") -> None:
        self._master, self._slave = pty.openpty()
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
        self._before = termios.tcgetattr(self._slave)
        self._screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self._screen)
        self.written = b""
        self.process = subprocess.Popen(
            (sys.executable, "-m", module, *command),
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            start_new_session=True,
            env={**os.environ, "TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONUTF8": "1"},
        )

    def __enter__(self) -> Terminal:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)

    def press(self, keys: str) -> None:
        """Type something."""
        os.write(self._master, keys.encode())

    def read(self, seconds: float = 0.05) -> None:
        """Take in what is written, waiting so long for something."""
        while select.select([self._master], [], [], seconds)[0]:
            data = os.read(self._master, 1 << 16)
            self.written += data
            self._stream.feed(
                re.sub(rb"\x1b\[[<>=][0-9;]*u", b"", data)
            )  # the keyboard's protocol, unknown to pyte
            seconds = 0

    @property
    def text(self) -> str:
        """The screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def wait(self, wanted: str | Callable[[str], bool], patience: float = PATIENCE) -> float:
        """Wait until the screen shows something, and return how many seconds that took. Raises AssertionError."""
        begin = time.monotonic()
        while True:
            self.read()
            if wanted in self.text if isinstance(wanted, str) else wanted(self.text):
                return time.monotonic() - begin
            ended = self.process.poll()
            if ended is not None or time.monotonic() - begin > patience:
                raise AssertionError(f"waited for {wanted!r} (exit code {ended}):\n{self.text}")

    def end(self, patience: float = PATIENCE) -> int:
        """Wait for the process to end and return its exit code. Raises AssertionError."""
        begin = time.monotonic()
        while self.process.poll() is None:
            self.read()
            assert time.monotonic() - begin < patience, f"it does not end:\n{self.text}"
        self.read()
        return self.process.returncode

    def left_over(self) -> list[str]:
        """What is not as it was before, of the terminal: its attributes, its modes, its cursor."""
        found = [] if termios.tcgetattr(self._slave) == self._before else ["stty"]
        found += [f"mode {mode}" for mode in MODES if self._last(mode) == b"h"]
        return found + (["the cursor is hidden"] if self._last(25) == b"l" else [])

    def _last(self, mode: int) -> bytes | None:
        """Whether a mode was set (h) or reset (l) last; None where neither."""
        found = re.findall(rb"\x1b\[\?%d([hl])" % mode, self.written)
        return found[-1] if found else None
