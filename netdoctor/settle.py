"""The fate of real packets counts for more than the walk's: the answer by what was observed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from msgspec.structs import replace

from netdoctor.agreement import Judgement, Way, judge
from netdoctor.facts.host import Missing
from netdoctor.facts.observed import Observation
from netdoctor.observing import agreement_part, loss, probe_part
from netdoctor.report import Cause, MissingPart, Report
from netdoctor.watch import Plan, planned

if TYPE_CHECKING:
    from netdoctor.answer import Answer
    from netdoctor.diagnosis import Diagnosis

#: Sends real packets and tells what became of them, or why none could be sent.
Observer = Callable[[Plan], tuple[Observation | None, tuple[Missing, ...]]]


def observed(diagnosis: Diagnosis, causes: list[Cause], observer: Observer) -> Report:
    """Send real packets, and write the report by what became of them; `causes` are those foreseen."""
    host, answer = diagnosis.host, diagnosis.answer
    plan = planned(host, diagnosis.question, answer.verdict, answer.ending, diagnosis.walks)
    seen, unseen = observer(plan) if plan is not None else (None, ())
    unseen += seen.missing if seen is not None else ()
    missing = tuple(MissingPart(part.what, part.why, part.how_to_get_it) for part in unseen)
    if seen is None:
        return diagnosis.report(causes, missing)
    ways = answer.ways or (answer,)
    judged = judge([_way(way) for way in ways], answer.verdict, seen)
    holding = _settle(diagnosis, ways[judged.way], judged, seen, causes)
    return replace(
        diagnosis.report(holding, missing),
        probe=probe_part(host, judged, seen),
        agreement=agreement_part(host, diagnosis.compared, judged, seen, causes),
    )


def _settle(
    diagnosis: Diagnosis, way: Answer, judged: Judgement, seen: Observation, causes: list[Cause]
) -> list[Cause]:
    """Let the observation decide, and return the causes that hold with it."""
    source = diagnosis.question.source.inode
    if judged.verdict == diagnosis.answer.verdict and not judged.lost or source is None:
        return causes
    missing = () if judged.outcome == "answered" else way.missing
    lost = int(judged.verdict == "unreachable")
    diagnosis.answer = replace(way, verdict=judged.verdict, missing=missing, lost=lost)
    if judged.verdict != "unreachable":
        return []
    if not judged.lost:
        return diagnosis.find_causes()
    diagnosis.answer = replace(diagnosis.answer, ending=loss(_way(way), judged, seen, source))
    behind = causes if way.verdict == "unreachable" and not judged.beyond else []
    return diagnosis.find_causes() + behind


def _way(answer: Answer) -> Way:
    return Way(answer.verdict, answer.walk, answer.ending)
