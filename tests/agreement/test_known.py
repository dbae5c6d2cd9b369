"""Rulesets of which it is known what they do: netdoctor and the kernel must both say it."""

from __future__ import annotations

import os

import pytest

from tests.agreement import show
from tests.agreement.known import CASES, Case
from tests.agreement.predict import ask_netdoctor
from tests.agreement.trial import run_trial

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="building network namespaces takes root")


@needs_root
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_netdoctor_and_the_kernel_agree_on_a_known_ruleset(case: Case) -> None:
    outcome = run_trial(case.plan(), ask_netdoctor, with_repair=False)
    assert not outcome.refused, outcome.refused
    wanted = {True: "reachable", False: "unreachable", None: "unknown"}[case.reachable]
    assert outcome.prediction is not None, outcome.trouble
    assert outcome.prediction.verdict == wanted, show.in_full(outcome)
    if case.reachable is not None:
        assert outcome.judgement == "agree", show.in_full(outcome)
