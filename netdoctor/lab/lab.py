"""One practice network: up, broken, asked, down."""

from __future__ import annotations

import re
import shutil
import subprocess
import time
from collections.abc import Iterable, Sequence
from types import TracebackType

from netdoctor.lab import firewall, kinds
from netdoctor.lab.fixtures import baseline
from netdoctor.lab.gate import Gate, LabError
from netdoctor.lab.records import Asking, Fault, Network
from netdoctor.lab.script import INTERNAL, Command, batches

PREFIX = "nd-"
# What `ip -o link` says of a device whose carrier the kernel has seen and whose state it has not yet settled.
_LINK = re.compile(r"^\d+: [^<]*<(?P<flags>[^>]*)>.* state (?P<state>\S+)", re.MULTILINE)
_SETTLED = {"UP", "UNKNOWN"}
_SETTLE_SECONDS = 3.0


class Lab:
    """Builds `network` in namespaces called `prefix` + network + "-" + role; `with` takes them away again.

    Several labs can stand side by side under different prefixes. Raises Refused for a prefix that is not of the lab's
    form (`nd`, lower-case letters and digits, `-`), LabError where the system does not do as told.
    """

    def __init__(self, network: Network, prefix: str = PREFIX) -> None:
        self.network = network
        self.prefix = prefix
        self.asking: Asking = network.asking
        self._gate = Gate(self.namespace(role) for role in network.roles)

    def __enter__(self) -> Lab:
        """Build the network."""
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Take the network away, whatever happened."""
        self.down()

    def namespace(self, role: str) -> str:
        """Return the name of the namespace that plays `role`."""
        return f"{self.prefix}{self.network.name}-{role}"

    def up(self) -> None:
        """Build the network; what an earlier run left under the same names is taken away first.

        Where it fails, or is interrupted, nothing is left. Raises LabError.
        """
        self.down()
        _require(self.network.name, self.network.build)
        try:
            self._gate.create()
            settings = baseline()
            for namespace in self._gate.names:
                self._gate.sysctl(namespace, settings)
                self._gate.batch("ip", namespace, [["link", "set", "lo", "up"]])
            self.execute(self.network.build)
            self.settle()
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Delete the namespaces of this lab that exist. May be called at any time, and again."""
        try:
            self._gate.delete()
        except KeyboardInterrupt:
            self._gate.delete()  # a second Ctrl-C hurries us; leaving things behind would not help
            raise

    def inject(self, fault: Fault) -> None:
        """Put a fault in: what has to happen before, the fault, and from now on its question.

        Raises LabError where a command fails, ValueError for a fault of another network.
        """
        if fault.network != self.network.name:
            raise ValueError(f"{fault.key} is no fault of {self.network.name}")
        _require(fault.key, (*fault.prepare, *fault.inject))
        self.asking = fault.asking
        self.execute(fault.prepare)
        self.execute(fault.inject)
        self.settle()

    def ping(
        self, size: int | None = None, df: bool | None = None, count: int = 1, timeout: float = 1.0
    ) -> bool:
        """Ask the kernel: does the source of the question get an echo reply from its address?

        `size` and `df` are the question's where they are not given; without don't-fragment the packet may be
        fragmented anywhere. `timeout` in seconds is the wait after the last packet. One reply of `count` is enough.
        A question about a port connects to it, or sends a datagram that is to be answered.
        """
        asking = self.asking
        size = asking.size if size is None else size
        df = asking.df if df is None else df
        if asking.port is not None:
            what = [asking.protocol, asking.address, str(asking.port), f"{timeout:g}"]
            words = [*what, str(56 if size is None else size), "df" if df else "-", str(asking.source_port or 0)]
            return self._gate.ask(self.namespace(asking.source), words)
        words = [
            "-n",
            "-q",
            "-c",
            str(count),
            "-i",
            "0.3",
            "-W",
            f"{timeout:g}",
            "-M",
            "do" if df else "dont",
        ]
        if size is not None:
            words += ["-s", str(size)]
        return self._gate.ping(self.namespace(asking.source), [*words, asking.address]).returncode == 0

    def reaches(self, patience: float = 4.0) -> bool:
        """Ping until an answer comes or `patience` seconds are over.

        After a repair the kernel may still be in the retry of an old address resolution, which lasts seconds.
        """
        end = time.monotonic() + patience
        while not self.ping():
            if time.monotonic() > end:
                return False
        return True

    def run(self, argv: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a command of a fix, an argument list that names its namespace; see Gate.run."""
        return self._gate.run(argv)

    def execute(self, commands: Iterable[Command]) -> None:
        """Run lines of a fixture, neighbours of one role and program in one process. Raises LabError."""
        for role, program, group in batches(commands):
            namespace = self.namespace(role)
            lines = [self._words(command) for command in group]
            if program == "sysctl":
                self._gate.sysctl(namespace, [word for line in lines for word in line])
            elif program == "ping":
                for line in lines:
                    self._gate.ping(namespace, ["-n", "-q", "-c", "1", "-W", "1", *line])
            elif program == "listen":
                for line in lines:
                    self._gate.listen(namespace, line)
            elif program == "wg":
                for line in lines:
                    self._gate.wireguard(namespace, line)
            elif program == "tunnel":
                for line in lines:
                    self._gate.tunnel(namespace, line)
            elif program == "end":
                self._gate.end_tunnels(namespace)
            elif program == "conntrack":
                for line in lines:
                    self._gate.run(["ip", "netns", "exec", namespace, program, *line])
            elif program == "ask":
                for proto, address, port, _, own in lines:
                    self._gate.ask(namespace, [proto, address, port, "0.2", "56", "-", own])
            elif program in firewall.PROGRAMS:
                self._gate.firewall(program, namespace, lines)
            else:
                self._gate.batch(program, namespace, lines)

    def settle(self) -> None:
        """Wait until the kernel has worked off its link events (net/core/link_watch.c runs them from a queue)."""
        end = time.monotonic() + _SETTLE_SECONDS
        for namespace in self._gate.names:
            while not _settled(self._gate.links(namespace)):
                if time.monotonic() > end:
                    raise LabError(f"{namespace}: links do not settle")
                time.sleep(0.01)

    def _words(self, command: Command) -> list[str]:
        if not command.others:
            return list(command.arguments)
        return [self.namespace(word[1:]) if word.startswith("@") else word for word in command.arguments]


def _require(name: str, commands: Iterable[Command]) -> None:
    """Refuse a fixture, by name, for whose lines a program or a device kind is missing, before it is half built."""
    commands = tuple(commands)
    programs = dict.fromkeys(command.program for command in commands)
    absent = [program for program in programs if program not in INTERNAL and shutil.which(program) is None]
    if absent:
        raise LabError(f"{name} needs {', '.join(absent)}: not installed")
    unknown = kinds.absent(kinds.made(commands))
    if unknown:
        raise LabError(f"{name} needs {', '.join(unknown)} devices: not in this kernel")


def _settled(links: str) -> bool:
    """Say whether every device with a carrier has the state that belongs to it, and none without has it."""
    for match in _LINK.finditer(links):
        flags = match["flags"].split(",")
        if "UP" in flags and ("LOWER_UP" in flags) != (match["state"] in _SETTLED):
            return False
    return True
