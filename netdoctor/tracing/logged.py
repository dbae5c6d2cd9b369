"""A collected trace, from its events to what it says of a question."""

from __future__ import annotations

from collections.abc import Sequence

from netdoctor.facts.host import Host
from netdoctor.facts.traced import TraceEvent
from netdoctor.kernel.conversation import Ping
from netdoctor.kernel.netfilter.ruleset import ruleset_of
from netdoctor.kernel.walk import Walk
from netdoctor.tracing.compare import Comparison, compare
from netdoctor.tracing.join import Joined, joined
from netdoctor.tracing.pick import pick, placed

#: Of so many packets the one that fits is looked for; a log of a whole day may hold more.
MOST = 64


def logged(
    host: Host, events: Sequence[TraceEvent], walks: Sequence[Walk], ping: Ping
) -> tuple[list[Joined], Comparison | None] | None:
    """Pick the question's packet out of a log, join it and hold it against the walks; None where it is not in it.

    Of several the first one counts that meets the rules of a walk: only the first of a connection meets the NAT chains.
    A log tells of what it was told to: only the backends that it names are compared, in the namespaces that it is of.
    """
    found: tuple[list[Joined], Comparison | None] | None = None
    for packet in pick(events, ping, walks)[:MOST]:
        for walk in walks:
            one = _held(host, placed(packet, walk), walk)
            if found is None or _fit(one[1]) > _fit(found[1]):
                found = one
    return found


def _held(host: Host, events: Sequence[TraceEvent], walk: Walk) -> tuple[list[Joined], Comparison | None]:
    one = joined(events, host.namespace, lambda *_: None)
    heard: dict[int, set[str]] = {}
    for event in events:
        if event.namespace is not None:
            heard.setdefault(event.namespace, set()).add(event.backend)
    known = [event for event in one if _is_known(host, event)]
    return one, compare(known, walk, heard, partial=True) if known else None


def _is_known(host: Host, one: Joined) -> bool:
    """The chain is in the ruleset: what was put in place for the trace alone is gone again."""
    ns = host.namespace(one.event.namespace) if one.event.namespace is not None else None
    return ns is not None and one.place in ruleset_of(ns).places()


def _fit(comparison: Comparison | None) -> tuple[bool, bool]:
    """Whether all of it is the walk's, or any."""
    return (comparison.difference is None, comparison.same > 0) if comparison is not None else (False, False)
