"""The gate: the one place from which the lab changes the system.

It serves a fixed set of namespace names and refuses every command that is not for one of them. Names start with a
prefix of the lab (`nd…-`), and a name that turns out to be the caller's own namespace is refused as well.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from netdoctor.errors import Undecidable
from netdoctor.lab import firewall, listeners, netns
from netdoctor.lab.words import Refused, check_arguments, namespace_of

NAMESPACE = re.compile(r"nd[a-z0-9]*-[A-Za-z0-9_.-]+")
TIMEOUT = 20.0

__all__ = ["Gate", "LabError", "Refused"]


class LabError(Undecidable):
    """A command of the lab failed; the message holds the command and what it said."""


class Gate:
    """Runs commands inside the namespaces it was made for, and nowhere else.

    `names` are complete namespace names. Raises Refused for a name that is not of the lab's form.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(dict.fromkeys(names))
        for name in self.names:
            if not NAMESPACE.fullmatch(name):
                raise Refused(f"{name!r} is no name of a lab namespace")

    def create(self) -> None:
        """Make all the namespaces (ip-netns(8)). Raises LabError, also where one exists already."""
        _finish(["ip", "-batch", "-"], "".join(f"netns add {name}\n" for name in self.names))

    def delete(self) -> None:
        """Delete those of the namespaces that exist; listeners are ended, and the kernel takes every device along."""
        there = [name for name in self.names if netns.exists(name)]
        if there:
            listeners.stop(there)
            _finish(["ip", "-force", "-batch", "-"], "".join(f"netns delete {name}\n" for name in there))

    def batch(self, program: str, namespace: str, lines: Sequence[Sequence[str]]) -> None:
        """Run lines of `ip` or `bridge` in one namespace, in order, in one process; the first failure ends it."""
        if program not in ("ip", "bridge"):
            raise Refused(f"{program!r} has no batch mode here")
        self._own(namespace)
        for line in lines:
            check_arguments(program, line, self.names)
        _finish([program, "-n", namespace, "-batch", "-"], "".join(" ".join(line) + "\n" for line in lines))

    def firewall(self, program: str, namespace: str, lines: Sequence[Sequence[str]]) -> None:
        """Carry out lines of a program of `firewall.PROGRAMS` in one namespace, in order, in few processes."""
        self._own(namespace)
        enter = ["nsenter", f"--net={netns.FOLDER / namespace}"]
        for argv, text in firewall.runs(program, lines):
            _finish([*enter, *argv], text)

    def sysctl(self, namespace: str, assignments: Sequence[str]) -> None:
        """Write settings of one namespace, `name=value` each; a leading `-` lets a missing one pass."""
        self._own(namespace)
        try:
            netns.write_sysctls(namespace, assignments)
        except (OSError, ValueError) as error:
            raise LabError(f"{namespace}: sysctl {' '.join(assignments)}: {error}") from error

    def ping(self, namespace: str, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Send pings from one namespace (ping(8)); the caller reads the return code."""
        self._own(namespace)
        return _run(["ip", "netns", "exec", namespace, "ping", *words])

    def listen(self, namespace: str, words: Sequence[str]) -> None:
        """Start a listener in one namespace; `words` are those of a `listen` line."""
        self._own(namespace)
        try:
            listeners.start(namespace, words)
        except OSError as error:
            raise LabError(f"{namespace}: listen {' '.join(words)}: {error}") from error

    def wireguard(self, namespace: str, words: Sequence[str]) -> None:
        """Run wg(8) in one namespace; a private key stands in the line, and goes to the program by its input."""
        self._own(namespace)
        argv, text = firewall.wireguard(words)
        _finish(["nsenter", f"--net={netns.FOLDER / namespace}", *argv], text)

    def tunnel(self, namespace: str, words: Sequence[str]) -> None:
        """Start a tunnel's daemon in one namespace; `words` are those of a `tunnel` line."""
        self._own(namespace)
        try:
            listeners.start(namespace, words, "tunnel")
        except OSError as error:
            raise LabError(f"{namespace}: tunnel {' '.join(words)}: {error}") from error

    def end_tunnels(self, namespace: str) -> None:
        """End the tunnels' daemons of one namespace."""
        self._own(namespace)
        listeners.stop([namespace], "tunnel")

    def ask(self, namespace: str, words: Sequence[str]) -> bool:
        """Connect, or send a datagram, from one namespace (talk.py); tell whether an answer came."""
        self._own(namespace)
        return _run(listeners.command(namespace, "ask", words)).returncode == 0

    def links(self, namespace: str) -> str:
        """Return `ip -o link` of one namespace: reads only."""
        self._own(namespace)
        return _run(["ip", "-n", namespace, "-o", "link"]).stdout

    def run(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run one command as it stands in a report's fix.

        It has to say its namespace itself (`ip -n NS …`, `bridge -n NS …`, `ip netns exec NS …`,
        `nsenter --net=/run/netns/NS …`), and it has to be one of the lab's. Raises Refused otherwise, LabError where it
        fails.
        """
        self._own(namespace_of(argv, self.names))
        done = _run(list(argv))
        if done.returncode:
            raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def _own(self, namespace: str) -> None:
        if namespace not in self.names:
            raise Refused(f"{namespace!r} is not a namespace of this lab")
        mine, theirs = os.stat("/proc/self/ns/net"), (Path("/run/netns") / namespace)
        if theirs.exists() and theirs.stat().st_ino == mine.st_ino:
            raise Refused(f"{namespace!r} is this process's own network namespace")


def _run(argv: list[str], text: str | None = None) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            argv,
            input=text or "",
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
            start_new_session=True,  # the terminal's Ctrl-C is for us, not for a half-done batch
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]}: not installed") from error
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{' '.join(argv)}: no end after {TIMEOUT:.0f} s") from error


def _finish(argv: list[str], text: str) -> None:
    done = _run(argv, text)
    if done.returncode:
        raise LabError(f"{' '.join(argv)}: {_failure(done.stderr, text)}")


def _failure(stderr: str, text: str) -> str:
    """Name the line of a batch that failed beside what the program said about it."""
    number = re.search(r"Command failed -:(\d+)", stderr)
    line = text.splitlines()[int(number[1]) - 1] if number else text.strip()
    return f"{line!r}: {stderr.strip()}"
