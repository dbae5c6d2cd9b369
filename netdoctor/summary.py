"""The one sentence that a person would say."""

from __future__ import annotations

from collections.abc import Sequence

from netdoctor.facts.host import Host
from netdoctor.kernel.endings import Ending, NotListening
from netdoctor.question import Question
from netdoctor.report import Cause, MissingPart, Verdict

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
    """What becomes of the packet: the sender of one that is refused is told so."""
    there, back = PACKETS[question.protocol]
    refused = isinstance(ending, NotListening) and ending.full is None
    return f"{back if first.leg == 'reply' else there} is {'refused' if refused else 'lost'}"
