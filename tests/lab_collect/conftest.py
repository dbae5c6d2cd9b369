"""Namespaces for the collector's tests: made one by one, taken away whatever happens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from netdoctor.collect.live import LiveHost
from netdoctor.collect.namespace import LiveNamespace

PREFIX = f"ndcol{os.getpid()}-"


class Bench:
    """Namespaces with names of our own, and the tools to build in them and to ask iproute2 about them."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def add(self, name: str) -> str:
        """Make a namespace and return its full name."""
        full = PREFIX + name
        self.run("ip", "netns", "add", full)
        self.names.append(full)
        return full

    def delete(self, full: str) -> None:
        """Take one away early."""
        self.names.remove(full)
        self.run("ip", "netns", "del", full)

    def run(self, *command: str) -> str:
        """Run a command; a failure is shown with what it printed."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def inside(self, full: str, *command: str) -> str:
        """Run a command in a namespace."""
        return self.run("ip", "netns", "exec", full, *command)

    def ip(self, full: str, commands: str) -> None:
        """Run lines of `ip` commands in a namespace."""
        for line in filter(None, (line.strip() for line in commands.splitlines())):
            self.run("ip", "-n", full, *line.split())

    def json(self, full: str, *command: str) -> Any:
        """Run `ip` or `bridge` in a namespace and return what it prints as JSON."""
        tool, *rest = command
        return json.loads(self.run(tool, "-n", full, "-j", "-d", *rest) or "[]")

    def inode(self, full: str) -> int:
        """Return the inode of a namespace."""
        return os.stat(f"/run/netns/{full}").st_ino


@pytest.fixture
def bench() -> Iterator[Bench]:
    """Give a test its namespaces, or skip it where they cannot be had."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes network namespaces")
    if shutil.which("ip") is None:
        pytest.skip("needs iproute2")
    bench = Bench()
    try:
        yield bench
    finally:
        for full in bench.names:
            subprocess.run(("ip", "netns", "del", full), capture_output=True, check=False)


@pytest.fixture
def host() -> Iterator[LiveHost]:
    """Give a test the live host; nothing is read before the test asks."""
    with LiveHost() as live:
        yield live


def opened(host: LiveHost, bench: Bench, full: str) -> LiveNamespace:
    """Return the facts of a namespace that must be there."""
    namespace = host.namespace(bench.inode(full))
    assert isinstance(namespace, LiveNamespace)
    return namespace
