"""What is different between two answers to one question: verdict, causes, and what happened at each device. Pure."""

from __future__ import annotations

from netdoctor.facts.links import Record
from netdoctor.report import Cause, Report, StepPart
from netdoctor_tui.model.path import Place, Stop, stops


class Difference(Record, frozen=True):
    """From an earlier answer to a later one.

    `verdict` is the earlier one where it changed. Causes and hazards are named by code and title; `came` and `went` are
    those of only one of the answers. `places` are where something else happens to the packet than before, among those
    of the later answer; `left` are places of the earlier one that it does not come by any more. `said` says it all, a
    line each, for people.
    """

    verdict: str | None = None
    came: tuple[str, ...] = ()
    went: tuple[str, ...] = ()
    places: frozenset[Place] = frozenset()
    left: frozenset[Place] = frozenset()
    said: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Tell whether anything differs."""
        return bool(self.said)


def difference(before: Report, after: Report) -> Difference:
    """Compare two answers. What changes by itself (when it was asked, what packets were sent for it) does not count."""
    old, new = _happened(before), _happened(after)
    came, went = _named(before, after), _named(after, before)
    places = frozenset(place for place, what in new.items() if old.get(place) != what)
    left = frozenset(place for place in old if place not in new)
    verdict = before.verdict if before.verdict != after.verdict else None
    said = [f"{before.verdict} before, {after.verdict} now"] if verdict is not None else []
    said += [f"gone: {name}" for name in went] + [f"new: {name}" for name in came]
    for place in new:
        said += _lines(place, old.get(place), new[place]) if place in places else []
    said += [f"{_name(place)}: no longer on the way" for place in old if place in left]
    if not said and substance(before) != substance(after):
        said = ["the same in other words: see the causes and what could not be seen"]
    return Difference(verdict, came, went, places, left, tuple(said))


def substance(report: Report) -> tuple[object, ...]:
    """What an answer comes to, as something that can be compared: all but when and with what packets it was asked.

    What could not be seen counts where the answer hangs on it; else it names processes that come and go.
    """
    return (
        report.question,
        report.verdict,
        report.causes,
        report.hazards,
        report.path,
        report.missing if report.verdict == "unknown" else (),
        report.crashed,
    )


#: What happened at a place: its state, and the words of its steps and rules.
_Happened = tuple[str, tuple[str, ...]]


def _happened(report: Report) -> dict[Place, _Happened]:
    found: dict[Place, _Happened] = {}
    for leg in report.path.legs:
        for stop in stops(report, leg):
            earlier = found.get(stop.place, ("", ()))
            found[stop.place] = (stop.state, (*earlier[1], *_words(stop)))
    return found


def _words(stop: Stop) -> list[str]:
    return [line for step in stop.steps for line in (_step(step), *_rules(step))]


def _step(step: StepPart) -> str:
    return f"{step.stage}: {step.action} {step.detail}".rstrip()


def _rules(step: StepPart) -> list[str]:
    return [f"{one.table} {one.chain} rule {one.rule}: {one.rule_text} ({one.verdict})" for one in step.rules]


def _lines(place: Place, old: _Happened | None, new: _Happened) -> list[str]:
    if old is None:
        return [f"{_name(place)}: new on the way"]
    lines = [f"{_name(place)}: {old[0]} before, {new[0]} now"] if old[0] != new[0] else []
    lines += [f"{_name(place)}: no longer: {line}" for line in old[1] if line not in new[1]]
    lines += [f"{_name(place)}: now: {line}" for line in new[1] if line not in old[1]]
    return lines or [f"{_name(place)}: the same in another order"]


def _name(place: Place) -> str:
    return f"{place.leg} {' '.join(filter(None, (place.namespace.name, place.interface)))}"


def _named(of: Report, beside: Report) -> tuple[str, ...]:
    """The causes and hazards of `beside` that `of` does not have."""
    known = {_key(cause) for cause in (*of.causes, *of.hazards)}
    every = (*beside.causes, *beside.hazards)
    return tuple(f"{cause.code} {cause.title}" for cause in every if _key(cause) not in known)


def _key(cause: Cause) -> tuple[object, ...]:
    return cause.code, cause.leg, cause.location, cause.title
