"""Lines of a fixture, `ROLE: PROGRAM ARGUMENT…`, and the commands they stand for."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby

PROGRAMS = ("ip", "bridge", "sysctl", "ping")


@dataclass(frozen=True)
class Command:
    """A program with its arguments, run inside the namespace of `role`. `@other` in an argument is another role."""

    role: str
    program: str
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        """Show the line it was read from."""
        return f"{self.role}: {self.program} {shlex.join(self.arguments)}"


def parse(line: str, roles: Iterable[str]) -> Command:
    """Return the command that a line stands for.

    `roles` are the names that may be used. Raises ValueError where the line has another form, another program than
    ip, bridge, sysctl and ping, or an unknown role.
    """
    role, colon, rest = line.partition(":")
    role = role.strip()
    words = shlex.split(rest)
    if not colon or len(words) < 2:
        raise ValueError(f"not of the form 'ROLE: PROGRAM ARGUMENT…': {line!r}")
    known = set(roles)
    unknown = [name for name in (role, *(w[1:] for w in words if w.startswith("@"))) if name not in known]
    if unknown:
        raise ValueError(f"unknown role {unknown[0]!r} in {line!r}")
    if words[0] not in PROGRAMS:
        raise ValueError(f"program {words[0]!r} is not one of {', '.join(PROGRAMS)} in {line!r}")
    return Command(role, words[0], tuple(words[1:]))


def batches(commands: Iterable[Command]) -> Iterator[tuple[str, str, list[Command]]]:
    """Yield (role, program, commands) for each run of neighbours that one process can do, in the order given."""
    for (role, program), group in groupby(commands, key=lambda command: (command.role, command.program)):
        yield role, program, list(group)
