"""The command line: one module a command; heavy imports happen inside the command.

`main` is the only place where an exception becomes a line on stderr and an exit code.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType

from netdoctor.errors import ExitCode, NetdoctorError


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command in `argv` (default: the process's own) and return its exit code. Never raises an Exception."""
    words = list(sys.argv[1:] if argv is None else argv)
    with suppress(ValueError):  # not the main thread: whoever runs us there handles signals
        signal.signal(signal.SIGTERM, _terminated)
    try:
        return _run(words)
    except KeyboardInterrupt:
        _say("interrupted")
        return ExitCode.INTERRUPTED
    except BrokenPipeError:  # whoever read a list has seen enough of it
        from netdoctor.cli.out import hang_up

        hang_up()
        return ExitCode.REACHABLE
    except NetdoctorError as error:
        _say(str(error))
        return error.exit_code
    except Exception as error:
        _report_bug(error, verbose="-v" in words or "--verbose" in words)
        return ExitCode.BUG


def _run(words: list[str]) -> int:
    from netdoctor.cli.parser import build_parser, with_command

    words = with_command(words)
    parser = build_parser(words)
    try:
        args = parser.parse_args(words)
    except SystemExit as done:  # argparse has said what there was to say
        return done.code if isinstance(done.code, int) else ExitCode.USAGE
    code: int = args.run(args)
    return code


def _terminated(signum: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _say(text: str) -> None:
    from netdoctor.render.sanitize import visible

    with suppress(OSError):  # nobody may listen
        print(f"netdoctor: {visible(text)}", file=sys.stderr)


def _report_bug(error: Exception, *, verbose: bool) -> None:
    if verbose:
        import traceback

        for line in "".join(traceback.format_exception(error)).splitlines():
            _say(line)
    hint = "please report it" if verbose else "run it again with -v and report it"
    _say(
        f"internal error: {type(error).__name__}: {error} (this is a bug in netdoctor; {hint} "
        "with the command and a `netdoctor snapshot`)"
    )
