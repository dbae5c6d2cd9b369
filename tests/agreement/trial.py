"""One network from seed to outcome: build, warm up, change, predict, ping, compare, repair."""

from __future__ import annotations

import time
import traceback
from dataclasses import dataclass, field

from tests.agreement import connect as connecting
from tests.agreement import ping as pinging
from tests.agreement.plan import Plan
from tests.agreement.predict import Prediction, Predictor
from tests.agreement.repair import Repair, repair
from tests.agreement.world import Refusal, World


@dataclass(frozen=True)
class Outcome:
    """What came of one network. ``judgement``: agree, disagree, unknown, crash, broken (the harness failed), truth
    (netdoctor was not asked)."""

    plan: Plan
    judgement: str
    pinged: pinging.Pinged | None = None
    answered_by: tuple[str, ...] = ()
    prediction: Prediction | None = None
    refused: tuple[Refusal, ...] = ()
    repair: Repair | None = None
    seconds: float = 0.0
    trouble: str = ""
    real: dict[str, str] = field(default_factory=dict)
    rules: tuple[str, ...] = ()


def judge(prediction: Prediction, pinged: pinging.Pinged) -> str:
    """Hold a prediction against the truth.

    A usage error counts as agreement only where the ping, too, refused to start (exit code 2: an address that
    cannot be bound); a first packet that was lost while a later one came through is reachable.
    """
    if prediction.verdict in ("unknown", "crash"):
        return prediction.verdict
    if prediction.verdict == "usage":
        return "agree" if pinged.code == 2 else "disagree"
    return "agree" if (prediction.verdict == "reachable") == pinged.reachable else "disagree"


def run_trial(
    plan: Plan, predict: Predictor | None, with_repair: bool, world: World | None = None
) -> Outcome:
    """Build the plan and hold the prediction against the ping; never raises but for an interrupt."""
    started = time.monotonic()
    world = world or World(plan)
    try:
        with world:
            outcome = _in_world(world, predict, with_repair)
    except Exception:
        return Outcome(plan, "broken", trouble=traceback.format_exc(), seconds=time.monotonic() - started)
    return Outcome(**{**vars(outcome), "seconds": time.monotonic() - started})


def _in_world(world: World, predict: Predictor | None, with_repair: bool) -> Outcome:
    plan, question = world.plan, world.plan.question
    real = {name: world.real(name) for name in plan.namespaces}
    pinging.warm([(real[each.source], each.address) for each in plan.warm_up])
    refused = tuple(world.change())
    with connecting.listener(real, question):
        return _asked(world, predict, with_repair, real, refused)


def _asked(
    world: World,
    predict: Predictor | None,
    with_repair: bool,
    real: dict[str, str],
    refused: tuple[Refusal, ...],
) -> Outcome:
    plan, question = world.plan, world.plan.question
    # netdoctor first: it only reads, while a ping leaves neighbours and forwarding entries behind.
    prediction = predict(question, real) if predict else None
    address = question.address
    if question.by_name and prediction and prediction.address:
        address = prediction.address
    before = world.heard()
    if question.protocol == "icmp":
        pinged = pinging.ping(real[question.source], question, address)
    else:
        pinged = connecting.connect(real, question, address)
    answered_by = tuple(name for name, count in world.heard().items() if count > before[name])
    if prediction is None:
        return Outcome(plan, "truth", pinged, answered_by, refused=refused, real=real)
    judgement = judge(prediction, pinged)
    rules = world.rules() if judgement != "agree" else ()
    mended = None
    icmp = question.protocol == "icmp"
    if with_repair and icmp and prediction.verdict == "unreachable" and not pinged.reachable:
        mended = repair(world, question, address, prediction.report["causes"])
    return Outcome(plan, judgement, pinged, answered_by, prediction, refused, mended, real=real, rules=rules)
