"""The interactive view: its first picture on a host with many namespaces, and its keys while it reads all of them.

Both hosts are namespaces of processes, mounts and network of their own, so that "empty" means it: what else the machine
runs is not seen from there.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from statistics import median

from tests.tui.terminal import Terminal

#: Namespaces of the full host, and how much longer its first picture may take than that of the empty one.
MANY, MOST = 300, 1.5
#: What the first picture of the view without a question says.
FIRST = "NAMESPACES"
#: A key and what it brings about, with no work to be done for it.
KEY, EFFECT, BACK = "?", "what the keys do here", "\x1b"
KEYS = 8

_UNSHARE = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--propagation", "private")


def report(runs: int) -> bool:
    """Measure and print; return whether a target was missed."""
    first: dict[int, list[float]] = {0: [], MANY: []}
    for _ in range(runs):
        for count, times in first.items():
            times.append(_inside(count, "first"))
    empty, full = (median(times) for times in first.values())
    keys = _inside(MANY, "keys")
    print(f"view: first picture on an empty host {empty:.3f} s, with {MANY} namespaces {full:.3f} s")
    print(f"view: full / empty: {full / empty:.2f} (target: at most {MOST})")
    print(f"view: the slowest of {KEYS} keys while {MANY} namespaces are being read: {keys:.3f} s")
    return full / empty > MOST


def _inside(count: int, what: str) -> float:
    """Run this module on a host of its own with so many namespaces."""
    command = (*_UNSHARE, sys.executable, "-m", "tests.bench.view", str(count), what)
    return float(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def _build(count: int) -> None:
    """Make the namespaces, each with a pair of devices; they go with this host."""
    os.makedirs("/run/netns", exist_ok=True)
    subprocess.run(("mount", "-t", "tmpfs", "none", "/run/netns"), check=True)
    names = [f"ndview-{number}" for number in range(count)]
    script = "".join(
        f"netns add {name}\nlink add veth{number} type veth peer name eth0 netns {name}\n"
        for number, name in enumerate(names)
    )
    subprocess.run(("ip", "-batch", "-"), input=script, text=True, check=True)


def _first() -> float:
    begin = time.perf_counter()
    with Terminal("tui") as terminal:
        terminal.wait(FIRST)
        return time.perf_counter() - begin


def _keys() -> float:
    """The longest that a key takes to show its effect, from the first picture on."""
    slowest = 0.0
    with Terminal("tui") as terminal:
        terminal.wait(FIRST)
        for _ in range(KEYS // 2):
            for key, shown in ((KEY, True), (BACK, False)):
                terminal.press(key)
                slowest = max(slowest, terminal.wait(lambda text, shown=shown: (EFFECT in text) == shown))  # type: ignore[misc]
    return slowest


if __name__ == "__main__":
    _build(int(sys.argv[1]))
    print({"first": _first, "keys": _keys}[sys.argv[2]]())
