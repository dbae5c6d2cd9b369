"""Where the answer goes: stdout or a file, in an encoding and a width that fit, with colour or without."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TextIO

from netdoctor.errors import UsageError
from netdoctor.render.style import Style


def stdout_style(color: str, stream: TextIO | None = None) -> Style:
    """Return how text looks on `stream` (default: stdout): colour, symbols, width.

    `color` is auto, always or never; auto honours NO_COLOR (https://no-color.org) and a dumb terminal.
    """
    stream = stream or sys.stdout
    terminal = stream.isatty()
    if color == "auto":
        colored = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    else:
        colored = color == "always"
    width = shutil.get_terminal_size((100, 24)).columns if terminal else 100
    return Style(color=colored, unicode=_can_draw(stream.encoding), width=max(60, min(width, 120)))


def file_style() -> Style:
    """Return how text looks in a file."""
    return Style(color=False, unicode=True, width=100)


def _can_draw(encoding: str | None) -> bool:
    try:
        "✓╳→·│".encode(encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def write(text: str, file: str | None) -> None:
    """Write the answer to `file`, or to stdout where it is None or `-`. Raises UsageError where that fails."""
    if file is None or file == "-":
        encoding = sys.stdout.encoding or "ascii"
        try:
            sys.stdout.write(text.encode(encoding, "backslashreplace").decode(encoding))
            sys.stdout.flush()
        except BrokenPipeError:
            hang_up()
        except OSError as error:
            hang_up()
            raise UsageError(f"cannot write the answer: {error.strerror}") from error
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot write {file}: {error.strerror}") from error


def hang_up() -> None:
    """Go on without a reader of stdout: who read the answer has seen enough, and the exit code still counts."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(text: str) -> None:
    """Say `text` on stderr, where it does not mix with the answer."""
    from netdoctor.render.sanitize import visible

    print(f"netdoctor: {visible(text)}", file=sys.stderr)


def warn_unless_root(consequence: str) -> None:
    """Say once what it means that this user may not look into every namespace."""
    if os.geteuid() != 0:
        warn(f"not root: {consequence}")


def warn_of_lost_checks() -> None:
    """Name the packages of checks that could not be imported. Says nothing where no check was asked for."""
    if "netdoctor.check" in sys.modules:
        from netdoctor.check import load

        for line in load():
            warn(f"checks left out: {line}")
