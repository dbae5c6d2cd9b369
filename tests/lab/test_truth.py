"""Every fixture is what it says, by the kernel's own judgement.

A network and its look-alikes answer the ping; a fault does not, and the cure written beside each cause takes exactly
that cause away: with several, the ping fails until the last one is cured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import pytest

from netdoctor.lab import Fault, Lab, load_faults

Build = Callable[[Fault], Lab]


def test_kernel_agrees(fault: Fault, build: Build) -> None:
    lab = build(fault)
    answered = lab.ping()
    if fault.expect.verdict == "reachable":
        assert answered, f"{fault.key} is said to work, and the ping is not answered"
        return
    assert not answered, f"{fault.key} is said to be broken, and the ping is answered"
    if fault.accept_repair:
        _cure(fault, lab)


def _cure(fault: Fault, lab: Lab) -> None:
    """Carry out the cures in turn: the last one mends it, and none before does."""
    *others, last = fault.expect.causes
    for cause in others:
        lab.execute(cause.repair)
        lab.settle()
        assert not lab.ping(), f"{fault.key} works before {last.codes[0]} is cured"
    assert last.repair, f"{fault.key}: no cure for {last.codes[0]}"
    lab.execute(last.repair)
    lab.settle()
    assert lab.reaches(), f"{fault.key}: its cures do not mend it"


@pytest.mark.parametrize(
    ("kind", "least"), [("healthy", 7), ("broken", 70), ("look-alike", 25), ("composite", 10)]
)
def test_there_are_enough(kind: str, least: int) -> None:
    counts = Counter(fault.kind for fault in load_faults().values())
    assert counts[kind] >= least
