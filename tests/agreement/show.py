"""Outcomes as text for people, and as records for a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from tests.agreement.plan import Plan
from tests.agreement.predict import Prediction
from tests.agreement.rules import PREFIX
from tests.agreement.trial import Outcome


def one_line(outcome: Outcome) -> str:
    """Seed, family, changes, truth and verdict."""
    kinds = ",".join(change.kind for change in outcome.plan.changes) or "-"
    truth = "?" if outcome.pinged is None else ("reachable" if outcome.pinged.reachable else "unreachable")
    verdict = outcome.prediction.verdict if outcome.prediction else "-"
    seed, family = outcome.plan.seed, outcome.plan.family
    return f"{seed} {outcome.judgement} truth={truth} verdict={verdict} {family} [{kinds}] {outcome.seconds:.1f}s"


def in_full(outcome: Outcome) -> str:
    """Everything needed to understand one outcome and to build it again by hand."""
    lines = ["=" * 100, one_line(outcome), outcome.plan.describe()]
    lines += [f"refused by the kernel: {each.command}: {each.reason}" for each in outcome.refused]
    if outcome.pinged is not None:
        lines += [f"$ {' '.join(outcome.pinged.command)}", outcome.pinged.output.rstrip()]
        lines.append(f"first request answered: {outcome.pinged.answered or 'none'}")
        lines.append(f"echo requests were delivered in: {', '.join(outcome.answered_by) or 'no namespace'}")
    lines += outcome.rules
    if outcome.prediction is not None:
        lines += _prediction(outcome.prediction)
    if outcome.repair is not None:
        lines.append(f"repair: {outcome.repair.outcome}")
        lines += [f"  # {command}" for command in outcome.repair.commands]
        if outcome.repair.pinged is not None:
            lines.append(outcome.repair.pinged.output.rstrip())
    if outcome.trouble:
        lines.append(outcome.trouble)
    ruled = " --rules" if dialects(outcome.plan) else ""
    lines.append(f"again: python -m tests.agreement.run{ruled} --only {outcome.plan.seed} [--keep]")
    return "\n".join(lines)


def _prediction(prediction: Prediction) -> list[str]:
    report = prediction.report
    lines = [f"$ netdoctor {' '.join(prediction.words)}   ({prediction.seconds:.2f} s)"]
    lines.append(f"verdict: {prediction.verdict}   {report.get('summary', '')}")
    for cause in report.get("causes", []):
        fix = cause.get("fix") or {}
        lines.append(
            f"cause {cause.get('code')} {cause.get('name')} [{cause.get('leg')}]: {cause.get('title')}"
        )
        lines.append(f"  at {_place(cause.get('location'))}; fix verified: {fix.get('verified')}")
        lines += [f"  # {' '.join(map(str, command))}" for command in fix.get("commands", [])]
    for leg in (report.get("path") or {}).get("legs", []):
        lines.append(f"{leg.get('direction')}: {leg.get('outcome')}")
        for step in leg.get("steps", []):
            where = f"{(step.get('namespace') or {}).get('name')}/{step.get('interface')}"
            lines.append(f"  {where:<32} {step.get('stage')} {step.get('action')}: {step.get('detail')}")
    lines += [f"missing: {each}" for each in report.get("missing", [])]
    if prediction.trouble:
        lines.append(prediction.trouble.rstrip())
    return lines


def _place(location: dict[str, Any] | None) -> str:
    place = location or {}
    return f"{(place.get('namespace') or {}).get('name')}/{place.get('interface')} {place.get('hook') or ''}".strip()


def figures(outcomes: list[Outcome]) -> dict[str, Any]:
    """The numbers of a run. Agreement is the share among the networks that got a verdict, crashes counting against."""
    judged = Counter(outcome.judgement for outcome in outcomes)
    asked = [outcome for outcome in outcomes if outcome.prediction is not None]
    pinged = [outcome.pinged for outcome in outcomes if outcome.pinged is not None]
    decided = judged["agree"] + judged["disagree"] + judged["crash"]
    mended = Counter(outcome.repair.outcome for outcome in outcomes if outcome.repair is not None)
    tried = sum(mended.values())
    times = sorted(outcome.prediction.seconds for outcome in asked if outcome.prediction is not None)
    return {
        "networks": len(outcomes),
        "reachable": _share(sum(each.reachable for each in pinged), len(pinged)),
        "first_request_lost": sum(each.answered > 1 for each in pinged),
        "agreement": _share(judged["agree"], decided),
        "disagreements": judged["disagree"],
        "unknown": judged["unknown"],
        "unknown_share": _share(judged["unknown"], len(asked)),
        "crashes": judged["crash"],
        "harness_failures": judged["broken"],
        "repairs_tried": tried,
        "repaired": _share(mended["repaired"], tried),
        "repair_outcomes": dict(sorted(mended.items())),
        "diagnosis_seconds_median": round(times[len(times) // 2], 3) if times else None,
        "seconds_median": round(sorted(o.seconds for o in outcomes)[len(outcomes) // 2], 2)
        if outcomes
        else None,
        "changes_by_kind": dict(sorted(Counter(c.kind for o in outcomes for c in o.plan.changes).items())),
        "refused_by_kind": dict(sorted(Counter(r.kind for o in outcomes for r in o.refused).items())),
        "by_dialect": {
            name: _group([o for o in outcomes if dialects(o.plan) == name])
            for name in sorted({dialects(o.plan) for o in outcomes} - {""})
        },
        "by_family": {name: _family(outcomes, name) for name in sorted({o.plan.family for o in outcomes})},
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _family(outcomes: list[Outcome], name: str) -> str:
    return _group([outcome for outcome in outcomes if outcome.plan.family == name])


def dialects(plan: Plan) -> str:
    """The languages of the plan's rules, joined; empty without rules."""
    kinds = sorted({each.kind for each in plan.changes if each.kind.startswith(PREFIX)})
    return "+".join(kind.removeprefix(PREFIX) for kind in kinds)


def _group(mine: list[Outcome]) -> str:
    up = sum(outcome.pinged is not None and outcome.pinged.reachable for outcome in mine)
    wrong = sum(outcome.judgement in ("disagree", "crash", "unknown", "broken") for outcome in mine)
    return f"{len(mine)} networks, {up} reachable, {wrong} not agreed"


def refusals(outcomes: Iterable[Outcome]) -> list[str]:
    """Every refused command with the kernel's reason, the most frequent kind first."""
    lines = [
        f"{each.kind}: {each.command}: {each.reason}" for outcome in outcomes for each in outcome.refused
    ]
    order = Counter(line.split(":")[0] for line in lines)
    return sorted(lines, key=lambda line: (-order[line.split(":")[0]], line))


def record(outcome: Outcome) -> dict[str, Any]:
    """One outcome for the JSON file; the full plan only where something is to be looked into."""
    interesting = outcome.judgement not in ("agree", "truth") or (
        outcome.repair is not None and outcome.repair.outcome != "repaired"
    )
    short: dict[str, Any] = {
        "seed": outcome.plan.seed,
        "family": outcome.plan.family,
        "changes": [change.kind for change in outcome.plan.changes],
        "judgement": outcome.judgement,
        "reachable": outcome.pinged.reachable if outcome.pinged else None,
        "first_answered": outcome.pinged.answered if outcome.pinged else None,
        "verdict": outcome.prediction.verdict if outcome.prediction else None,
        "codes": [cause.get("code") for cause in outcome.prediction.report.get("causes", [])]
        if outcome.prediction
        else [],
        "repair": outcome.repair.outcome if outcome.repair else None,
        "seconds": round(outcome.seconds, 3),
    }
    return {**short, "full": asdict(outcome)} if interesting else short
