"""From the walk to the parts of the report: the path graph, its legs, and the causes. Pure; computes no verdict."""

from __future__ import annotations

from netdoctor.check import Check, Finding
from netdoctor.facts.host import Host
from netdoctor.facts.records import AF_INET6
from netdoctor.fix.change import commands
from netdoctor.kernel.endings import Answered, Ending, ObservedLoss
from netdoctor.kernel.packet import IPPROTO_ICMP, IPPROTO_TCP, Arp, Frame, Ip, Place
from netdoctor.kernel.topology import link_at, named
from netdoctor.kernel.walk import Step, Walk
from netdoctor.question import End, Question
from netdoctor.report import (
    Cause,
    Edge,
    Endpoint,
    Evidence,
    FixPart,
    LegPart,
    Location,
    NamespaceRef,
    Node,
    Outcome,
    PacketPart,
    PathPart,
    QuestionPart,
    StepPart,
    Verdict,
)
from netdoctor.wording import said, slug


def namespace_ref(host: Host, inode: int) -> NamespaceRef:
    """A namespace as the report names it."""
    return NamespaceRef(named(host, inode), inode)


def cause_part(
    host: Host, check: Check, finding: Finding, ending: Ending | None, verified: bool | None
) -> Cause:
    """Write a finding as a cause; its commands are those for the state of `host`."""
    link = link_at(host, finding.at) if finding.at.ifindex else None
    known = host.namespace(finding.at.inode)
    fix = None
    if finding.fix is not None:
        fix = FixPart(finding.fix.summary, commands(host, finding.fix), finding.fix.risk, verified)
    return Cause(
        check.code,
        check.name,
        finding.title,
        finding.explanation,
        ending.flow.leg if ending is not None else "request",
        Location(
            host.name,
            namespace_ref(host, finding.at.inode) if known is not None else None,
            link.name if link is not None else None,
            finding.hook,
        ),
        tuple(Evidence(proof.statement, proof.command) for proof in finding.evidence),
        fix,
    )


def endpoint_part(host: Host, end: End, address: str | None, interface: str | None) -> Endpoint:
    """Write an endpoint, with the address that the kernel chose where the user fixed none."""
    namespace = namespace_ref(host, end.inode) if end.inode is not None else None
    shown = end.address or address
    return Endpoint(end.given, end.kind, end.name, host.name, namespace, shown, end.interface or interface)


def question_part(host: Host, question: Question, walk: Walk) -> QuestionPart:
    """Write the question; the source's address and interface are those of the packet as it was sent."""
    sent = next((step for step in walk.steps if step.stage == "route" and isinstance(step.carries, Ip)), None)
    address = sent.carries.src if sent is not None and isinstance(sent.carries, Ip) else None
    link = link_at(host, sent.at) if sent is not None else None
    source = endpoint_part(
        host, question.source, None if address == "0.0.0.0" else address, link.name if link else None
    )
    destination = endpoint_part(host, question.destination, None, None)
    protocol = "icmpv6" if (question.protocol, question.family) == ("icmp", AF_INET6) else question.protocol
    return QuestionPart(source, destination, protocol, question.port, question.size, question.df)  # type: ignore[arg-type]


def path_part(host: Host, walk: Walk, ending: Ending | None, verdict: Verdict) -> PathPart:
    """Write the graph of everything visited, and the two legs of the way that decided."""
    answers = (end for end in walk.endings if isinstance(end, Answered))
    final = None if isinstance(ending, ObservedLoss) else next(answers, None)
    last = final.step if final is not None else (ending.step if ending is not None else len(walk.steps) - 1)
    chain = walk.chain(last)
    turn = next(
        (n for n, number in enumerate(chain) if walk.steps[number].action == "echo" and n), len(chain)
    )
    request, reply = chain[: turn + 1], chain[turn + 1 :]
    failed: Outcome = "unknown" if verdict == "unknown" else "dropped"
    arrived = turn < len(chain)
    there, back = _steps(host, walk, request), _steps(host, walk, reply)
    if final is None and ending is not None and ending.step >= 0:
        end = (_end_step(host, walk, ending),)
        there, back = (there, back + end) if arrived else (there + end, back)
    legs = (
        LegPart("request", "delivered" if arrived else failed, there),
        LegPart("reply", "delivered" if final is not None else (failed if arrived else "unknown"), back),
    )
    return PathPart(_nodes(host, walk, set(chain), ending), _edges(walk, set(chain), ending), legs)


def _node_id(at: Place) -> str:
    return f"{at.inode}/{at.ifindex}"


def _nodes(host: Host, walk: Walk, chain: set[int], ending: Ending | None) -> tuple[Node, ...]:
    order: dict[Place, str] = {}
    for number, step in enumerate(walk.steps):
        state = "passed" if number in chain else order.get(step.at, "visited")
        order[step.at] = "passed" if order.get(step.at) == "passed" else state
    if ending is not None:
        order[ending.at] = "ended"
    nodes = []
    for at, state in order.items():
        link = link_at(host, at) if at.ifindex else None
        kind = (link.kind or ("loopback" if link.loopback else "nic")) if link is not None else "namespace"
        name = link.name if link is not None else None
        label = f"{named(host, at.inode)}: {name}" if name else named(host, at.inode)
        nodes.append(Node(_node_id(at), kind, host.name, namespace_ref(host, at.inode), name, label, state))
    return tuple(nodes)


def _edges(walk: Walk, chain: set[int], ending: Ending | None) -> tuple[Edge, ...]:
    edges: dict[tuple[str, str, str], Edge] = {}
    for number, step in enumerate(walk.steps):
        if step.parent < 0 or walk.steps[step.parent].at == step.at:
            continue
        key = _node_id(walk.steps[step.parent].at), _node_id(step.at), step.stage
        state = "used" if number in chain else "visited"
        if key not in edges or state == "used":
            edges[key] = Edge(*key, step.action, state)
    if ending is not None and ending.step >= 0 and walk.steps[ending.step].at != ending.at:
        key = _node_id(walk.steps[ending.step].at), _node_id(ending.at), "end"
        edges[key] = Edge(*key, type(ending).__name__, "broken")
    return tuple(edges.values())


def _steps(host: Host, walk: Walk, numbers: list[int]) -> tuple[StepPart, ...]:
    return tuple(_step(host, walk.steps[number]) for number in numbers)


def _step(host: Host, step: Step) -> StepPart:
    link = link_at(host, step.at) if step.at.ifindex else None
    name = link.name if link is not None else None
    where = namespace_ref(host, step.at.inode)
    return StepPart(
        _node_id(step.at),
        host.name,
        where,
        name,
        step.stage,
        step.action,
        step.detail,
        packet_part(step.carries),
    )


def _end_step(host: Host, walk: Walk, ending: Ending) -> StepPart:
    """The last line of a leg: where it ended, and why in a few words."""
    link = link_at(host, ending.at) if ending.at.ifindex else None
    name = link.name if link is not None else None
    packet = packet_part(walk.steps[ending.step].carries)
    where = namespace_ref(host, ending.at.inode)
    return StepPart(_node_id(ending.at), host.name, where, name, "end", slug(ending), said(ending), packet)


def packet_part(carries: Frame | Ip | Arp) -> PacketPart:
    """The packet as a step carries it; of a tunnel packet, the inner one with the outer as text."""
    frame = carries if isinstance(carries, Frame) else None
    payload = frame.payload if frame is not None else carries
    outer = None
    while isinstance(payload, Ip) and payload.inner is not None:
        outer = f"{payload.src} > {payload.dst} VXLAN VNI {payload.vni} port {payload.dport}"
        frame, payload = payload.inner, payload.inner.payload
    source, destination = (frame.src, frame.dst) if frame is not None else (None, None)
    vlan = frame.vlan if frame is not None else None
    if isinstance(payload, Arp):
        word = "arp request" if payload.request else "arp reply"
        return PacketPart(payload.sip, payload.tip, word, None, source, destination, vlan, outer)
    assert isinstance(payload, Ip)
    return PacketPart(
        payload.src, payload.dst, _protocol(payload), payload.ttl, source, destination, vlan, outer
    )


def _protocol(packet: Ip) -> str:
    """What a packet is, in a word or two."""
    if packet.proto == IPPROTO_ICMP:
        return f"icmp echo {packet.echo}"
    if packet.proto == IPPROTO_TCP:
        return "tcp syn-ack" if packet.echo == "reply" else "tcp syn"
    return "udp"
