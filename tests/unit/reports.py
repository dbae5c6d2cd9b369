"""Reports made by hand, for the renderers and the command line."""

from __future__ import annotations

from netdoctor.report import (
    SCHEMA,
    Cause,
    Endpoint,
    Evidence,
    FixPart,
    LegPart,
    Location,
    MissingPart,
    NamespaceRef,
    Outcome,
    PacketPart,
    PathPart,
    QuestionPart,
    Report,
    StepPart,
    Tool,
    Verdict,
)

POD_A = NamespaceRef("pod-a", 4026532001)
NODE = NamespaceRef("node-1", 4026532002)
POD_B = NamespaceRef("pod-b", 4026532003)


def endpoint(namespace: NamespaceRef, address: str) -> Endpoint:
    return Endpoint(namespace.name, "netns", namespace.name, "lab", namespace, address, "eth0")


def packet(ttl: int = 64, lladdr: str | None = None) -> PacketPart:
    return PacketPart("10.244.1.2", "10.244.2.2", "icmp", ttl, lladdr, lladdr, None, None)


def step(namespace: NamespaceRef, interface: str, stage: str, detail: str, ttl: int = 64) -> StepPart:
    node = f"{namespace.name}/{interface}"
    return StepPart(node, "lab", namespace, interface, stage, "done", detail, packet(ttl))


def request_leg(outcome: Outcome = "dropped") -> LegPart:
    steps = (
        step(POD_A, "eth0", "route", "10.244.0.0/16 via 10.244.1.1"),
        step(POD_A, "eth0", "transmit", "out of eth0"),
        step(NODE, "veth1", "receive", "in by veth1"),
        step(NODE, "cni0", "bridge", "up to the host"),
        step(NODE, "flannel.1", "vxlan", "no FDB entry for 52:54:00:00:00:07", ttl=63),
    )
    return LegPart("request", outcome, steps)


def cause(code: str = "VXL001", *, verified: bool | None = True, interface: str = "flannel.1") -> Cause:
    return Cause(
        code=code,
        name="vxlan-fdb-missing",
        title="flannel.1 knows no VTEP for 52:54:00:00:00:07",
        explanation="The VXLAN device looks up the frame's destination in its forwarding database, finds nothing "
        "and no default entry, and drops the frame.",
        leg="request",
        location=Location("lab", NODE, interface, None),
        evidence=(Evidence("the database has no such entry", ("bridge", "-n", "node-1", "fdb", "show")),),
        fix=FixPart(
            "add the entry",
            (("bridge", "-n", "node-1", "fdb", "append", "52:54:00:00:00:07", "dev", "a b"),),
            "low",
            verified,
        ),
    )


def report(
    verdict: Verdict = "unreachable",
    causes: tuple[Cause, ...] | None = None,
    hazards: tuple[Cause, ...] = (),
    missing: tuple[MissingPart, ...] = (),
    summary: str = "pod-a cannot ping pod-b: flannel.1 on node-1 has no forwarding entry for the far VTEP",
) -> Report:
    outcome: dict[Verdict, Outcome] = {
        "reachable": "delivered",
        "unreachable": "dropped",
        "unknown": "unknown",
    }
    return Report(
        schema=SCHEMA,
        tool=Tool("netdoctor", "0.1.0"),
        created="2026-01-01T00:00:00Z",
        question=QuestionPart(
            endpoint(POD_A, "10.244.1.2"), endpoint(POD_B, "10.244.2.2"), "icmp", None, 56, False
        ),
        verdict=verdict,
        summary=summary,
        causes=((cause(),) if verdict == "unreachable" else ()) if causes is None else causes,
        hazards=hazards,
        path=PathPart((), (), (request_leg(outcome[verdict]), LegPart("reply", "unknown", ()))),
        probe=None,
        trace=None,
        agreement=None,
        missing=missing,
        crashed=(),
    )
