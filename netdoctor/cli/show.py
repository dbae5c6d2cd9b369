"""`netdoctor show FILE`: a saved report, in every form; `netdoctor FILE` is short for it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli.asking import written
from netdoctor.cli.parser import add_common, add_output
from netdoctor.errors import ExitCode, UsageError
from netdoctor.render.formats import FORMATS

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "show",
        help="show a saved report again, in any form",
        description="Show a report that was saved with --json, in any form. Nothing is asked again, so the exit code "
        "says only whether the file could be shown: 0, or 2.",
    )
    parser.add_argument("report", metavar="FILE", help="a report, plain or compressed by gzip")
    add_output(parser, FORMATS)
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Show the report. Raises UsageError for a file that is none, or of a version that this program does not read."""
    from netdoctor.document import DocumentError
    from netdoctor.report import load

    try:
        report = load(args.report)
    except DocumentError as error:
        raise UsageError(str(error)) from error
    written(report, args)
    return ExitCode.REACHABLE
