"""TRACE as evidence for a question, live or from what an operator has collected; and what a killed one left behind."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from netdoctor.cli import out
from netdoctor.errors import UsageError

if TYPE_CHECKING:
    from netdoctor.collect.live import LiveHost
    from netdoctor.facts.host import Host
    from netdoctor.facts.traced import TraceEvent
    from netdoctor.question import Question
    from netdoctor.report import Report

#: A log of a day's traffic; what is larger is not read by mistake alone.
LARGEST = 1 << 30


def add_evidence(parser: argparse.ArgumentParser) -> None:
    """Add the options of TRACE to a command that answers a question."""
    parser.add_argument(
        "--trace",
        action="store_true",
        help="have the kernel tell the rules that a real packet meets; says what is added for it, and removed",
    )
    add_logs(parser)


def add_logs(parser: argparse.ArgumentParser) -> None:
    """Add the option of traces collected earlier."""
    parser.add_argument(
        "--trace-log",
        action="append",
        default=[],
        metavar="FILE",
        help="TRACE lines of the kernel log, xtables-monitor --trace or nft monitor trace; repeatable",
    )


def check(args: argparse.Namespace) -> None:
    """Raise UsageError for options that do not go together, before anything is looked at."""
    live = getattr(args, "trace", False)
    if live and args.snapshot:
        raise UsageError("--trace needs the live host; a snapshot goes with --trace-log FILE")
    if live and args.no_probe:
        raise UsageError("--trace sends a packet, and --no-probe forbids it")


def with_evidence(report: Report, host: Host, question: Question, args: argparse.Namespace) -> Report:
    """Return the report with the traces that were asked for. Raises UsageError for a log that is none."""
    if args.trace_log:
        report = _logged(report, host, question, args.trace_log)
    if getattr(args, "trace", False):
        from netdoctor.collect.live import LiveHost
        from netdoctor.live_trace import with_live_trace

        assert isinstance(host, LiveHost)
        report = with_live_trace(report, host, question, getattr(args, "legacy", False), out.warn)
    return report


def tell_left_behind(host: LiveHost, thorough: bool = False) -> int:
    """Remove what killed traces have left behind, say so on stderr, and return how much it was."""
    from netdoctor.probe.trace.leftovers import clean

    done = clean(host, thorough)
    for line in done:
        out.warn(f"trace: removed what a killed trace left behind: {line}")
    return len(done)


def _logged(report: Report, host: Host, question: Question, files: list[str]) -> Report:
    from netdoctor.live_trace import way_of
    from netdoctor.report import MissingPart
    from netdoctor.tracing.evidence import with_trace
    from netdoctor.tracing.logged import logged

    events = [event for file in files for event in _read(file)]
    walks, plan = way_of(host, question)
    found = logged(host, events, walks, plan.ping) if plan is not None else None
    if found is None:
        why = f"of {len(events)} events in {', '.join(files)} none is of this packet"
        how = "trace it on its way: an nftables rule with `meta nftrace set 1`, or -j TRACE in raw"
        part = MissingPart("the packet in the trace that was given", why, how)
        return with_trace(report, host, (), None, (part,))
    return with_trace(report, host, found[0], found[1], ())


def _read(file: str) -> list[TraceEvent]:
    """Read the events of a file. Raises UsageError where there are none."""
    import os

    from netdoctor.tracing.logs import parse

    try:
        with open(file, encoding="utf-8", errors="replace") as lines:
            if os.fstat(lines.fileno()).st_size > LARGEST:
                raise UsageError(
                    f"{file} is larger than {LARGEST >> 20} MiB: cut out the lines of the packet"
                )
            events = parse(lines)
    except OSError as error:
        raise UsageError(f"cannot read {file}: {error.strerror}") from error
    if not events:
        raise UsageError(
            f"{file} holds no trace: no TRACE lines of the kernel log or xtables-monitor, none of nft monitor trace"
        )
    return events
