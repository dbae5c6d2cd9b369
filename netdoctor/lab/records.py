"""What a fixture says, as frozen records: a network, a fault, and what the diagnosis has to find."""

from __future__ import annotations

from dataclasses import dataclass

from netdoctor.errors import NetdoctorError
from netdoctor.lab.script import Command


class FixtureError(NetdoctorError):
    """A fixture file is wrong; the message names the file and what is wrong in it."""


@dataclass(frozen=True)
class Role:
    """One namespace of a network: `kind` says what it stands for (host, node, switch, container …)."""

    name: str
    kind: str
    address: str | None = None
    about: str = ""


@dataclass(frozen=True)
class Asking:
    """The question of a fixture: role `source` pings `address`, which role `destination` is meant to own.

    With a `port` it connects there instead (`protocol` tcp), or sends a datagram (udp). `by_name` asks netdoctor for
    the destination's namespace, otherwise for its address. `size` is the payload (None: what ping does by default).
    """

    source: str
    destination: str
    address: str
    by_name: bool = True
    size: int | None = None
    df: bool = False
    protocol: str = "icmp"
    port: int | None = None
    source_port: int | None = None


@dataclass(frozen=True)
class Network:
    """A network that works: its namespaces, the commands that build it, and who pings whom."""

    name: str
    title: str
    description: str
    roles: dict[str, Role]
    asking: Asking
    build: tuple[Command, ...]


@dataclass(frozen=True)
class Cause:
    """A cause that the diagnosis must name.

    Each field is the set of what is right: one code, as a rule; several places where the fact has two ends, either of
    which may be the one to change. An empty set accepts everything. `repair` is a cure known to work; `repeats` says
    that the same code may follow once more, for the other direction.
    """

    codes: tuple[str, ...]
    roles: tuple[str, ...]
    interfaces: tuple[str, ...] = ()
    legs: tuple[str, ...] = ()
    repair: tuple[Command, ...] = ()
    repeats: bool = False


@dataclass(frozen=True)
class Expectation:
    """The verdict, the causes in the order in which the packet meets them, and the codes of hazards (none: any)."""

    verdict: str
    causes: tuple[Cause, ...] = ()
    hazards: tuple[str, ...] = ()


@dataclass(frozen=True)
class Fault:
    """What is done to a network, and what must be said about it.

    `kind` is "broken", "look-alike" (it looks wrong and works), "composite" (several faults at once) or "healthy"
    (nothing is done). `accept_repair` is False where no command mends it in place; `reason` then says why.
    """

    name: str
    network: str
    title: str
    description: str
    kind: str
    tier: int
    asking: Asking
    expect: Expectation
    prepare: tuple[Command, ...] = ()
    inject: tuple[Command, ...] = ()
    accept_repair: bool = True
    reason: str = ""

    @property
    def key(self) -> str:
        """`network/name`, the name under which the fault is asked for."""
        return f"{self.network}/{self.name}"
