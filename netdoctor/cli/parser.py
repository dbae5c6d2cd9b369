"""The parser: every command is listed, only the one that is asked for is imported."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, NoReturn

from netdoctor import __version__
from netdoctor.errors import ExitCode

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]

#: Command → the module that registers it, and its line in the list of commands.
COMMANDS = {
    "why-no-ping": ("netdoctor.cli.why", "why SRC cannot ping DST, and what to do about it"),
    "why-no-connect": (
        "netdoctor.cli.connect",
        "why SRC cannot connect to a TCP or UDP port of DST",
    ),
    "trace": ("netdoctor.cli.trace", "which iptables and nftables rules a real packet meets"),
    "snapshot": ("netdoctor.cli.snapshot", "write everything a diagnosis may need of this host to one file"),
    "map": ("netdoctor.cli.map", "the namespaces of this host, and what is cabled to what"),
    "preflight": ("netdoctor.cli.preflight", "what this user, kernel and machine allow netdoctor to see and do"),
    "show": ("netdoctor.cli.show", "show a saved report again, in any form"),
    "tui": ("netdoctor.cli.tui", "the interactive view: the path, why it ends, and what to type"),
    "checks": ("netdoctor.cli.checks", "list the checks"),
    "explain": ("netdoctor.cli.checks", "print a check's page"),
    "completion": ("netdoctor.cli.completion", "the script that lets a shell complete command lines"),
    "lab": ("netdoctor.lab.commands", "real practice networks in network namespaces, with faults"),
}

EPILOG = """exit codes:
  0    reachable
  1    unreachable: diagnosed
  2    usage: bad arguments, unknown endpoint, unreadable snapshot
  3    unknown: the evidence does not decide it; the report says what is missing
  70   a bug in netdoctor
  130  interrupted
"""


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that states an error in one line, made safe for the terminal."""

    def error(self, message: str) -> NoReturn:
        """Print `message` and exit with the usage code."""
        from netdoctor.render.sanitize import visible

        print(f"netdoctor: {visible(message)}; see `{self.prog} --help`", file=sys.stderr)
        raise SystemExit(int(ExitCode.USAGE))


def with_command(words: list[str]) -> list[str]:
    """Return the command line with its command: a saved report alone, as `netdoctor report.json`, is shown."""
    asked = next((word for word in words if not word.startswith("-")), "")
    saved = asked not in COMMANDS and asked.endswith((".json", ".json.gz"))
    return ["show", *words] if saved else words


def build_parser(words: list[str]) -> argparse.ArgumentParser:
    """Return the parser for the command line `words`: complete for the command in it, names only for the others."""
    parser = Parser(
        prog="netdoctor",
        description="Explains why one container cannot reach another.",
        epilog=EPILOG,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=18),
    )
    parser.add_argument("--version", action="version", version=f"netdoctor {__version__}")
    subparsers = parser.add_subparsers(
        title="commands", metavar="COMMAND", required=True, parser_class=Parser
    )
    asked = next((word for word in words if not word.startswith("-")), None)
    wanted = COMMANDS[asked][0] if asked in COMMANDS else None
    for name, (module, line) in COMMANDS.items():
        if name in subparsers.choices:
            continue  # came with another command of its module
        if module == wanted and _exists(module):
            importlib.import_module(module).register(subparsers)
        else:
            subparsers.add_parser(name, help=line)
    return parser


def _exists(module: str) -> bool:
    return find_spec(module) is not None


def add_common(parser: argparse.ArgumentParser) -> None:
    """Add the options that every command has."""
    parser.add_argument(
        "-v", "--verbose", action="store_true", help="say more: every step, and a traceback of a bug"
    )
    parser.add_argument(
        "--color", choices=("auto", "always", "never"), default="auto", help="default: auto, on a terminal"
    )


def add_output(parser: argparse.ArgumentParser, forms: Sequence[str] = ("text", "json")) -> None:
    """Add the options that say in which of `forms`, and where to, the answer is written."""
    parser.add_argument("--output", choices=forms, default="text", help="default: text")
    parser.add_argument(
        "--json", dest="output", action="store_const", const="json", help="short for --output json"
    )
    parser.add_argument("-o", dest="file", metavar="FILE", help="write the answer to FILE instead of stdout")
