"""What netdoctor exits with, and the errors that a user is told about in one line."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes that scripts rely on. A traceback never leaves as 1: that reads "unreachable"."""

    REACHABLE = 0
    UNREACHABLE = 1
    USAGE = 2
    UNKNOWN = 3
    BUG = 70
    INTERRUPTED = 130


#: The answer's exit code, by the report's verdict.
BY_VERDICT = {
    "reachable": ExitCode.REACHABLE,
    "unreachable": ExitCode.UNREACHABLE,
    "unknown": ExitCode.UNKNOWN,
}


class NetdoctorError(Exception):
    """Something that went wrong and that one line explains. The message is that line, without a final period."""

    exit_code = ExitCode.BUG


class UsageError(NetdoctorError):
    """What was asked cannot be answered as asked: bad arguments, an unknown endpoint, an unreadable file."""

    exit_code = ExitCode.USAGE


class Undecidable(NetdoctorError):
    """The answer cannot be had here (missing privilege, not Linux): not the asker's mistake and not a bug."""

    exit_code = ExitCode.UNKNOWN
