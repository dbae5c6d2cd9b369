"""`netdoctor why-no-ping SRC DST`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli.asking import add_answer, answer, deliver, question_parser, size

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = question_parser(
        subparsers,
        "why-no-ping",
        "why SRC cannot ping DST, and what to do about it",
        "Does an ICMP echo request from SRC reach DST, and does the reply come back? If not: why, and what "
        "to do. Reads the state of the network and sends a few probes; changes nothing.",
    )
    parser.add_argument(
        "--size", type=size, default=56, metavar="BYTES", help="ICMP payload, as `ping -s`; default: 56"
    )
    parser.add_argument("--df", action="store_true", help="set don't-fragment, as `ping -M do`")
    add_answer(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Answer the question and return the exit code of its verdict."""
    from netdoctor.endpoints import Request

    request = Request(
        source=args.source,
        destination=args.destination,
        family=args.family,
        from_address=args.from_address,
        size=args.size,
        df=args.df,
    )
    return deliver(answer(request, args), args)
