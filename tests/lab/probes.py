"""Real packets on every fixture: where the taps saw them last, beside the place that was named.

`python -m tests.lab.probes [--jobs N] [WORD]` builds all fixtures (those whose key has WORD in it), asks each with a
probe, and prints what does not agree, and the share that does. The test takes a sample of them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import msgspec

from netdoctor.cli.asking import answer
from netdoctor.endpoints import Request
from netdoctor.lab import Fault, Lab, load_faults, load_networks
from netdoctor.lab.commands import question
from netdoctor.lab.expectation import differences
from netdoctor.observing import PLEASE
from netdoctor.report import Report


@dataclass(frozen=True)
class Row:
    """One fixture: what was wrong (nothing, if it agrees), and its report."""

    key: str
    problems: tuple[str, ...]
    report: Report


def asked(lab: Lab) -> Report:
    """Put the lab's question with a probe, as the command line does."""
    _, source, destination, *_ = question(lab)
    asking = lab.asking
    size = 0 if asking.protocol == "tcp" else 56 if asking.size is None else asking.size
    request = Request(
        source=source,
        destination=destination,
        size=size,
        df=asking.df,
        protocol=asking.protocol,
        port=asking.port,
    )
    flags = dict.fromkeys(("snapshot", "no_probe", "trace", "trace_log", "redact"), False)
    return answer(request, argparse.Namespace(**flags, redact_map=None, pcap=None))


def tried(fault: Fault, prefix: str) -> Row:
    """Build a fixture, ask, and hold the probe against what the fixture says."""
    with Lab(load_networks()[fault.network], prefix) as lab:
        lab.inject(fault)
        report = asked(lab)
        names = {role: lab.namespace(role) for role in lab.network.roles}
    problems = differences(fault.expect, msgspec.to_builtins(report), names)
    return Row(fault.key, (*problems, *_contradictions(fault, report)), report)


def _contradictions(fault: Fault, report: Report) -> Iterator[str]:
    probe, note = report.probe, report.agreement.note if report.agreement is not None else ""
    if probe is None:
        if report.question.destination.address is not None:  # else there is nothing to send to
            yield "nothing was sent"
        return
    if PLEASE in note:
        yield note
    if fault.expect.verdict == "reachable":
        if not probe.received:
            yield "no answer"
        if not any(tap.carries == "answer" and tap.direction == "in" for tap in probe.taps):
            yield "no tap saw the answer"


def rows(faults: Iterable[Fault], jobs: int) -> Iterator[Row]:
    """Try fixtures side by side: most of the time is waiting for answers that do not come."""
    with ThreadPoolExecutor(jobs) as pool:
        tries = [
            pool.submit(tried, fault, f"ndp{os.getpid()}x{number}-") for number, fault in enumerate(faults)
        ]
        for each in tries:
            yield each.result()


def main() -> int:
    """Try what the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("word", nargs="?", default="")
    args = parser.parse_args()
    chosen = [fault for key, fault in load_faults().items() if args.word in key]
    wrong = 0
    for row in rows(chosen, args.jobs):
        wrong += bool(row.problems)
        for problem in row.problems:
            print(f"{row.key}: {problem}", flush=True)
    print(f"{len(chosen) - wrong} of {len(chosen)} agree")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
