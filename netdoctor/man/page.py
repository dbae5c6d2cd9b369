"""The page in the macros of man(7)."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator

from netdoctor import __version__
from netdoctor.cli.parser import COMMANDS, EPILOG, build_parser
from netdoctor.man import prose

#: Parts of a help text that are set as code: `word`.
_CODE = re.compile(r"`([^`]+)`")


def page() -> str:
    """Return the whole page."""
    return "\n".join(_lines()) + "\n"


def commands() -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield the parser of each command and of what it consists of (`lab up`), by its words."""
    for name in COMMANDS:
        yield from _below(name, _choices(build_parser([name]))[name])


def _below(name: str, parser: argparse.ArgumentParser) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    yield name, parser
    for word, further in _choices(parser).items():
        yield from _below(f"{name} {word}", further)


def _choices(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    return {}


def _lines() -> Iterator[str]:
    yield f'.TH NETDOCTOR 1 "{prose.DATE}" "netdoctor {__version__}" "User Commands"'
    yield ".SH NAME"
    yield f"netdoctor \\- {text(prose.NAME)}"
    yield ".SH SYNOPSIS"
    for number, (words, rest) in enumerate(prose.SYNOPSIS):
        yield from (".br",) if number else ()
        yield " ".join(filter(None, (_bold("netdoctor"), _bold(words), text(rest))))
    yield ".SH DESCRIPTION"
    yield from _paragraphs(prose.DESCRIPTION)
    yield ".SH COMMANDS"
    for name, parser in commands():
        yield from _command(name, parser)
    for title, body in prose.SECTIONS:
        yield f".SH {title}"
        yield from _section(body)
    yield ".SH EXIT STATUS"
    for line in EPILOG.strip().splitlines()[1:]:
        code, meaning = line.split(maxsplit=1)
        yield from _item(_bold(code), meaning)
    yield ".SH EXAMPLES"
    for number, (about, command) in enumerate(prose.EXAMPLES):
        yield from (".PP",) if number else ()
        yield from (f"{text(about)}:", ".PP", ".RS 4", ".EX", text(command), ".EE", ".RE")
    yield ".SH SEE ALSO"
    yield ",\n".join(rf"\fB{name}\fR({section})" for name, section in prose.SEE_ALSO)


def _command(name: str, parser: argparse.ArgumentParser) -> Iterator[str]:
    places = [action for action in parser._actions if not action.option_strings]
    options = [
        action for action in parser._actions if action.option_strings and action.help != argparse.SUPPRESS
    ]
    words = " ".join(_place(action) for action in places)
    yield f".SS netdoctor {text(name)} {words}".rstrip()
    if about := parser.description or _about(name):
        yield text(about)
    for action in places:
        if action.help and not isinstance(action, argparse._SubParsersAction):
            yield from _item(rf"\fI{text(_metavar(action))}\fR", _help(action))
    for action in options:
        if "--help" not in action.option_strings:
            yield from _item(_option(action), _help(action))


def _about(name: str) -> str:
    """What the list of commands says of one that has no description."""
    first, _, rest = name.rpartition(" ")
    if not first:
        return COMMANDS[name][1]
    parent = dict(commands())[first]
    action = next(action for action in parent._actions if isinstance(action, argparse._SubParsersAction))
    return next((choice.help or "" for choice in action._get_subactions() if choice.dest == rest), "")


def _place(action: argparse.Action) -> str:
    word = rf"\fI{text(_metavar(action))}\fR"
    return f"[{word}]" if action.nargs == "?" else word


def _metavar(action: argparse.Action) -> str:
    if isinstance(action.metavar, str):
        return action.metavar
    return "|".join(map(str, action.choices)) if action.choices is not None else action.dest.upper()


def _option(action: argparse.Action) -> str:
    names = ", ".join(_bold(option) for option in action.option_strings)
    if action.nargs == 0:
        return names
    more = " ..." if action.nargs in ("+", "*") else ""
    return rf"{names} \fI{text(_metavar(action))}\fR{more}"


def _help(action: argparse.Action) -> str:
    return (action.help or "") % {"default": action.default, "dest": action.dest}


def _item(head: str, body: str) -> Iterator[str]:
    yield from (".TP", head, text(body))


def _section(body: tuple[str | tuple[str, str], ...]) -> Iterator[str]:
    for part in body:
        if isinstance(part, str):
            yield from _paragraphs((part,))
        else:
            yield from _item(_bold(part[0]), part[1])


def _paragraphs(parts: tuple[str, ...]) -> Iterator[str]:
    for number, part in enumerate(parts):
        yield from (".PP",) if number else ()
        yield text(part)


def _bold(words: str) -> str:
    return rf"\fB{text(words)}\fR" if words else ""


def text(plain: str) -> str:
    """Return words as roff takes them: on one line, hyphens that can be copied, no line that looks like a request."""
    plain = (
        " ".join(plain.split())
        .replace("\\", r"\e")
        .replace("-", r"\-")
        .replace("'", r"\(aq")
        .replace("…", "...")
    )
    plain = _CODE.sub(r"\\fB\1\\fR", plain)
    return rf"\&{plain}" if plain.startswith(".") else plain
