"""A question traced on the live host: one packet sent, and the rules that it met put into its report."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from netdoctor.answer import ask
from netdoctor.collect.live import LiveHost
from netdoctor.facts.host import Host
from netdoctor.kernel.conversation import converse
from netdoctor.kernel.walk import Walk
from netdoctor.probe.send import NotAllowed
from netdoctor.probe.trace.session import Say, Tell, foreseen, trace
from netdoctor.question import Question
from netdoctor.report import MissingPart, Report
from netdoctor.tracing.compare import best
from netdoctor.tracing.evidence import with_trace
from netdoctor.tracing.join import joined
from netdoctor.watch import Plan, planned


def with_live_trace(
    report: Report, host: LiveHost, question: Question, rule: bool, say: Say, tell: Tell | None = None
) -> Report:
    """Send one traced packet and return the report with what the kernel told.

    `rule` puts TRACE rules in place rather than tables of nf_tables. `say` is told what is added and removed, `tell` of
    events as they come; what it raises ends the trace, and everything that was put in place is taken away.
    """
    walks, plan = way_of(host, question)
    if plan is None:
        return _without(report, "there is nobody to send a packet, or nowhere to send it to", "")
    try:
        found = trace(host, plan.ping, walks, plan.watch, say, rule, tell)
    except (OSError, NotAllowed) as error:
        return _without(report, str(error), "run netdoctor as root, on the host itself")
    events = joined(found.events, host.namespace, found.handles_of)
    fitting = best(events, converse(host, found.ping)[0], found.heard) if found.sent else None
    missing = [MissingPart(one.what, one.why, one.how_to_get_it) for one in found.lacking]
    return with_trace(report, host, events, fitting[1] if fitting is not None else None, missing)


def additions(host: LiveHost, question: Question, rule: bool) -> list[str]:
    """Say what tracing this question would put in place and take away again. Raises OSError."""
    walks, plan = way_of(host, question)
    further: Sequence[int] = plan.watch if plan is not None else ()
    return foreseen(host, walks, further, rule) if plan is not None else []


def way_of(host: Host, question: Question) -> tuple[list[Walk], Plan | None]:
    """Return the ways that the packet may take, and what to send; no plan where there is nobody to send."""
    answer = ask(host, question)
    walks = [way.walk for way in answer.ways or (answer,)]
    return walks, planned(host, question, answer.verdict, answer.ending, walks)


def _without(report: Report, why: str, how: str) -> Report:
    part = MissingPart("the trace of a real packet", why, how)
    return replace(report, trace=(), missing=(*report.missing, part))
