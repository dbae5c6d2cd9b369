"""From the walk to the parts of the report: the path graph, its legs, and the causes. Pure; computes no verdict."""

from __future__ import annotations

from netdoctor.check import Check, Finding
from netdoctor.facts.host import Host
from netdoctor.facts.records import AF_INET6, RT_SCOPE_HOST
from netdoctor.fix.change import commands
from netdoctor.kernel.endings import Answered, Ending, ObservedLoss
from netdoctor.kernel.netfilter.traverse import Hit
from netdoctor.kernel.packet import IPPROTO_ICMP, IPPROTO_TCP, Arp, Frame, Ip, Place
from netdoctor.kernel.topology import link_at
from netdoctor.kernel.walk import Step, Walk
from netdoctor.pathgraph import graph, node_id
from netdoctor.places import host_name, namespace_ref, run_from
from netdoctor.question import End, Question
from netdoctor.report import (
    Cause,
    Direction,
    Endpoint,
    Evidence,
    FixPart,
    LegPart,
    Location,
    Outcome,
    PacketPart,
    PathPart,
    QuestionPart,
    RulePart,
    StepPart,
    Verdict,
)
from netdoctor.wording import said, slug, tunnelled


def cause_part(
    host: Host, check: Check, finding: Finding, ending: Ending | None, verified: bool | None
) -> Cause:
    """Write a finding as a cause; its commands are those for the state of `host`."""
    link = link_at(host, finding.at) if finding.at.ifindex else None
    known = host.namespace(finding.at.inode)
    here, fix = host_name(host, finding.at.inode), None
    if finding.fix is not None:
        lines = tuple(run_from(here, line) for line in commands(host, finding.fix))
        fix = FixPart(finding.fix.summary, lines, finding.fix.risk, verified)
    return Cause(
        check.code,
        check.name,
        finding.title,
        finding.explanation,
        ending.flow.leg if ending is not None else "request",
        Location(
            here,
            namespace_ref(host, finding.at.inode) if known is not None else None,
            link.name if link is not None else None,
            finding.hook,
        ),
        tuple(Evidence(proof.statement, run_from(here, proof.command)) for proof in finding.evidence),
        fix,
    )


def endpoint_part(host: Host, end: End, address: str | None, interface: str | None) -> Endpoint:
    """Write an endpoint, with the address that the kernel chose where the user fixed none."""
    namespace = namespace_ref(host, end.inode) if end.inode is not None else None
    shown = end.address or address
    where = host_name(host, end.inode)
    device = end.interface or interface
    return Endpoint(end.given, end.kind, end.name, where, namespace, shown, device, end.note)


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


def path_part(
    host: Host, question: Question, walk: Walk, ending: Ending | None, verdict: Verdict
) -> PathPart:
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
    goal = _meant(host, question.source if arrived else question.destination)
    ways: dict[Direction, list[int]] = {"request": request, "reply": reply}
    return PathPart(*graph(host, walk, ways, ending if final is None else None, goal), legs)


def _meant(host: Host, end: End) -> Place | None:
    """The device that a leg was meant to reach, where it is visible."""
    ns = host.namespace(end.inode) if end.inode is not None else None
    if ns is None or end.inode is None:
        return None
    carrying = ns.owners(end.address) if end.address is not None else ns.addresses()
    found = next((ifa.ifindex for ifa in carrying if ifa.scope != RT_SCOPE_HOST), None)
    return Place(end.inode, found) if found is not None else None


def _steps(host: Host, walk: Walk, numbers: list[int]) -> tuple[StepPart, ...]:
    return tuple(_step(host, walk.steps[number]) for number in numbers)


def _step(host: Host, step: Step) -> StepPart:
    link = link_at(host, step.at) if step.at.ifindex else None
    name = link.name if link is not None else None
    where = namespace_ref(host, step.at.inode)
    return StepPart(
        node_id(step.at),
        host_name(host, step.at.inode),
        where,
        name,
        step.stage,
        step.action,
        step.detail,
        packet_part(step.carries),
        tuple(_rule(fact) for fact in step.facts if isinstance(fact, Hit)),
    )


def _rule(hit: Hit) -> RulePart:
    where = hit.place
    return RulePart(where.backend, where.family, where.table, where.chain, hit.number, hit.text, hit.verdict)


def _end_step(host: Host, walk: Walk, ending: Ending) -> StepPart:
    """The last line of a leg: where it ended, and why in a few words."""
    link = link_at(host, ending.at) if ending.at.ifindex else None
    name = link.name if link is not None else None
    packet = packet_part(walk.steps[ending.step].carries)
    where, there = host_name(host, ending.at.inode), namespace_ref(host, ending.at.inode)
    return StepPart(node_id(ending.at), where, there, name, "end", slug(ending), said(ending), packet)


def packet_part(carries: Frame | Ip | Arp) -> PacketPart:
    """The packet as a step carries it; of a tunnel packet, the inner one with the outer as text."""
    frame = carries if isinstance(carries, Frame) else None
    payload = frame.payload if frame is not None else carries
    outer = None
    while isinstance(payload, Ip) and payload.inner is not None:
        outer = f"{payload.src} > {payload.dst} {tunnelled(payload)}"
        frame, payload = payload.inner, payload.inner.payload
    source, destination = (frame.src or None, frame.dst or None) if frame is not None else (None, None)
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
