"""Every fixture is what it says, by the kernel's own judgement.

A network and its look-alikes answer the ping; a fault does not, and the cure written beside each cause takes exactly
that cause away: with several, the ping fails until the last one is cured. What takes time here is waiting for answers
that do not come, so several fixtures are tried side by side.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from netdoctor.lab import Fault, Lab, load_faults, load_networks

AT_ONCE = 4

Verdicts = dict[str, Future[list[str]]]


@pytest.fixture(scope="session")
def verdicts(request: pytest.FixtureRequest, kernel: None) -> Iterator[Verdicts]:
    """Start trying every fixture that this run was asked for; a future for each key."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function)]
    params = [item.callspec.params for item in items if item.originalname == "test_kernel_agrees"]
    chosen = [fault for entry in params if isinstance(fault := entry["fault"], Fault)]
    pool = ThreadPoolExecutor(AT_ONCE)
    try:
        yield {
            fault.key: pool.submit(_judge, fault, f"ndt{os.getpid()}x{number}-")
            for number, fault in enumerate(chosen)
        }
    finally:
        pool.shutdown(cancel_futures=True)


def test_kernel_agrees(fault: Fault, verdicts: Verdicts) -> None:
    problems = verdicts[fault.key].result()
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
