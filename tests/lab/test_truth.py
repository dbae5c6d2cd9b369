"""The cure written beside a cause takes exactly that cause away: with several, the ping fails until the last is cured.

That is asked of every fixture with several causes, and of those that no command of a report mends; of the others, which
their report mends (test_faults.py), of a sample.
"""

from __future__ import annotations

import os
import zlib
from collections import Counter

import pytest

from netdoctor.lab import Fault, Lab, load_faults, load_networks

#: One in so many of the simple ones, chosen by the name.
SPARSE = 6


def _cured(fault: Fault) -> bool:
    if fault.expect.verdict == "reachable" or not (fault.accept_repair or _curable(fault)):
        return False
    alone = len(fault.expect.causes) == 1 and fault.accept_repair
    return not alone or zlib.crc32(fault.key.encode()) % SPARSE == 0


def _curable(fault: Fault) -> bool:
    """What no command of netdoctor mends may still have a cure: a listener that is started."""
    return all(cause.repair for cause in fault.expect.causes)


@pytest.mark.parametrize("key", [key for key, fault in load_faults().items() if _cured(fault)])
def test_the_cure_takes_the_cause_away(key: str, kernel: None) -> None:
    fault = load_faults()[key]
    with Lab(load_networks()[fault.network], f"ndt{os.getpid()}x-") as lab:
        lab.inject(fault)
        problems = ["said to be broken, and the ping is answered"] if lab.ping() else _cure(fault, lab)
    assert not problems, f"{fault.key}: {'; '.join(problems)}"


@pytest.mark.parametrize(
    ("kind", "least"), [("healthy", 7), ("broken", 70), ("look-alike", 25), ("composite", 10)]
)
def test_there_are_enough(kind: str, least: int) -> None:
    counts = Counter(fault.kind for fault in load_faults().values())
    assert counts[kind] >= least


def _cure(fault: Fault, lab: Lab) -> list[str]:
    """Carry out the cures in turn: the last one mends it, and none before does."""
    problems = [f"no cure for {cause.codes[0]}" for cause in fault.expect.causes if not cause.repair]
    *others, last = fault.expect.causes
    for cause in others:
        lab.execute(cause.repair)
        lab.settle()
        if lab.ping():
            problems.append(f"works before {last.codes[0]} is cured")
    lab.execute(last.repair)
    lab.settle()
    return problems if lab.reaches() else [*problems, "the cures do not mend it"]
