"""One question to netdoctor, as a user asks it, and what it costs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
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
    """Run a command to its end. Raises SystemExit where it fails."""
    with open(os.devnull, "wb") as nowhere:
        begin = time.perf_counter()
        child = subprocess.Popen(command, stdout=nowhere, env=ENVIRONMENT)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - begin
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise SystemExit(f"bench: {' '.join(command)}: exit code {child.returncode}, expected 0")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def middle(costs: Sequence[Cost]) -> Cost:
    """Return the medians."""
    return Cost(*(median(values) for values in zip(*costs, strict=True)))
