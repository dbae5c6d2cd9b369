"""What a random network is made of: namespaces, commands, and the question asked of it.

A plan is text: it can be printed, compared and replayed by hand. In it a namespace is called by its
short name; an argument that starts with ``@`` is such a name, and becomes the real one when the plan is built.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """One command, run inside one namespace of the plan.

    ``argv[0]`` is ``ip``, ``bridge`` or ``sysctl``; the latter takes a path below ``/proc/sys`` (with slashes,
    as an interface name may hold dots) and a value. Changes may run other tools too, which read `text`.
    """

    namespace: str
    argv: tuple[str, ...]
    text: str = ""

    def __str__(self) -> str:
        tool, *rest = self.argv
        if tool == "sysctl":
            return f"[{self.namespace}] echo {rest[1]} > /proc/sys/{rest[0]}"
        line = f"[{self.namespace}] {shlex.join((tool, *rest))}"
        return f"{line} <<'END'\n{self.text.rstrip()}\nEND" if self.text else line


@dataclass(frozen=True)
class Change:
    """One thing done to a network that has been built: its kind, and the commands that do it."""

    kind: str
    commands: tuple[Command, ...]


@dataclass(frozen=True)
class WarmUp:
    """A ping sent before the changes, so that neighbours and forwarding entries are learned."""

    source: str
    address: str


@dataclass(frozen=True)
class Question:
    """Who pings whom, and how. ``by_name``: netdoctor is asked for the namespace and not for the address.

    With ``protocol`` tcp or udp it is who connects to ``port``; ``listening`` tells whether anybody waits there.
    """

    source: str
    destination: str
    address: str
    by_name: bool = False
    from_address: str | None = None
    size: int = 56
    df: bool = False
    protocol: str = "icmp"
    port: int = 0
    listening: bool = True


@dataclass(frozen=True)
class Plan:
    """A whole random network, as a pure function of its seed."""

    seed: int
    family: str
    namespaces: tuple[str, ...]
    build: tuple[Command, ...]
    warm_up: tuple[WarmUp, ...]
    changes: tuple[Change, ...]
    question: Question

    def describe(self) -> str:
        """The plan as a person would repeat it by hand."""
        lines = [
            f"seed {self.seed}, family {self.family}",
            f"namespaces: {' '.join(self.namespaces)}",
            "build:",
        ]
        lines += [f"  {command}" for command in self.build]
        lines += [f"warm up: [{ping.source}] ping {ping.address}" for ping in self.warm_up]
        for change in self.changes:
            lines.append(f"change {change.kind}:")
            lines += [f"  {command}" for command in change.commands]
        lines.append(f"question: {describe_question(self.question)}")
        return "\n".join(lines)


def describe_question(question: Question) -> str:
    """One line: source, destination, and the options of the ping."""
    words = [question.source, "->", question.destination, question.address]
    if question.by_name:
        words.append("(asked by name)")
    if question.from_address:
        words += ["-I", question.from_address]
    if question.size != 56:
        words += ["-s", str(question.size)]
    if question.df:
        words += ["-M", "do"]
    if question.protocol != "icmp":
        words += [question.protocol, str(question.port), "" if question.listening else "(nobody listens)"]
    return " ".join(words)
