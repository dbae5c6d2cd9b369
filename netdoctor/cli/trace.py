"""`netdoctor trace SRC DST`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli import out
from netdoctor.cli.asking import add_answer, answer, port, question_parser, size, written
from netdoctor.cli.tracing import add_logs, tell_left_behind
from netdoctor.errors import BY_VERDICT, ExitCode, UsageError

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = question_parser(
        subparsers,
        "trace",
        "which iptables and nftables rules a real packet meets",
        "Send one packet from SRC to DST and have the kernel tell each rule that it and its answer meet, in every "
        "namespace on the way that has rules. For that a private nftables table is put in place, which the kernel "
        "removes with this process; what else is needed is said on stderr, and taken away again.",
        optional=True,
    )
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--tcp", type=port, metavar="PORT", help="send the SYN of a connection to PORT")
    kind.add_argument("--udp", type=port, metavar="PORT", help="send a datagram to PORT")
    parser.add_argument(
        "--size", type=size, metavar="BYTES", help="payload of an echo or datagram; default: 56"
    )
    parser.add_argument("--df", action="store_true", help="set don't-fragment")
    parser.add_argument(
        "--legacy",
        action="store_true",
        help="put TRACE rules into the raw table of legacy iptables, as on a kernel without nf_tables",
    )
    parser.add_argument(
        "--clean", action="store_true", help="only remove what killed traces have left behind"
    )
    add_logs(parser)
    add_answer(parser, evidence=False)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Trace and return the exit code of the verdict, or clean up. Raises UsageError for options that do not fit."""
    if args.clean:
        return _clean(args)
    if args.source is None or args.destination is None:
        raise UsageError("trace needs SRC and DST, or --clean")
    from netdoctor.endpoints import Request
    from netdoctor.render.trace import render_trace

    if args.tcp is not None and (args.size is not None or args.df):
        raise UsageError("--size and --df do not go with --tcp: a SYN has no payload and is never fragmented")
    args.trace = not args.trace_log
    request = Request(
        source=args.source,
        destination=args.destination,
        family=args.family,
        from_address=args.from_address,
        size=0 if args.tcp is not None else 56 if args.size is None else args.size,
        df=args.df,
        protocol="tcp" if args.tcp is not None else "udp" if args.udp is not None else "icmp",
        port=args.tcp if args.tcp is not None else args.udp,
    )
    report = answer(request, args)
    out.warn_of_lost_checks()
    if args.output == "text":
        style = out.file_style() if args.file not in (None, "-") else out.stdout_style(args.color)
        out.write(render_trace(report, style), args.file)
    else:
        written(report, args)
    return ExitCode.REACHABLE if args.exit_zero else BY_VERDICT[report.verdict]


def _clean(args: argparse.Namespace) -> int:
    from netdoctor.collect.live import LiveHost

    if args.source is not None:
        raise UsageError("--clean takes no endpoints")
    out.warn_unless_root("only what this user may change is cleaned")
    with LiveHost() as host:
        if not tell_left_behind(host, thorough=True):
            out.warn("trace: nothing was left behind")
    return ExitCode.REACHABLE
