"""Builds a plan in network namespaces of its own, changes it, and takes it down again."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from types import TracebackType

from tests.agreement import netns
from tests.agreement.plan import Command, Plan

PREFIX = "ndag"
SETTLE_SECONDS = 2.5
SHOW_RULES = (("iptables-legacy-save", "-c"), ("nft", "list", "ruleset"), ("ipset", "save"))


class BuildError(Exception):
    """The kernel refused a command of the build: a bug of the generator."""


@dataclass(frozen=True)
class Refusal:
    """A command of a change that the kernel did not accept, and what it said."""

    kind: str
    command: Command
    reason: str


class World:
    """A plan made real. Use it in a ``with`` block: the namespaces are deleted whatever happens inside."""

    def __init__(self, plan: Plan, prefix: str = "", keep: bool = False) -> None:
        self.plan = plan
        self.prefix = prefix or f"{PREFIX}{os.getpid()}-"
        self.keep = keep

    def __enter__(self) -> World:
        try:
            _batch("ip", None, [f"netns add {self.real(name)}" for name in self.plan.namespaces])
            self._run_build(self.plan.build)
            self.settle()
        except BaseException:
            self.down()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.keep:
            self.down()

    def real(self, name: str) -> str:
        """The name on this machine of a namespace of the plan."""
        return f"{self.prefix}{name}"

    def down(self) -> None:
        """Delete the namespaces that are there."""
        remove(name for name in present() if name in {self.real(each) for each in self.plan.namespaces})

    # commands

    def _words(self, command: Command) -> list[str]:
        return [self.real(word[1:]) if word.startswith("@") else word for word in command.argv]

    def _run_build(self, commands: Iterable[Command]) -> None:
        """Run commands in their order; neighbours of one namespace and one tool share a process."""
        for (space, tool), group in groupby(
            commands, key=lambda command: (command.namespace, command.argv[0])
        ):
            lines = list(group)
            words = [self._words(command)[1:] for command in lines]
            if tool == "sysctl":
                netns.inside(self.real(space), partial(netns.write_sysctls, words))
            elif tool not in ("ip", "bridge"):
                self._run_each(lines)
            else:
                _batch(tool, self.real(space), [" ".join(each) for each in words])

    def _run_each(self, commands: Iterable[Command]) -> None:
        for command in commands:
            if reason := self.run(command):
                raise BuildError(f"{command}: {reason}")

    def run(self, command: Command) -> str:
        """Run one command; the answer is empty, or why it was refused."""
        words, space = self._words(command), self.real(command.namespace)
        if words[0] == "sysctl":
            try:
                netns.inside(space, partial(netns.write_sysctls, [words[1:]]))
            except OSError as error:
                return str(error)
            return ""
        line = [words[0], "-n", space, *words[1:]]
        if words[0] not in ("ip", "bridge"):
            line = ["ip", "netns", "exec", space, *words]
        done = subprocess.run(line, input=command.text, capture_output=True, text=True, check=False)
        return (
            "" if done.returncode == 0 else (done.stderr or done.stdout).strip() or f"exit {done.returncode}"
        )

    def change(self) -> list[Refusal]:
        """Make the plan's changes. What the kernel refuses is noted: the state is whatever came of it."""
        refused = []
        for each in self.plan.changes:
            for command in each.commands:
                reason = self.run(command)
                if reason:
                    refused.append(Refusal(each.kind, command, reason))
        self.settle()
        return refused

    def rules(self) -> tuple[str, ...]:
        """What the tools show of the rules in each namespace that was given some, counters included."""
        given = sorted(
            {command.namespace for each in self.plan.changes for command in each.commands if command.text}
        )
        shown = []
        for name in given:
            for words in SHOW_RULES:
                line = ["ip", "netns", "exec", self.real(name), *words]
                done = subprocess.run(line, capture_output=True, text=True, check=False)
                if done.stdout.strip():
                    shown.append(f"[{name}] {' '.join(words)}\n{done.stdout.rstrip()}")
        return tuple(shown)

    # waiting

    def settle(self) -> None:
        """Wait until what the kernel does later has been done: link state events are up to a second late
        (net/core/link_watch.c), and a device's operational state and its routes follow only then."""
        limit = time.monotonic() + SETTLE_SECONDS
        waiting = [self.real(name) for name in self.plan.namespaces]
        while waiting and time.monotonic() < limit:
            waiting = [name for name in waiting if _unsettled(name)]
            if waiting:
                time.sleep(0.05)

    def heard(self) -> dict[str, int]:
        """Echo requests delivered so far, by namespace of the plan."""
        return {
            name: netns.inside(self.real(name), netns.echo_requests_heard) for name in self.plan.namespaces
        }


def _batch(tool: str, space: str | None, lines: list[str]) -> None:
    """Feed lines to ``ip`` or ``bridge``; raise with the line at fault."""
    where = ["-n", space] if space else []
    text = "\n".join(lines) + "\n"
    done = subprocess.run(
        [tool, *where, "-batch", "-"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BuildError(f"{tool} in {space}: {done.stderr.strip()}\n{text}")


def _unsettled(space: str) -> bool:
    """Whether a link's operational state lags behind its carrier."""
    done = subprocess.run(["ip", "-n", space, "-j", "link"], capture_output=True, text=True, check=False)
    for link in json.loads(done.stdout or "[]"):
        flags, state = link.get("flags", []), link.get("operstate")
        if "UP" not in flags:
            continue
        if state not in ("UP", "UNKNOWN") and "LOWER_UP" in flags:
            return True
        if state in ("UP", "UNKNOWN") and "LOWER_UP" not in flags:
            return True
    return False


def present() -> list[str]:
    """The names of all namespaces on this machine."""
    try:
        return sorted(os.listdir("/run/netns"))
    except FileNotFoundError:
        return []


def remove(names: Iterable[str]) -> None:
    """Delete namespaces by name; those that are gone already are nobody's loss."""
    lines = "".join(f"netns del {name}\n" for name in names)
    if lines:
        subprocess.run(
            ["ip", "-force", "-batch", "-"], input=lines, capture_output=True, text=True, check=False
        )


def sweep() -> list[str]:
    """Delete what runs that were killed left behind; names of a living process stay."""
    stale = []
    for name in present():
        owner = name.removeprefix(PREFIX).split("-")[0]
        if name.startswith(PREFIX) and owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
            stale.append(name)
    remove(stale)
    return stale
