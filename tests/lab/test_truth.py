"""Every fixture is what it says, by the kernel's own judgement.

A network and its look-alikes answer the ping; a fault does not, and the cure written beside each cause takes exactly
that cause away: with several, the ping fails until the last one is cured.
"""

from __future__ import annotations

import os
from collections import Counter

import pytest

from netdoctor.lab import Fault, Lab, load_faults, load_networks


def test_kernel_agrees(fault: Fault, kernel: None) -> None:
    problems = _judge(fault, f"ndt{os.getpid()}x-")
    assert not problems, f"{fault.key}: {'; '.join(problems)}"


@pytest.mark.parametrize(
    ("kind", "least"), [("healthy", 7), ("broken", 70), ("look-alike", 25), ("composite", 10)]
)
def test_there_are_enough(kind: str, least: int) -> None:
    counts = Counter(fault.kind for fault in load_faults().values())
    assert counts[kind] >= least


def _judge(fault: Fault, prefix: str) -> list[str]:
    """Build a fixture under names of its own, ping, cure; return what was not as the fixture says."""
    with Lab(load_networks()[fault.network], prefix) as lab:
        lab.inject(fault)
        if fault.expect.verdict == "reachable":
            return [] if lab.ping() else ["said to work, and the ping is not answered"]
        if lab.ping():
            return ["said to be broken, and the ping is answered"]
        return _cure(fault, lab) if fault.accept_repair or _curable(fault) else []


def _curable(fault: Fault) -> bool:
    """What no command of netdoctor mends may still have a cure: a listener that is started."""
    return all(cause.repair for cause in fault.expect.causes)


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
