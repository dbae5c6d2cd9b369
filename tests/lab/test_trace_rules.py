"""TRACE beside the walk: random rulesets with NAT in both backends and in nft's own words, on two routers.

``NETDOCTOR_TRACE_COUNT`` sets how many rulesets of each kind; ``python -m tests.lab.test_trace_rules --seed 17`` shows
one of them.
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from typing import get_args

import pytest

from netdoctor.probe.trace import session
from tests.lab.nf_rules import Dialect
from tests.lab.trace_row import Outcome, Row, question

COUNT = int(os.environ.get("NETDOCTOR_TRACE_COUNT", "8"))
DIALECTS: tuple[Dialect, ...] = get_args(Dialect)
#: How long a probe may take here, in seconds; nobody has to be asked for but once.
PATIENCE = 0.2


def check(row: Row, dialect: Dialect, seed: int, tally: Counter[str]) -> Outcome:
    """Load one ruleset, send one traced probe, and count what came of it."""
    row.load(dialect, seed)
    outcome = row.probe(*question(seed))
    difference = outcome.comparison.difference
    tally["rulesets"] += 1
    tally["events"] += outcome.comparison.events
    tally["lacking"] += outcome.lacking
    if difference is None:
        tally["the same"] += 1
    else:
        tally["differ" if difference.sure else "undecided"] += 1
    return outcome


def told(dialect: Dialect, seed: int, outcome: Outcome) -> str:
    """The trace of one ruleset, and where it parts from the walk."""
    lines = [f"{dialect} seed {seed} {question(seed)}: {outcome.comparison.difference}"]
    for one in outcome.events:
        packet = one.event.packet
        addresses = f"{packet.src} > {packet.dst} ttl {packet.ttl}" if packet is not None else ""
        lines.append(f"  {one.event.namespace} {one.place.backend} {one.place.table} {one.place.chain} {one.number} "
                     f"{one.event.kind} {one.event.verdict} {one.text} [{addresses}]")  # fmt: skip
    return "\n".join(lines)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_kernel_takes_the_packet_through_the_rules_of_the_walk(
    kernel: None, dialect: Dialect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "PATIENCE", PATIENCE)
    tally: Counter[str] = Counter()
    with Row(f"ndtr{os.getpid()}-") as row:
        wrong = []
        for seed in range(COUNT):
            outcome = check(row, dialect, seed, tally)
            difference = outcome.comparison.difference
            if difference is not None and difference.sure:
                wrong.append(told(dialect, seed, outcome))
    assert not wrong, "\n".join(wrong)
    assert tally["events"] > COUNT, tally
    assert tally["lacking"] == 0, tally
    assert tally["undecided"] <= 0.25 * tally["rulesets"], tally


def main() -> None:
    """Run many seeds, or show one."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--dialect", choices=DIALECTS, action="append")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--undecided", action="store_true", help="show those too")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=100)
    arguments = parser.parse_args()
    session.PATIENCE = PATIENCE
    with Row(f"ndtr{os.getpid()}-") as row:
        for dialect in arguments.dialect or DIALECTS:
            tally: Counter[str] = Counter()
            one = arguments.seed is not None
            seeds = [arguments.seed] if one else range(arguments.first, arguments.first + arguments.count)
            for seed in seeds:
                outcome = check(row, dialect, seed, tally)
                difference = outcome.comparison.difference
                if one or (difference is not None and (difference.sure or arguments.undecided)):
                    print(told(dialect, seed, outcome), flush=True)
            print(dialect, dict(tally), flush=True)


if __name__ == "__main__":
    main()
