"""The one sentence that a person would say."""

from __future__ import annotations

from collections.abc import Sequence

from netdoctor.facts.host import Host
from netdoctor.kernel.endings import Ending
from netdoctor.question import Question
from netdoctor.report import Cause, MissingPart, Verdict


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
    if verdict == "reachable":
        return f"{source} reaches {destination}"
    if verdict == "unknown":
        reason = missing[-1] if missing else None
        why = f": {reason.what}: {reason.why}" if reason is not None else ""
        return f"whether {source} reaches {destination} cannot be told{why}"
    if not causes:
        what = type(ending).__name__ if ending is not None else "no ending"
        return f"{source} cannot reach {destination} (no check explains {what})"
    first = causes[0]
    more = f" (and {len(causes) - 1} more behind it)" if len(causes) > 1 else ""
    which = "the reply is lost" if first.leg == "reply" else "the request is lost"
    return f"{source} cannot reach {destination}: {which}: {first.title}{more}"
