"""One question to netdoctor, as a user asks it, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

#: An installed program has its bytecode; a shell that forbids Python to write it would have it compiled at every start.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


class Cost(NamedTuple):
    """Seconds from start to end, seconds of processors, most memory of a process (MiB); with the tools that it ran."""

    wall: float
    cpu: float
    peak: float


def ask(*words: str) -> Cost:
    """Ask netdoctor, start of the interpreter included. Raises SystemExit where the answer is not `reachable`."""
    program = Path(sys.executable).with_name("netdoctor")
    return run(str(program), *words, "--json")


def run(*command: str) -> Cost:
    """Run a command to its end, from a small process: a child's peak begins with what its parent has.

    Raises SystemExit where it fails.
    """
    done = subprocess.run(
        (sys.executable, __file__, *command), stdout=subprocess.PIPE, text=True, env=ENVIRONMENT
    )
    if done.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)}: exit code {done.returncode}, expected 0")
    return Cost(*map(float, done.stdout.split()))


def quickest(costs: Sequence[Cost]) -> Cost:
    """Return the least of each: whatever else a machine does only adds to it."""
    return Cost(*(min(values) for values in zip(*costs, strict=True)))


def _measured(command: Sequence[str]) -> int:
    """Run a command, print its cost, and return its exit code."""
    with open(os.devnull, "wb") as nowhere:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=nowhere)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
    print(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)
    child.returncode = os.waitstatus_to_exitcode(status)
    return child.returncode


if __name__ == "__main__":
    sys.exit(_measured(sys.argv[1:]))
