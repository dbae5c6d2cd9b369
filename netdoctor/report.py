"""The report, `netdoctor.report/1`: what every renderer shows and `--json` prints.

Every key is always present; null or empty where there is nothing to say. Adding keys is compatible; a reader refuses an
unknown major version of the schema.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Literal

import msgspec

from netdoctor import document

SCHEMA = "netdoctor.report/1"

#: A report of a path through a thousand devices has some 2 MB; a file that claims more is not read into memory.
LIMIT = 64 * 1024 * 1024

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
    """One end of the question: what was given, and what it was taken for; `note` says why, where that is a choice."""

    given: str
    kind: str
    name: str
    host: str | None
    namespace: NamespaceRef | None
    address: str | None
    interface: str | None
    note: str | None = None


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


class RulePart(Part, frozen=True):
    """A rule that did something to the packet: where it stands, its number in the chain, its text, what it did."""

    backend: Literal["legacy", "nft"]
    family: str
    table: str
    chain: str
    rule: int
    rule_text: str
    verdict: str


class StepPart(Part, frozen=True):
    """One thing that happened to the packet. `node` names a node of the path graph; `rules` are those it met there."""

    node: str
    host: str | None
    namespace: NamespaceRef
    interface: str | None
    stage: str
    action: str
    detail: str
    packet: PacketPart
    rules: tuple[RulePart, ...] = ()


class LegPart(Part, frozen=True):
    """One direction of the conversation, step by step."""

    direction: Direction
    outcome: Outcome
    steps: tuple[StepPart, ...]


class Node(Part, frozen=True):
    """A device, socket or namespace that the packet visits, or was on its way to.

    `state` is passed, ended (here a leg stops), visited (by a copy or an ARP request only) or unreached.
    """

    id: str
    kind: str
    host: str | None
    namespace: NamespaceRef
    interface: str | None
    label: str
    state: str


class Edge(Part, frozen=True):
    """A way from one node to another.

    `state` is used (by the packet, on the `legs` named), visited (by a copy or an ARP request only), broken (it ended
    on this way), unused (kind `wire`: cabling that the packet would have gone on by) or assumed (kind `wire`: joins two
    hosts; its label says what speaks for it).
    """

    source: str
    target: str
    kind: str
    label: str
    state: str
    legs: tuple[Direction, ...] = ()


class PathPart(Part, frozen=True):
    """The path graph and the two legs walked over it: "request", then "reply"."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    legs: tuple[LegPart, ...]


class Spot(Part, frozen=True):
    """A device, as the taps know it; `direction` is in or out."""

    namespace: NamespaceRef
    interface: str | None
    direction: Literal["in", "out"]


class TapPart(Part, frozen=True):
    """What was seen of the probe at one device in one direction.

    `carries` is request, answer, refusal (a TCP RST) or error (an ICMP error about it).
    """

    namespace: NamespaceRef
    interface: str | None
    direction: Literal["in", "out"]
    packets: int
    carries: Literal["request", "answer", "refusal", "error"]


class ProbePart(Part, frozen=True):
    """The real packets that were sent, and how far they came.

    `refused` is what the sender was told, as an errno's name. `kernel_drop_reason` is a symbol of enum skb_drop_reason,
    `kernel_drop_function` the function that dropped, `kernel_drop_meaning` the symbol in plain words where it is known.
    """

    began: str
    sent: int
    received: int
    last_seen: Spot | None
    refused: str | None
    kernel_drop_reason: str | None
    kernel_drop_function: str | None
    kernel_drop_meaning: str | None
    taps: tuple[TapPart, ...]


class TracedPacketPart(Part, frozen=True):
    """A packet as a chain got it, NAT of the chains before it done. What is not known is null."""

    source: str
    destination: str
    protocol: str | None
    source_port: int | None
    destination_port: int | None
    ttl: int | None
    mark: int | None
    in_interface: str | None
    out_interface: str | None


class TracePart(Part, frozen=True):
    """A rule that the kernel took a real packet through, in the order in which it did.

    `rule` is its number in the chain, 0 for the policy; null where it is not to be found in the ruleset. `namespace` is
    null where a log does not tell and the rules do not either. `backend` is nft or legacy; `leg` request or reply.
    """

    namespace: NamespaceRef | None
    backend: str
    family: str
    table: str
    chain: str
    hook: str | None
    rule: int | None
    rule_text: str
    verdict: str | None
    leg: Direction | None
    packet: TracedPacketPart | None


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
    probe: ProbePart | None
    trace: tuple[TracePart, ...] | None
    agreement: Agreement | None
    missing: tuple[MissingPart, ...]
    crashed: tuple[Crashed, ...]


def load(path: str | os.PathLike[str]) -> Report:
    """Read a saved report, plain or compressed. Raises DocumentError, with one line that says what is wrong."""
    name = os.fspath(path)
    report = document.decode(document.read(path, "report", LIMIT), name, "report", Report)
    for what, count, most in _sizes(report):
        if count > most:
            raise document.DocumentError(
                f"{name} is damaged or made up: {count} {what} are more than any report has"
            )
    return report


def _sizes(report: Report) -> Iterator[tuple[str, int, int]]:
    """What a report has of each kind, and what it can have at most: a walk ends after 25,000 steps."""
    yield "causes", len(report.causes), 100
    yield "hazards", len(report.hazards), 1000
    yield "devices", len(report.path.nodes), 30_000
    yield "edges", len(report.path.edges), 60_000
    yield "legs", len(report.path.legs), 2
    yield "steps", sum(len(leg.steps) for leg in report.path.legs), 30_000


def report_schema() -> dict[str, object]:
    """Return the JSON Schema of the report."""
    return msgspec.json.schema(Report)
