"""What the commands that put a question have in common: their options, the answering, and how the answer leaves."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli import out
from netdoctor.cli.parser import add_common, add_output
from netdoctor.errors import BY_VERDICT, ExitCode, UsageError

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers
    from netdoctor.endpoints import Request
    from netdoctor.report import Report

ENDPOINTS = """endpoints:
  NAME                a named network namespace
  netns:NAME_OR_PATH  the same, or the file of a namespace
  pid:N               the namespace of a process
  host                the host's own namespace
  an address          as SRC: the namespace that owns it; as DST: that address, whoever owns it
  ANY@HOST            the same, on that host of those in the snapshots

Exit codes: 0 reachable, 1 unreachable, 2 usage, 3 unknown, 70 a bug in netdoctor, 130 interrupted.
"""

#: What fits into the largest IPv4 packet beside its header and ICMP's (ping(8), -s), or UDP's, which is as long.
MAX_SIZE = 65507


def question_parser(
    subparsers: Subparsers, name: str, line: str, description: str
) -> argparse.ArgumentParser:
    """Add the command `name` with the two endpoints and what every question may say about its packet."""
    parser = subparsers.add_parser(
        name,
        help=line,
        description=description,
        epilog=ENDPOINTS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("source", metavar="SRC")
    parser.add_argument("destination", metavar="DST")
    family = parser.add_mutually_exclusive_group()
    family.add_argument("-4", dest="family", action="store_const", const=2, help="ask about IPv4")
    family.add_argument("-6", dest="family", action="store_const", const=10, help="ask about IPv6")
    parser.add_argument(
        "--from", dest="from_address", metavar="ADDRESS", help="the source address, as `ping -I`"
    )
    return parser


def add_answer(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what is looked at and how the answer is given."""
    parser.add_argument(
        "--snapshot",
        action="append",
        default=[],
        metavar="FILE",
        help="answer from a snapshot, of several hosts from several: give it again, or a folder or tar archive of "
        "them; read nothing here",
    )
    parser.add_argument(
        "--no-probe", action="store_true", help="read only (this version never sends anything)"
    )
    parser.add_argument("--exit-zero", action="store_true", help="exit 0 whatever the verdict is")
    add_output(parser)
    add_common(parser)


def size(text: str) -> int:
    """Read a payload size. Raises ArgumentTypeError for what is none."""
    if not (text.isascii() and text.isdigit() and int(text) <= MAX_SIZE):
        raise argparse.ArgumentTypeError(f"{text} is not a number of bytes from 0 to {MAX_SIZE}")
    return int(text)


def answer(request: Request, snapshots: list[str]) -> Report:
    """Resolve the endpoints and diagnose, on this host or on the snapshot given."""
    return _from_snapshot(request, snapshots) if snapshots else _live(request)


def deliver(report: Report, args: argparse.Namespace) -> int:
    """Write the answer where it was asked for and return the exit code of its verdict."""
    out.warn_of_lost_checks()
    out.write(_rendered(report, args), args.file)
    return ExitCode.REACHABLE if args.exit_zero else BY_VERDICT[report.verdict]


def _live(request: Request) -> Report:
    from netdoctor.collect.live import LiveHost
    from netdoctor.collect.namespaces import net_inode
    from netdoctor.collect.witness import Witness
    from netdoctor.diagnosis import diagnose
    from netdoctor.endpoints import resolve

    out.warn_unless_root("only what this user may look at is read, and the answer may be `unknown`")
    with LiveHost() as host:
        return diagnose(host, resolve(host, request, net_inode), Witness(host))


def _from_snapshot(request: Request, files: list[str]) -> Report:
    from netdoctor.cli.limit import limited
    from netdoctor.collection import host_of_all, load_all
    from netdoctor.diagnosis import diagnose
    from netdoctor.endpoints import resolve
    from netdoctor.snapshot import SnapshotError

    with limited():
        try:
            host = host_of_all(load_all(files))
        except SnapshotError as error:
            raise UsageError(str(error)) from error
        return diagnose(host, resolve(host, request))


def _rendered(report: Report, args: argparse.Namespace) -> str:
    if args.output == "json":
        from netdoctor.render.json import render_json

        return render_json(report)
    from netdoctor.render.text import render_text

    style = out.file_style() if args.file not in (None, "-") else out.stdout_style(args.color)
    return render_text(report, style, verbose=args.verbose)
