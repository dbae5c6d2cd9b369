"""Lines of a fixture, `ROLE: PROGRAM ARGUMENT…`, and the commands they stand for."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

from netdoctor.lab import firewall, talk, tunneld

#: What the lab does by itself; no program of the machine is started for it.
INTERNAL = ("sysctl", "listen", "ask", "tunnel", "end")
PROGRAMS = ("ip", "bridge", "ping", "conntrack", "wg", *INTERNAL, *firewall.PROGRAMS)


@dataclass(frozen=True)
class Command:
    """A program with its arguments, run inside the namespace of `role`.

    `@other` as an argument is another role; not so for nft, where it is a set.
    """

    role: str
    program: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        """Show the line it was read from."""
        return f"{self.role}: {self.program} {shlex.join(self.arguments)}"

    @property
    def others(self) -> tuple[str, ...]:
        """Return the other roles that the arguments name."""
        if self.program in firewall.PROGRAMS:
            return ()
        return tuple(word[1:] for word in self.arguments if word.startswith("@"))


def parse(line: str, roles: Iterable[str]) -> Command:
    """Return the command that a line stands for.

    `roles` are the names that may be used. Raises ValueError where the line has another form, a program that is not one
    of PROGRAMS, or an unknown role.
    """
    role, colon, rest = line.partition(":")
    role = role.strip()
    words = shlex.split(rest)
    if not colon or len(words) < 2:
        raise ValueError(f"not of the form 'ROLE: PROGRAM ARGUMENT…': {line!r}")
    known = set(roles)
    command = Command(role, words[0], tuple(words[1:]))
    unknown = [name for name in (role, *command.others) if name not in known]
    if unknown:
        raise ValueError(f"unknown role {unknown[0]!r} in {line!r}")
    if words[0] not in PROGRAMS:
        raise ValueError(f"program {words[0]!r} is not one of {', '.join(PROGRAMS)} in {line!r}")
    if words[0] == "listen":
        talk.check(words[1:])
    if words[0] == "tunnel":
        tunneld.check(words[1:])
    if words[0] == "end" and words[1:] != ["tunnel"]:
        raise ValueError("end takes `tunnel`")
    if words[0] == "ask":
        talk.check_ask(words[1:])
    return command


def batches(commands: Iterable[Command]) -> Iterator[tuple[str, str, list[Command]]]:
    """Yield (role, program, commands) for each run of neighbours that one process can do, in the order given."""
    for (role, program), group in groupby(commands, key=lambda command: (command.role, command.program)):
        yield role, program, list(group)
