"""The report, `netdoctor.report/1`: what every renderer shows and `--json` prints.

Every key is always present; null or empty where there is nothing to say. Adding keys is compatible; a reader refuses an
unknown major version of the schema.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = "netdoctor.report/1"

Verdict = Literal["reachable", "unreachable", "unknown"]
Direction = Literal["request", "reply"]
Outcome = Literal["delivered", "dropped", "unknown"]


class Part(msgspec.Struct, frozen=True, gc=False):
    """The base of everything in a report: immutable, every key written out."""


class NamespaceRef(Part, frozen=True):
    """A namespace as a person calls it, with its inode. The inode of a namespace nobody could see is null."""

    name: str
    inode: int | None


class Endpoint(Part, frozen=True):
    """One end of the question: what was given, and what it was taken for."""

    given: str
    kind: str
    name: str
    host: str | None
    namespace: NamespaceRef | None
    address: str | None
    interface: str | None


class QuestionPart(Part, frozen=True):
    """What was asked. `size` is the payload in bytes; `port` is null for ICMP."""

    source: Endpoint
    destination: Endpoint
    protocol: Literal["icmp", "icmpv6", "tcp", "udp"]
    port: int | None
    size: int
    df: bool


class Location(Part, frozen=True):
    """Where a cause sits. A field is null where it does not apply."""

    host: str | None
    namespace: NamespaceRef | None
    interface: str | None
    hook: str | None


class Evidence(Part, frozen=True):
    """A statement, and the command that shows it, as an argument list."""

    statement: str
    command: tuple[str, ...]


class FixPart(Part, frozen=True):
    """Commands that take a cause away, run in order as root from the host's own namespace.

    `verified` is true where walking the packet again with the fix applied in memory no longer meets the cause.
    """

    summary: str
    commands: tuple[tuple[str, ...], ...]
    risk: Literal["low", "medium", "high"]
    verified: bool | None


class Cause(Part, frozen=True):
    """Why the packet does not arrive (or, among the hazards, what looks wrong nearby)."""

    code: str
    name: str
    title: str
    explanation: str
    leg: Direction
    location: Location
    evidence: tuple[Evidence, ...]
    fix: FixPart | None


class PacketPart(Part, frozen=True):
    """The packet at one step. `outer` is the tunnel packet around it, as text, or null."""

    source: str | None
    destination: str | None
    protocol: str
    ttl: int | None
    source_lladdr: str | None
    destination_lladdr: str | None
    vlan: int | None
    outer: str | None


class StepPart(Part, frozen=True):
    """One thing that happened to the packet. `node` names a node of the path graph."""

    node: str
    host: str | None
    namespace: NamespaceRef
    interface: str | None
    stage: str
    action: str
    detail: str
    packet: PacketPart


class LegPart(Part, frozen=True):
    """One direction of the conversation, step by step."""

    direction: Direction
    outcome: Outcome
    steps: tuple[StepPart, ...]


class Node(Part, frozen=True):
    """A device, socket or namespace that the packet visits. `state` is passed, ended, visited or unknown."""

    id: str
    kind: str
    host: str | None
    namespace: NamespaceRef
    interface: str | None
    label: str
    state: str


class Edge(Part, frozen=True):
    """A way from one node to another that the packet took (state `used`), or where it ended (`broken`).

    An edge of kind `wire` and state `assumed` joins two hosts; its label says what speaks for it.
    """

    source: str
    target: str
    kind: str
    label: str
    state: str


class PathPart(Part, frozen=True):
    """The path graph and the two legs walked over it: "request", then "reply"."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    legs: tuple[LegPart, ...]


class Agreement(Part, frozen=True):
    """The prediction beside what was observed."""

    agrees: bool
    note: str


class MissingPart(Part, frozen=True):
    """What could not be seen, why, and how to get it."""

    what: str
    why: str
    how_to_get_it: str


class Crashed(Part, frozen=True):
    """A check that failed by itself; it never takes the diagnosis down."""

    code: str
    error: str


class Tool(Part, frozen=True):
    """Who wrote the report."""

    name: str
    version: str


class Report(Part, frozen=True):
    """One question and its whole answer."""

    schema: str
    tool: Tool
    created: str
    question: QuestionPart
    verdict: Verdict
    summary: str
    causes: tuple[Cause, ...]
    hazards: tuple[Cause, ...]
    path: PathPart
    probe: None
    trace: None
    agreement: Agreement | None
    missing: tuple[MissingPart, ...]
    crashed: tuple[Crashed, ...]


def report_schema() -> dict[str, object]:
    """Return the JSON Schema of the report."""
    return msgspec.json.schema(Report)
