"""The real ping: what it takes to call a network reachable."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass

from tests.agreement.plan import Question

COUNT, INTERVAL, PATIENCE = 4, 0.3, 1.6
REPLY = re.compile(r"^\d+ bytes from .*?icmp_seq=(\d+)")


@dataclass(frozen=True)
class Pinged:
    """A ping's command, all it said until the first reply, and which request was answered (0: none)."""

    command: tuple[str, ...]
    output: str
    answered: int
    code: int | None

    @property
    def reachable(self) -> bool:
        return self.answered > 0


def arguments(question: Question, address: str) -> tuple[str, ...]:
    """The words of the question's ping, without counts and times."""
    words = ["ping", "-n"]
    if question.from_address:
        words += ["-I", question.from_address]
    if question.size != 56:
        words += ["-s", str(question.size)]
    if question.df:
        words += ["-M", "do"]
    return (*words, address)


def ping(namespace: str, question: Question, address: str) -> Pinged:
    """Ping until the first reply, at most four requests over 0.9 s and 1.6 s of patience.

    Several requests, because a wrong answer to the first ARP request may be followed by the right one; not many
    seconds, because what heals by itself (a stale neighbour is doubted after 5 s) is broken now.
    """
    return _run(namespace, arguments(question, address), COUNT, PATIENCE)


def warm(pairs: list[tuple[str, str]]) -> None:
    """One request each, all at once."""
    running = [
        subprocess.Popen(
            ["ip", "netns", "exec", namespace, "ping", "-n", "-q", "-c", "1", "-W", "0.6", address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for namespace, address in pairs
    ]
    for process in running:
        process.wait()


def _run(namespace: str, words: tuple[str, ...], count: int, patience: float) -> Pinged:
    timing = ("-c", str(count), "-i", str(INTERVAL), "-W", str(patience))
    command = ("ip", "netns", "exec", namespace, words[0], *timing, *words[1:])
    lines: list[str] = []
    answered = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            match = REPLY.match(line)
            if match:
                answered = int(match.group(1))
                process.terminate()
                break
        process.stdout.close()
        code = process.wait()
    return Pinged(command, "".join(lines), answered, None if answered else code)
