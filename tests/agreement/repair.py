"""Runs the commands of a report's fixes, as a person would, and pings again."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import Any

from tests.agreement.ping import Pinged, ping
from tests.agreement.plan import Question
from tests.agreement.world import World


@dataclass(frozen=True)
class Repair:
    """What was run, what it said, and whether the ping came through afterwards. ``outcome``: repaired, failed, none
    (no fix was offered), refused (a command would have reached outside the network)."""

    outcome: str
    commands: tuple[str, ...]
    pinged: Pinged | None


def names_own_namespace(words: list[str], prefix: str) -> bool:
    """Whether a command runs inside one of this network's namespaces; nothing else may be run."""
    match words:
        case ["ip" | "bridge" | "tc", "-n" | "-netns" | "--netns", space, *_]:
            return space.startswith(prefix)
        case ["ip", "netns", "exec", space, *_]:
            return space.startswith(prefix)
        case ["nsenter", option, *_]:
            return option.startswith((f"--net=/run/netns/{prefix}", f"--net=/var/run/netns/{prefix}"))
    return False


def repair(world: World, question: Question, address: str, causes: list[dict[str, Any]]) -> Repair:
    """Run every cause's fix in order; ping again."""
    fixes = [cause["fix"] for cause in causes if cause.get("fix")]
    commands = [[str(word) for word in words] for fix in fixes for words in fix["commands"]]
    if not commands:
        return Repair("none", (), None)
    said: list[str] = []
    for words in commands:
        if not names_own_namespace(words, world.prefix):
            return Repair("refused", (*said, " ".join(words)), None)
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=20)
        said.append(
            " ".join(words) + (f"   -> {(done.stderr or done.stdout).strip()}" if done.returncode else "")
        )
    world.settle()
    pinged = ping(world.real(question.source), question, address)
    return Repair("repaired" if pinged.reachable else "failed", tuple(said), pinged)
