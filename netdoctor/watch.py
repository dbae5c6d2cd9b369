"""From the walk to what a real packet is to show: where to look, for what, and how long. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from netdoctor.facts.host import Host
from netdoctor.facts.links import Record
from netdoctor.kernel.conversation import Ping
from netdoctor.kernel.endings import Ending, LeavesHost
from netdoctor.kernel.packet import IPPROTO_UDP, Frame, Ip
from netdoctor.kernel.walk import Walk
from netdoctor.question import Question

#: Seconds to wait for an answer that is expected: as long as address resolution tries (3 probes, a second apart,
#: net/core/neighbour.c), so that a proxy that takes its time (proxy_delay, 0.8 s at most) is waited for on both legs.
EXPECTING = 3.3
#: For one that is not: what there is to see of a lost packet is seen at once. Waiting for EHOSTUNREACH would add two
#: seconds to learn what the walk has said already.
NOT_EXPECTING = 1.2
#: Beyond the host, where only the round trip counts; and for the answer of a program, which may not give any.
BEYOND = 2.0
#: More ports than this are not looked for: a jump of the filter's language spans 255 instructions.
MOST_PORTS = 64


class Plan(Record, frozen=True):
    """What to send and where to look. `watch` are inodes, the most important first.

    `ports` are UDP ports to which a datagram may be translated on its way, `vxlan` those of tunnels. `patience` is how
    long to wait for an answer, in seconds from the first probe on.
    """

    ping: Ping
    watch: tuple[int, ...]
    ports: tuple[int, ...]
    vxlan: tuple[int, ...]
    patience: float


def planned(
    host: Host, question: Question, verdict: str, ending: Ending | None, walks: Sequence[Walk]
) -> Plan | None:
    """Plan the probe of a question that was walked: `walks` are all that was walked for it, fixes tried included.

    None where there is nobody to send, or nothing to send to.
    """
    source, destination = question.source, question.destination
    if source.inode is None or destination.address is None or host.namespace(source.inode) is None:
        return None
    asked = (question.size, question.df, question.protocol, question.port or 0)
    ping = Ping(source.inode, destination.address, source.address, *asked)
    inodes = dict.fromkeys([source.inode, *_visited(walks)])
    if destination.inode is not None:
        inodes[destination.inode] = None
    outer = {packet.dport for packet in _packets(walks) if packet.inner is not None}
    sent = (packet for packet in _packets(walks) if packet.flow.leg == "request" and packet.inner is None)
    inner = {packet.dport for packet in sent if packet.proto == IPPROTO_UDP}
    return Plan(
        ping,
        tuple(inodes),
        _ports({question.port or 0, *inner}) if question.protocol == "udp" else (),
        _ports({*outer, *_tunnels(host, inodes)}),
        _patience(question, verdict, ending),
    )


def _ports(found: set[int]) -> tuple[int, ...]:
    return tuple(sorted(found - {0}))[:MOST_PORTS]


def _patience(question: Question, verdict: str, ending: Ending | None) -> float:
    if verdict == "unreachable":
        return NOT_EXPECTING
    return BEYOND if question.protocol == "udp" or isinstance(ending, LeavesHost) else EXPECTING


def _visited(walks: Sequence[Walk]) -> Iterator[int]:
    """The namespaces of the packet itself, then those that only a neighbour resolution came by."""
    for walk in walks:
        yield from (step.at.inode for step in walk.steps if not step.carries.flow.arp)
    for walk in walks:
        yield from (step.at.inode for step in walk.steps)


def _packets(walks: Sequence[Walk]) -> Iterator[Ip]:
    for walk in walks:
        for step in walk.steps:
            payload = step.carries.payload if isinstance(step.carries, Frame) else step.carries
            while isinstance(payload, Ip):
                yield payload
                if payload.inner is None:
                    break
                payload = payload.inner.payload


def _tunnels(host: Host, inodes: Sequence[int] | dict[int, None]) -> Iterator[int]:
    """The UDP ports of the VXLAN devices in these namespaces."""
    for inode in inodes:
        ns = host.namespace(inode)
        for link in ns.links_of_kind("vxlan") if ns is not None else ():
            if link.vxlan is not None:
                yield link.vxlan.port
