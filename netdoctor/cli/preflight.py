"""`netdoctor preflight`: what this user, kernel and machine allow netdoctor to see and do, and what is missing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli.parser import add_common, add_output
from netdoctor.errors import ExitCode, Undecidable

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "preflight",
        help="what this user, kernel and machine allow netdoctor to see and do",
        description="Look at what this user, kernel and machine allow: privileges, what the kernel can be asked, "
        "namespaces, tools, container runtimes, Python packages; say what each lack costs and what would change it. "
        "Changes nothing. Exit codes: 0 a diagnosis finds all that it needs, 3 it is limited.",
    )
    add_output(parser)
    add_common(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Look and tell. Raises Undecidable where netdoctor's own packages are missing, without which it cannot look."""
    from netdoctor.preflight.packages import lost

    if absent := lost():
        names = ", ".join(package.name for package in absent)
        raise Undecidable(
            f"not installed: {names}; without that nothing else can be looked at: pip install netdoctor"
        )
    from netdoctor.cli import out
    from netdoctor.preflight.examine import examine

    answer = examine()
    if args.output == "json":
        from netdoctor.render.json import render_json

        text = render_json(answer)
    else:
        from netdoctor.render.preflight import render_preflight

        style = out.file_style() if args.file not in (None, "-") else out.stdout_style(args.color)
        text = render_preflight(answer, style)
    out.write(text, args.file)
    return ExitCode.REACHABLE if answer.ready else ExitCode.UNKNOWN
