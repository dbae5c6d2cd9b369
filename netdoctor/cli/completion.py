"""`netdoctor completion SHELL`: the script that lets a shell complete netdoctor's command lines."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from netdoctor.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from netdoctor.cli.parser import Subparsers

FOLDER = Path(__file__).parents[1] / "completions"
#: Shell → its script, by the name under which the shell finds it.
SCRIPTS = {"bash": "netdoctor.bash", "zsh": "_netdoctor", "fish": "netdoctor.fish"}

EPILOG = """how to switch it on:
  bash   eval "$(netdoctor completion bash)"    in ~/.bashrc
  zsh    eval "$(netdoctor completion zsh)"     in ~/.zshrc, behind compinit
  fish   netdoctor completion fish | source     in ~/.config/fish/config.fish
"""


def register(subparsers: Subparsers) -> None:
    """Add the command to the parser."""
    parser = subparsers.add_parser(
        "completion",
        help="the script that lets a shell complete command lines",
        description="Print the script that lets a shell complete netdoctor's command lines: commands, options, the "
        "names of containers and namespaces on this host or in the snapshots given, checks, networks of the lab.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("shell", metavar="SHELL", nargs="?", choices=tuple(SCRIPTS), help="bash, zsh or fish")
    parser.add_argument("--line", help=argparse.SUPPRESS)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the script, or what may follow a line. Raises UsageError without a shell."""
    from netdoctor.cli import out

    if args.line is not None:
        out.write("".join(f"{line}\n" for line in _answers(args.line)), None)
        return ExitCode.REACHABLE
    if args.shell is None:
        raise UsageError(f"for which shell: {', '.join(SCRIPTS)}?")
    out.write((FOLDER / SCRIPTS[args.shell]).read_text(encoding="utf-8"), None)
    return ExitCode.REACHABLE


def _answers(line: str) -> list[str]:
    """What may follow. A shell that asks has nowhere to show an error: there is nothing to propose then."""
    from netdoctor.cli.completing import FILES, proposals
    from netdoctor.render.sanitize import visible

    try:
        found = dict(proposals(line))
    except (Exception, SystemExit):
        if os.environ.get("NETDOCTOR_COMPLETION_DEBUG"):
            raise
        return []
    return [word if word == FILES else f"{word}\t{visible(about)}" for word, about in found.items()]
