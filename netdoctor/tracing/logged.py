"""A collected trace, from its events to what it says of a question."""

from __future__ import annotations

from collections.abc import Sequence

from netdoctor.facts.host import Host
from netdoctor.facts.traced import TraceEvent
from netdoctor.kernel.conversation import Ping
from netdoctor.kernel.walk import Walk
from netdoctor.tracing.compare import Comparison, best
from netdoctor.tracing.join import Joined, joined
from netdoctor.tracing.pick import pick, placed


def logged(
    host: Host, events: Sequence[TraceEvent], walks: Sequence[Walk], ping: Ping
) -> tuple[list[Joined], Comparison | None] | None:
    """Pick the question's packet out of a log, join it and hold it against the walks; None where it is not in it.

    A log tells of what it was told to: only the backends that it names are compared, in the namespaces that it is of.
    """
    mine = pick(events, ping, walks)
    if not mine:
        return None
    found: tuple[list[Joined], Comparison | None] | None = None
    for walk in walks:
        put = placed(mine, walk)
        one = joined(put, host.namespace, lambda *_: None)
        heard: dict[int, set[str]] = {}
        for event in put:
            if event.namespace is not None:
                heard.setdefault(event.namespace, set()).add(event.backend)
        fitting = best(one, [walk], heard, partial=True)
        comparison = fitting[1] if fitting is not None else None
        if found is None or _fit(comparison) > _fit(found[1]):
            found = one, comparison
    return found


def _fit(comparison: Comparison | None) -> tuple[bool, int]:
    return (comparison.difference is None, comparison.same) if comparison is not None else (False, -1)
