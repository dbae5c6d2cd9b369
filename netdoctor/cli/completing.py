"""What may follow a command line that is being typed: by the parser, with the names on this host or in a snapshot."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from netdoctor.cli.parser import COMMANDS, build_parser, with_command

if TYPE_CHECKING:
    from netdoctor.facts.host import Host

#: Stands for names of files, which the shell knows better.
FILES = "\tfiles"
#: Only what every shell takes as one plain word is proposed: a namespace can be called `$(reboot)`.
_PLAIN = re.compile(r"[A-Za-z0-9_.:@/+=,-]+")
#: A larger snapshot takes longer to read than a person waits for a proposal.
_LARGEST = 32 << 20


class Typed(NamedTuple):
    """A command line as far as it is typed: the command's parser, the words of its options and places, the last word.

    `waiting` is the option or place that the last word is for, if it takes a value.
    """

    parser: argparse.ArgumentParser
    words: list[str]
    waiting: argparse.Action | None
    given: frozenset[str]
    last: str


def proposals(line: str) -> Iterator[tuple[str, str]]:
    """Yield what may stand in the place of the last word of `line`, each with a few words about it; or FILES."""
    words = split(line)[1:]
    command = next((word for word in words[:-1] if not word.startswith("-")), None)
    if command is None:
        yield from _first(words[-1])
    elif (known := with_command(words))[0] in COMMANDS or command in COMMANDS:
        yield from _fitting(_typed(known))


def split(line: str) -> list[str]:
    """Return the words of a line as a shell would; the last one, maybe empty, is being typed."""
    for closing in ("", "'", '"'):
        try:
            words = shlex.split(line + closing)
        except ValueError:
            continue
        fresh = not closing and line[-1:].isspace()
        return [*words, ""] if fresh or len(words) < 2 else words
    return [*line.split(), ""]


def _first(last: str) -> Iterator[tuple[str, str]]:
    """The commands; and a saved report is shown without one."""
    found = [(name, line) for name, (_, line) in COMMANDS.items()]
    found += [("--help", "show help and exit"), ("--version", "show the version and exit")]
    commands = [one for one in found if one[0].startswith(last) and (last or one[0][0] != "-")]
    yield from commands
    if not commands:
        yield FILES, ""


def _typed(words: list[str]) -> Typed:
    """Follow the words through the parser of their command."""
    command = next(word for word in words if not word.startswith("-"))
    parser = _subparsers(build_parser([command]))[command]
    given: set[str] = set()
    places = _places(parser)
    waiting: argparse.Action | None = None
    several = False
    for word in words[words.index(command) + 1 : -1]:
        option = parser._option_string_actions.get(word.partition("=")[0])
        if option is not None:
            given.add(option.dest)
            takes = option.nargs != 0 and "=" not in word
            waiting, several = (option if takes else None), option.nargs in ("+", "*")
        elif waiting is not None:
            waiting = waiting if several else None
        elif places:
            place = places[0] if places[0].nargs in ("*", "+") else places.pop(0)
            if isinstance(place, argparse._SubParsersAction) and word in place.choices:
                parser = place.choices[word]
                places = _places(parser)
    last = words[-1]
    name, equals, value = last.partition("=")
    if equals and name in parser._option_string_actions:
        waiting = parser._option_string_actions[name]
    elif waiting is None and not last.startswith("-"):
        waiting = places[0] if places else None
    return Typed(parser, words, waiting, frozenset(given), last)


def _places(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in parser._actions if not action.option_strings]


def _subparsers(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    found = next(action for action in parser._actions if isinstance(action, argparse._SubParsersAction))
    choices: dict[str, argparse.ArgumentParser] = found.choices
    return choices


def _fitting(typed: Typed) -> Iterator[tuple[str, str]]:
    """The proposals that begin as the last word does."""
    head, _, tail = typed.last.rpartition("=") if typed.last.startswith("--") else ("", "", typed.last)
    before = f"{head}=" if head else ""
    options = typed.last.startswith("-") and not before
    optional = typed.waiting is not None and typed.waiting.nargs in ("+", "*", "?")
    found = _options(typed) if options and (typed.waiting is None or optional) else _values(typed, tail)
    for word, about in found:
        if word == FILES:
            yield FILES, ""
        elif word.startswith(tail) and _PLAIN.fullmatch(word):
            yield before + word, about


def _options(typed: Typed) -> Iterator[tuple[str, str]]:
    """Options not given yet, or that may be given again; those that exclude each other count as one."""
    excluded = set(typed.given)
    for group in typed.parser._mutually_exclusive_groups:
        members = {action.dest for action in group._group_actions}
        if members & typed.given:
            excluded |= members
    for action in typed.parser._actions:
        again = isinstance(action, argparse._AppendAction)
        if action.help != argparse.SUPPRESS and (again or action.dest not in excluded):
            yield from ((option, _about(action)) for option in action.option_strings)


def _about(action: argparse.Action) -> str:
    return " ".join((action.help or "").replace("%%", "%").split()).partition("; ")[0]


def _values(typed: Typed, tail: str) -> Iterable[tuple[str, str]]:
    action = typed.waiting
    if action is None:
        return ()
    if isinstance(action, argparse._SubParsersAction):
        return [(choice.dest, choice.help or "") for choice in action._get_subactions()]
    if action.choices is not None:
        return [(str(choice), "") for choice in action.choices]
    metavar = action.metavar if isinstance(action.metavar, str) else ""
    source = _SOURCES.get(metavar)
    return source(typed, tail) if source is not None else ()


def _files(typed: Typed, tail: str) -> Iterable[tuple[str, str]]:
    return [(FILES, "")]


def _endpoints(typed: Typed, tail: str) -> Iterable[tuple[str, str]]:
    """The names that there are: of this host, or of the snapshots on the command line."""
    from netdoctor.endpoints.names import names

    with _host(_snapshots(typed.words)) as host:
        return sorted(names(host, tail).items())


def _either(typed: Typed, tail: str) -> Iterable[tuple[str, str]]:
    return [*_endpoints(typed, tail), (FILES, "")]


@contextmanager
def _host(files: list[str]) -> Iterator[Host]:
    """This host, or that of the snapshots, if they are small enough to be read while somebody waits."""
    if not files:
        from netdoctor.collect.live import LiveHost

        with LiveHost() as live:
            yield live
        return
    from netdoctor.collection import host_of_all, load_all

    if sum(os.path.getsize(file) for file in files) > _LARGEST:
        raise OSError("too large to be read now")
    yield host_of_all(load_all(files))


def _snapshots(words: list[str]) -> list[str]:
    pairs = zip(words, [*words[1:], ""], strict=True)
    spaced = [value for word, value in pairs if word == "--snapshot"]
    return spaced + [word.partition("=")[2] for word in words if word.startswith("--snapshot=")]


def _codes(typed: Typed, tail: str) -> Iterable[tuple[str, str]]:
    from netdoctor.check import all_checks

    names = ((check.name if tail.islower() else check.code, check.title) for check in all_checks())
    return list(names)


def _networks(typed: Typed, tail: str) -> Iterable[tuple[str, str]]:
    from netdoctor.lab.fixtures import load_networks

    return [(network.name, network.title) for network in load_networks().values()]


def _faults(typed: Typed, tail: str) -> Iterable[tuple[str, str]]:
    from netdoctor.lab.fixtures import load_faults

    faults = load_faults().values()
    own = [fault for fault in faults if fault.network in typed.words]
    return [(fault.name, fault.title) for fault in own]


_SOURCES: dict[str, Callable[[Typed, str], Iterable[tuple[str, str]]]] = {
    "FILE": _files,
    "SRC": _endpoints,
    "DST": _endpoints,
    "SRC DST FILE": _either,
    "CODE": _codes,
    "NAME": _networks,
    "FAULT": _faults,
}
