"""A rule in the save format taken apart: words, options, and which match or target they belong to."""

from __future__ import annotations

import re
from collections.abc import Callable, Container
from typing import NamedTuple

from netdoctor.kernel.netfilter.model import Family
from netdoctor.kernel.netfilter.names import UndecodedError

_TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|(\S+)')
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)

#: Options whose one value is taken as it stands, even where it looks like an option or a negation.
_TEXTS = frozenset(
    ("--comment", "--log-prefix", "--nflog-prefix", "--string", "--hex-string", "--name", "--bytecode")
)


class Option(NamedTuple):
    """An option with its values. `text` is how it stood there."""

    name: str
    negated: bool
    values: tuple[str, ...]

    @property
    def value(self) -> str:
        """The only value. Raises UndecodedError where there is none or more."""
        if len(self.values) != 1:
            raise UndecodedError(self.text)
        return self.values[0]

    @property
    def text(self) -> str:
        """The option as a tool prints it."""
        return " ".join((*(("!",) if self.negated else ()), self.name, *self.values))


class Module(NamedTuple):
    """A match (`-m`) or target (`-j`, `-g`) with its options."""

    name: str
    options: list[Option]

    @property
    def text(self) -> str:
        """The options as a tool prints them."""
        return " ".join((self.name, *(option.text for option in self.options)))


class Parts(NamedTuple):
    """A rule taken apart: what belongs to no match, the matches, the target, and whether it is a goto."""

    general: list[Option]
    matches: list[Module]
    target: Module | None
    goto: bool


class Context(NamedTuple):
    """What a rule's meaning depends on: the family, the chains of its table, and the dimensions of ipsets."""

    family: Family
    chains: Container[str]
    dimensions: Callable[[str], tuple[str, ...] | None]


def tokens(text: str) -> list[tuple[str, bool]]:
    """Split a rule into words, with whether each was quoted."""
    words: list[tuple[str, bool]] = []
    for found in _TOKEN.finditer(text):
        quoted, plain = found.groups()
        if plain is None:
            words.append((_ESCAPE.sub(r"\1", quoted), True))
        else:
            words.append((plain, False))
    return words


def take_apart(words: list[tuple[str, bool]]) -> Parts:
    """Group the words of a rule into options, and the options into matches and the target."""
    parts = Parts([], [], None, False)
    into = parts.general
    for option in _options(words):
        if option.name in ("-m", "--match"):
            module = Module(" ".join(option.values), [])
            parts.matches.append(module)
            into = module.options
        elif option.name in ("-j", "--jump", "-g", "--goto"):
            target = Module(" ".join(option.values), [])
            parts = parts._replace(target=target, goto=option.name in ("-g", "--goto"))
            into = target.options
        elif not option.name.startswith("--"):
            parts.general.append(option)
        else:
            into.append(option)
    return parts


def _options(words: list[tuple[str, bool]]) -> list[Option]:
    options: list[Option] = []
    position, end = 0, len(words)
    while position < end:
        negated = words[position] == ("!", False)
        position += negated
        if position >= end:
            break
        name = words[position][0]
        position += 1
        values: list[str] = []
        while position < end and (not _starts(words, position) or (name in _TEXTS and not values)):
            values.append(words[position][0])
            position += 1
        if values[:1] == ["!"] and name not in _TEXTS:
            negated, values = not negated, values[1:]
        options.append(Option(name, negated, tuple(values)))
    return options


def _starts(words: list[tuple[str, bool]], position: int) -> bool:
    """Tell whether an option starts here: a dash and a letter, or a negation in front of one."""
    word, quoted = words[position]
    if quoted:
        return False
    if word == "!":
        return position + 1 < len(words) and words[position + 1][0][:1] == "-" and not words[position + 1][1]
    return word[:1] == "-" and (word[1:2].isalpha() or word[1:2] == "-")
