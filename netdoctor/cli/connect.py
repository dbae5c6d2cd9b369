"""`netdoctor why-no-connect SRC DST --tcp PORT`, or `--udp PORT`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli.asking import add_answer, answer, deliver, port, question_parser, size
from netdoctor.errors import UsageError

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers

DEFAULT_SIZE = 56


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = question_parser(
        subparsers,
        "why-no-connect",
        "why SRC cannot connect to a port of DST, and what to do about it",
        "Does a TCP connection from SRC to a port of DST come about, or does a UDP datagram reach the port and its "
        "answer SRC? If not: why, and what to do. Reads the state of the network and sends a few probes; changes "
        "nothing.",
    )
    kind = parser.add_mutually_exclusive_group(required=True)
    kind.add_argument("--tcp", type=port, metavar="PORT", help="ask about a TCP connection to PORT")
    kind.add_argument("--udp", type=port, metavar="PORT", help="ask about a UDP datagram to PORT")
    parser.add_argument(
        "--size", type=size, metavar="BYTES", help=f"payload of the datagram (--udp); default: {DEFAULT_SIZE}"
    )
    parser.add_argument("--df", action="store_true", help="set don't-fragment on the datagram (--udp)")
    parser.add_argument(
        "--source-port",
        type=port,
        metavar="PORT",
        help="ask about the flow from this port, which may be tracked already; default: a new flow",
    )
    add_answer(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer the question and return the exit code of its verdict. Raises UsageError for options that do not fit."""
    from netdoctor.endpoints import Request

    tcp = args.tcp is not None
    if tcp and (args.size is not None or args.df):
        option = "--df" if args.size is None else "--size"
        raise UsageError(f"{option} goes with --udp: a SYN has no payload and is never fragmented")
    payload = DEFAULT_SIZE if args.size is None else args.size
    request = Request(
        source=args.source,
        destination=args.destination,
        family=args.family,
        from_address=args.from_address,
        size=0 if tcp else payload,
        df=args.df,
        protocol="tcp" if tcp else "udp",
        port=args.tcp if tcp else args.udp,
        source_port=args.source_port,
    )
    return deliver(answer(request, args), args)
