"""TRACE as an operator has collected it: lines of the kernel log, of xtables-monitor, of nft, among any others.

The text is nobody's promise: what does not look like a trace is passed over, what is longer than a line of these
programs can be is cut.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netdoctor.facts.traced import TraceEvent
from netdoctor.tracing.logs import kernel, nft, xtables
from netdoctor.tracing.runs import numbered

#: A rule with its set elements may be long; a packet is not.
LONGEST = 16_384


def parse(lines: Iterable[str]) -> list[TraceEvent]:
    """Return the events of all packets in the lines, in their order."""
    return list(numbered(_events(lines)))


def _events(lines: Iterable[str]) -> Iterator[TraceEvent]:
    monitor, native = xtables.Reader(), nft.Reader()
    for line in lines:
        if "trace" not in line and "TRACE" not in line and "PACKET" not in line:
            continue
        line = line[:LONGEST].rstrip("\r\n")
        event = kernel.event(line) or monitor.event(line) or native.event(line)
        if event is not None:
            yield event
