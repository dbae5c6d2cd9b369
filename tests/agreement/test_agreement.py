"""The prediction against the kernel, on a bounded number of random networks."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.agreement import show
from tests.agreement.changes import REGISTRY
from tests.agreement.families import FAMILIES
from tests.agreement.generate import random_network
from tests.agreement.ping import Pinged
from tests.agreement.plan import Question
from tests.agreement.predict import Prediction, ask_netdoctor
from tests.agreement.repair import names_own_namespace
from tests.agreement.rules import DIALECTS, PREFIX
from tests.agreement.trial import Outcome, judge, run_trial
from tests.agreement.world import present, sweep

SEED = 20_000
COUNT = int(os.environ.get("NETDOCTOR_AGREEMENT_COUNT", "60"))

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root is needed to build network namespaces")


@pytest.fixture(autouse=True)
def _nothing_left_behind() -> Iterator[None]:
    yield
    sweep()
    mine = [name for name in present() if name.startswith(f"ndag{os.getpid()}-")]
    assert not mine


def test_the_same_seed_gives_the_same_network() -> None:
    for seed in range(200):
        assert random_network(seed) == random_network(seed)
        assert random_network(seed, rules=True) == random_network(seed, rules=True)


def test_rules_of_every_dialect_and_questions_of_every_protocol_come_up() -> None:
    plans = [random_network(seed, rules=True) for seed in range(300)]
    kinds = {change.kind for plan in plans for change in plan.changes}
    assert {f"{PREFIX}{dialect}" for dialect in DIALECTS} <= kinds
    assert {plan.question.protocol for plan in plans} == {"icmp", "tcp", "udp"}
    assert all(any(change.kind.startswith(PREFIX) for change in plan.changes) for plan in plans)


def test_every_family_and_every_kind_of_change_comes_up() -> None:
    plans = [random_network(seed) for seed in range(4000)]
    assert {plan.family for plan in plans} == set(FAMILIES)
    assert {change.kind for plan in plans for change in plan.changes} == set(REGISTRY)


def test_a_lost_or_found_reply_is_judged_as_such() -> None:
    answered = Pinged((), "", 1, None)
    lost = Pinged((), "", 0, 1)
    refused_to_start = Pinged((), "", 0, 2)
    cases = {
        ("reachable", answered): "agree",
        ("reachable", lost): "disagree",
        ("unreachable", answered): "disagree",
        ("unreachable", lost): "agree",
        ("unknown", answered): "unknown",
        ("crash", lost): "crash",
        ("usage", lost): "disagree",
        ("usage", refused_to_start): "agree",
    }
    for (verdict, pinged), expected in cases.items():
        assert judge(Prediction(verdict, ()), pinged) == expected


def test_a_repair_never_leaves_its_own_namespaces() -> None:
    allowed = ("ip -n ndag7-a link set eth0 up", "ip netns exec ndag7-a sysctl -w x=1", "bridge -n ndag7-a fdb show",
               "nsenter --net=/run/netns/ndag7-a true")  # fmt: skip
    forbidden = ("ip link set eth0 up", "ip -n other link set eth0 up", "sysctl -w net.ipv4.ip_forward=1",
                 "nsenter -t 1 -n true", "sh -c true", "ip netns del ndag7-a")  # fmt: skip
    assert all(names_own_namespace(line.split(), "ndag7-") for line in allowed)
    assert not any(names_own_namespace(line.split(), "ndag7-") for line in forbidden)


@needs_root
def test_a_wrong_prediction_is_reported_in_full() -> None:
    """The proof that the agreement test can fail: a healthy network, and a verdict turned around."""

    def contrary(question: Question, real: dict[str, str]) -> Prediction:
        return Prediction("unreachable", ("why-no-ping", real[question.source], question.address))

    plan = replace(
        random_network(SEED), changes=(), question=replace(random_network(SEED).question, size=56, df=False)
    )
    truth = run_trial(plan, None, with_repair=False)
    assert truth.pinged is not None, truth.trouble
    assert truth.pinged.reachable, show.in_full(truth)
    outcome = run_trial(plan, contrary, with_repair=False)
    assert outcome.judgement == "disagree"
    assert show.figures([outcome])["agreement"] == 0
    text = show.in_full(outcome)
    assert f"--only {SEED}" in text
    assert all(str(command) in text for command in plan.build)


@needs_root
def test_an_inverted_netdoctor_disagrees_on_every_network() -> None:
    """Whatever netdoctor says, its contrary is caught."""
    contrary = {"reachable": "unreachable", "unreachable": "reachable"}

    def inverted(question: Question, real: dict[str, str]) -> Prediction:
        honest = ask_netdoctor(question, real)
        return replace(honest, verdict=contrary.get(honest.verdict, honest.verdict))

    outcomes = [
        run_trial(random_network(seed), inverted, with_repair=False) for seed in range(SEED, SEED + 5)
    ]
    decided = [outcome for outcome in outcomes if outcome.judgement not in ("unknown", "crash")]
    assert decided
    assert [outcome.judgement for outcome in decided] == ["disagree"] * len(decided)


@needs_root
def test_prediction_agrees_with_the_kernel() -> None:
    print(f"{COUNT} networks from seed {SEED}")
    outcomes: list[Outcome] = []
    for seed in range(SEED, SEED + COUNT):
        outcome = run_trial(random_network(seed, rules=seed % 3 == 0), ask_netdoctor, with_repair=False)
        outcomes.append(outcome)
        if outcome.judgement != "agree":
            print(show.in_full(outcome))
    figures = show.figures(outcomes)
    print(figures)
    assert figures["crashes"] == 0
    assert figures["harness_failures"] == 0
    assert figures["agreement"] is not None
    assert figures["agreement"] >= 0.99
    assert figures["unknown_share"] <= 0.02
