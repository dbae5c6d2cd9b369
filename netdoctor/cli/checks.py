"""`netdoctor checks` and `netdoctor explain CODE`."""

from __future__ import annotations

import argparse
from difflib import get_close_matches
from typing import TYPE_CHECKING

from netdoctor.cli import out
from netdoctor.cli.parser import add_common, add_output
from netdoctor.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from netdoctor.check import Check
    from netdoctor.cli.parser import Subparsers


def register(subparsers: Subparsers) -> None:
    """Add both commands to the parser."""
    checks = subparsers.add_parser(
        "checks", help="list the checks", description="List the checks: code, name, title."
    )
    add_output(checks)
    add_common(checks)
    checks.set_defaults(run=run_checks)
    explain = subparsers.add_parser(
        "explain",
        help="print a check's page",
        description="Print a check's page: what it means, why it breaks the path, how to see it, how to fix it.",
    )
    explain.add_argument("check", metavar="CODE", help="a code (VXL001) or a name (vxlan-fdb-missing)")
    add_output(explain)
    add_common(explain)
    explain.set_defaults(run=run_explain)


def run_checks(args: argparse.Namespace) -> int:
    """List every check that is installed."""
    checks = _known()
    if args.output == "json":
        text = _json([{"code": c.code, "name": c.name, "title": c.title} for c in checks])
    else:
        width = max((len(c.name) for c in checks), default=0)
        text = "".join(f"{c.code}  {c.name:<{width}}  {c.title}\n" for c in checks)
    out.write(text, args.file)
    return ExitCode.REACHABLE


def run_explain(args: argparse.Namespace) -> int:
    """Print one check's page. Raises UsageError for a code or name that no check has."""
    checks = _known()
    asked = args.check.lower()
    found = next((c for c in checks if asked in (c.code.lower(), c.name)), None)
    if found is None:
        raise UsageError(_unknown(args.check, checks))
    if args.output == "json":
        text = _json({"code": found.code, "name": found.name, "title": found.title, "page": found.page})
    else:
        text = f"{found.code} {found.name}\n\n{found.page.strip()}\n"
    out.write(text, args.file)
    return ExitCode.REACHABLE


def _known() -> list[Check]:
    from netdoctor.check import all_checks

    known = all_checks()
    out.warn_of_lost_checks()
    return known


def _unknown(asked: str, checks: list[Check]) -> str:
    words = [c.code for c in checks] + [c.name for c in checks]
    near = get_close_matches(asked.upper(), words, n=3, cutoff=0.6) or get_close_matches(
        asked.lower(), words, n=3
    )
    if near:
        return f"there is no check {asked}; did you mean {' or '.join(near)}?"
    return f"there is no check {asked}; `netdoctor checks` lists them"


def _json(value: object) -> str:
    import msgspec

    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
