"""`netdoctor tui [SRC DST] [FILE…]`: the interactive view, of this host, of snapshots or of a saved report."""

from __future__ import annotations

import argparse
import os
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from netdoctor.cli import out
from netdoctor.cli.asking import ENDPOINTS, port
from netdoctor.cli.parser import add_common
from netdoctor.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers
    from netdoctor.endpoints import Request
    from netdoctor_tui.source import Source

_NOT_INSTALLED = "the interactive view needs Textual: pip install 'netdoctor[tui]'"
_FILES = (".json", ".gz", ".tar", ".tgz")


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "tui",
        help="the interactive view: the path, why it ends, and what to type",
        usage="%(prog)s [options] [SRC DST] [FILE ...]",
        description="Show the path of a packet, why it ends where it does, and what to type: on this host, from "
        "snapshots, or from a saved report (FILE). Without SRC and DST they are picked from the namespaces there are. "
        "Changes nothing; ? shows the keys.",
        epilog=ENDPOINTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("words", nargs="*", metavar="SRC DST FILE", help="two endpoints, files, or both")
    what = parser.add_mutually_exclusive_group()
    what.add_argument(
        "--tcp", type=port, metavar="PORT", help="ask about a TCP connection to this port of DST"
    )
    what.add_argument("--udp", type=port, metavar="PORT", help="ask about a datagram to this port of DST")
    family = parser.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=2, help="ask about IPv4")
    family.add_argument("-6", dest="family", action="store_const", const=10, help="ask about IPv6")
    parser.add_argument(
        "--from", dest="from_address", metavar="ADDRESS", help="the source address, as `ping -I`"
    )
    parser.add_argument(
        "--snapshot", action="append", default=[], metavar="FILE", help="the same as FILE; repeatable"
    )
    parser.add_argument("--no-probe", action="store_true", help="never send a packet, on no key")
    parser.add_argument(
        "--allow-system-changes",
        action="store_true",
        help="let TRACE put its tables in place, each time after a question; without it nothing is changed",
    )
    parser.add_argument(
        "--serve",
        action="store_true",
        help="show the same, read only, in a browser on this machine; without it nothing listens",
    )
    parser.add_argument(
        "--listen",
        metavar="ADDRESS:PORT",
        default="127.0.0.1:8000",
        help="where --serve listens: an address of the loopback; default: %(default)s",
    )
    parser.add_argument("--redact", action="store_true", help="begin with other names and addresses shown")
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Run the app. Raises UsageError for words that do not fit, and where there is no terminal or no Textual."""
    ends, files = _sorted(args.words)
    files += args.snapshot
    if len(ends) not in (0, 2):
        raise UsageError(f"give SRC and DST, or neither: {' '.join(ends)}")
    request = _request(ends, args) if ends else None
    if args.serve:
        return _serve(ends, files, args)
    source = _source(files, request)
    from netdoctor_tui.serve import end_with_parent, in_browser

    if in_browser():
        end_with_parent()
    elif not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError(
            "the interactive view needs a terminal; `netdoctor show FILE` and the other commands do not"
        )
    from netdoctor_tui import Start, look_of
    from netdoctor_tui import run as run_app

    start = Start(
        source,
        request,
        look_of(os.environ),
        may_send=not args.no_probe,
        may_change=args.allow_system_changes,
        redact=args.redact,
    )
    report = run_app(start)
    if report is not None and not in_browser():
        from netdoctor.render.text import render_text

        out.write(render_text(report, out.stdout_style(args.color)), None)
    return ExitCode.REACHABLE


def _serve(ends: list[str], files: list[str], args: argparse.Namespace) -> int:
    """Serve the view until that is interrupted. Raises UsageError for an address that is not the loopback's."""
    if find_spec("textual") is None or find_spec("netdoctor_tui") is None:
        raise UsageError(_NOT_INSTALLED)
    from netdoctor_tui.serve import address, serve

    if args.allow_system_changes:
        raise UsageError("what is served is read only: --serve does not go with --allow-system-changes")
    words = [*ends, *(option for file in files for option in ("--snapshot", file))]
    for option, value in (("--tcp", args.tcp), ("--udp", args.udp), ("--from", args.from_address)):
        words += [option, str(value)] if value is not None else []
    words += ["-4"] if args.family == 2 else ["-6"] if args.family == 10 else []
    words += [option for option, given in (("--no-probe", args.no_probe), ("--redact", args.redact)) if given]
    try:
        serve(words, *address(args.listen))
    except KeyboardInterrupt:
        out.warn("no longer served")
    return ExitCode.REACHABLE


def _sorted(words: list[str]) -> tuple[list[str], list[str]]:
    """Tell endpoints from files: a file ends as snapshots and reports do, or is a path (or all there is) and exists."""
    alone = len(words) == 1
    files = [
        word
        for word in words
        if word.endswith(_FILES) or ((alone or "/" in word) and os.path.exists(word))
    ]
    return [word for word in words if word not in files], files


def _request(ends: list[str], args: argparse.Namespace) -> Request:
    from netdoctor.endpoints import Request

    protocol = "tcp" if args.tcp else "udp" if args.udp else "icmp"
    size = 0 if args.tcp else 56
    return Request(
        ends[0], ends[1], args.family, args.from_address, size, protocol=protocol, port=args.tcp or args.udp
    )


def _source(files: list[str], request: Request | None) -> Source:
    if find_spec("textual") is None or find_spec("netdoctor_tui") is None:
        raise UsageError(_NOT_INSTALLED)
    if not files:
        from netdoctor_tui.this_host import ThisHost

        out.warn_unless_root("only what this user may look at is read, and answers may be `unknown`")
        return ThisHost()
    from netdoctor_tui.files import open_files

    source = open_files(files)
    if source.saved is not None and request is not None:
        raise UsageError(
            f"{files[0]} is a saved report, which answers one question only; leave SRC and DST out"
        )
    return source
