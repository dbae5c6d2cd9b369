"""The one sentence that a person would say."""

from __future__ import annotations

from collections.abc import Sequence

from netdoctor.facts.host import Host
from netdoctor.kernel.endings import Ending, NotListening, RuleDropped
from netdoctor.kernel.packet import Ip
from netdoctor.question import Question
from netdoctor.report import Cause, MissingPart, Verdict
from netdoctor.wording import refusal

#: Protocol → what is sent and what comes back, as a sentence calls them.
PACKETS = {
    "icmp": ("the request", "the reply"),
    "tcp": ("the SYN", "the SYN-ACK"),
    "udp": ("the datagram", "the answer"),
}


def summarise(
    host: Host,
    question: Question,
    verdict: Verdict,
    causes: Sequence[Cause],
    missing: Sequence[MissingPart],
    ending: Ending | None,
) -> str:
    """Say the verdict with the names that were asked for, and the first cause or what is missing."""
    source, destination = question.source.name, question.destination.name
    verb, verbs = ("connect to", "connects to") if question.protocol == "tcp" else ("reach", "reaches")
    if question.port is not None:
        destination = f"{destination} {question.protocol} port {question.port}"
    if verdict == "reachable":
        return f"{source} {verbs} {destination}"
    if verdict == "unknown":
        reason = missing[-1] if missing else None
        why = f": {reason.what}: {reason.why}" if reason is not None else ""
        return f"whether {source} {verbs} {destination} cannot be told{why}"
    if not causes:
        what = type(ending).__name__ if ending is not None else "no ending"
        return f"{source} cannot {verb} {destination} (no check explains {what})"
    first = causes[0]
    more = f" (and {len(causes) - 1} more behind it)" if len(causes) > 1 else ""
    return f"{source} cannot {verb} {destination}: {_fate(question, first, ending)}: {first.title}{more}"


def _fate(question: Question, first: Cause, ending: Ending | None) -> str:
    """What becomes of the packet; the sender of one that is refused is told so, and by what."""
    there, back = PACKETS[question.protocol]
    packet = back if first.leg == "reply" else there
    if isinstance(ending, NotListening) and ending.full is None:
        return f"{packet} is refused with {'a RST' if ending.proto == 'tcp' else 'ICMP port unreachable'}"
    if (
        isinstance(ending, RuleDropped)
        and ending.reject
        and isinstance(ending.packet, Ip)
        and ending.packet.inner is None
    ):
        # Whoever waits for the answer hears nothing of what its sender is told.
        seen = f"; {refusal(ending.reject, ending.packet.proto)}" if first.leg == "request" else ""
        return f"{packet} is rejected ({ending.reject}{seen})"
    return f"{packet} is lost"
