"""The diagnosis: ask the twin, ask the checks, apply the fix in memory, ask again, until the reply arrives."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from msgspec.structs import replace

from netdoctor import __version__
from netdoctor.answer import Answer, ask
from netdoctor.assemble import cause_part, path_part, question_part
from netdoctor.case import Case
from netdoctor.check import Check, Finding, explaining
from netdoctor.facts.host import Host
from netdoctor.facts.links import Record
from netdoctor.fix.change import Fix, applied, joined
from netdoctor.fix.effect import effect, undoes
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.query import Witness
from netdoctor.kernel.walk import Walk
from netdoctor.progress import alike, gone, rank
from netdoctor.question import Question
from netdoctor.report import SCHEMA, Cause, Crashed, MissingPart, PathPart, Report, Tool
from netdoctor.second_witness import compare
from netdoctor.settle import Observer, observed
from netdoctor.summary import summarise

#: One run names at most this many causes, one behind the other.
MAX_CAUSES = 8
#: So many ways of one fork may each need the same kind of change; for more of them a broader fix is the better one.
MAX_ALIKE = 8
#: So many findings may be tried in another's stead, where the fixes of the first do not lead to an answer.
MAX_RETRIES = 4


class Stage(Record, frozen=True):
    """The host with the fixes found so far, and what walking it gives."""

    host: Host
    answer: Answer


class Found(Record, frozen=True):
    """A finding about a stage, and the stage behind its fix (None where it has none, or does not help)."""

    stage: Stage
    check: Check
    finding: Finding
    rank: tuple[int, int]
    after: Stage | None = None
    verified: bool | None = None


def diagnose(
    host: Host, question: Question, witness: Witness | None = None, observer: Observer | None = None
) -> Report:
    """Answer `question` from the facts of `host`: without an `observer` nothing is sent, and nothing is changed.

    A `witness` is the running kernel: it is asked the walk's own lookups, which settles forks and is held against the
    twin. An `observer` sends real packets, whose fate counts for more than the walk's.
    """
    diagnosis = Diagnosis(host, question, witness)
    causes = diagnosis.find_causes()
    return diagnosis.report(causes) if observer is None else observed(diagnosis, causes, observer)


class Diagnosis:
    """One question on its way to its report."""

    def __init__(self, host: Host, question: Question, witness: Witness | None = None) -> None:
        self.host = host
        self.question = question
        self.witness = witness
        self.crashed: dict[Crashed, None] = {}
        self.retries = MAX_RETRIES
        self.answer = ask(host, question, witness)
        self.walks = [way.walk for way in self.answer.ways or (self.answer,)]
        self.compared = compare(self.answer.walk.queries, witness) if witness is not None else None

    def find_causes(self) -> list[Cause]:
        """Return what stops the packet, and what would stop it next, fix by fix."""
        series = self._series((), Stage(self.host, self.answer))
        self.walks += [found.after.answer.walk for found in series if found.after is not None]
        return [self._cause(found) for found in series]

    def report(self, causes: list[Cause], missed: tuple[MissingPart, ...] = ()) -> Report:
        """Write the report with these causes."""
        hazards = self._hazards()
        walk, ending = self.answer.walk, self.answer.ending
        missing = [MissingPart(m.what, m.why, m.how_to_get_it) for m in self.host.missing]
        missing += [*missed, *self.answer.missing]
        path = self._path(walk, ending)
        asked = question_part(self.host, self.question, walk)
        return Report(
            SCHEMA,
            Tool("netdoctor", __version__),
            datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            asked,
            self.answer.verdict,
            summarise(self.host, self.question, self.answer.verdict, causes, missing, ending),
            tuple(causes),
            tuple(hazards),
            path,
            None,
            None,
            self.compared,
            tuple(missing),
            tuple(self.crashed),
        )

    def _path(self, walk: Walk, ending: Ending | None) -> PathPart:
        if not walk.steps:
            return PathPart((), (), ())
        return path_part(self.host, self.question, walk, ending, self.answer.verdict)

    def _cause(self, found: Found) -> Cause:
        return cause_part(
            found.stage.host, found.check, found.finding, found.stage.answer.ending, found.verified
        )

    def _series(self, before: tuple[Found, ...], stage: Stage) -> tuple[Found, ...]:
        """The causes from `stage` on, one behind the other; `before` are those that led there.

        The best fix is followed first. Where its way does not end in an answer, the next best may do better.
        """
        if not stage.answer.lost or len(before) >= MAX_CAUSES:
            return ()
        first: tuple[Found, ...] = ()
        for found in self._ranked(before, stage):
            behind = self._series((*before, found), found.after) if found.after is not None else ()
            series = (found, *behind)
            last = series[-1].after
            if last is not None and not last.answer.lost:
                return series
            first = first or series
            if self.retries <= 0 or found.after is None:
                break
            self.retries -= 1
        return first

    def _ranked(self, before: tuple[Found, ...], stage: Stage) -> Iterator[Found]:
        """What the checks find, the finding whose fix gets the packet furthest first.

        Of equals, specific checks come first, then the order of codes. A specific one whose fix brings the answer is
        not weighed against others.
        """
        ending = stage.answer.ending
        rest: list[Found] = []
        for check, finding in self._findings(explaining(ending), ending, self._case(stage)):
            found = self._tried(before, stage, check, finding)
            if found.rank == (3, 1):
                yield found
            else:
                rest.append(found)
        yield from sorted(rest, key=lambda found: found.rank, reverse=True)

    def _tried(self, before: tuple[Found, ...], stage: Stage, check: Check, finding: Finding) -> Found:
        """Walk again with the finding's fix; one that leads back to where an earlier fix began is no fix."""
        specific = 0 if check.generic else 1
        if finding.fix is None:
            return Found(stage, check, finding, (0, specific))
        after = self._after(stage, finding.fix)
        if _goes_back(before, stage, finding.fix, after.answer):
            return Found(stage, check, replace(finding, fix=None), (-1, specific))
        fix, after = self._for_each_way(stage, check, finding.fix, after)
        helps = gone(stage.answer, after.answer)
        order = (rank(stage.answer, after.answer), specific)
        return Found(stage, check, replace(finding, fix=fix), order, after if helps else None, helps)

    def _after(self, stage: Stage, fix: Fix) -> Stage:
        host = applied(stage.host, fix.changes)
        return Stage(host, ask(host, self.question))

    def _for_each_way(self, stage: Stage, check: Check, fix: Fix, after: Stage) -> tuple[Fix, Stage]:
        """Where the same thing stops several ways of a fork, and the fix mends one of them: mend the others alike."""
        for _ in range(MAX_ALIKE):
            ending = after.answer.ending
            if not after.answer.lost < stage.answer.lost or not alike(stage.answer.ending, ending):
                break
            found = self._findings([check], ending, self._case(after))
            fixes = [other.fix for _, other in found if other.fix is not None and _same_kind(other.fix, fix)]
            tried = ((other, self._after(after, other)) for other in fixes)
            better = next((one for one in tried if one[1].answer.lost < after.answer.lost), None)
            if better is None:
                break
            fix, after = joined(fix, better[0]), better[1]
        return fix, after

    def _case(self, stage: Stage) -> Case:
        answer = stage.answer
        return Case(
            stage.host, self.question, answer.walk, lambda other: rank(answer, ask(other, self.question))
        )

    def _findings(self, checks: list[Check], subject: object, case: Case) -> list[tuple[Check, Finding]]:
        found = []
        for check in sorted(checks, key=lambda item: (item.generic, item.code)):
            try:
                found += [(check, finding) for finding in check.findings(subject, case)]
            except Exception as error:
                self.crashed[Crashed(check.code, f"{type(error).__name__}: {error}")] = None
        return found

    def _hazards(self) -> list[Cause]:
        if self.answer.lost or not self.answer.walk.steps:
            return []
        case = self._case(Stage(self.host, self.answer))
        found = self._findings(explaining(self.answer.walk), self.answer.walk, case)
        return [cause_part(self.host, check, finding, None, None) for check, finding in found]


def _goes_back(before: tuple[Found, ...], stage: Stage, fix: Fix, answer: Answer) -> bool:
    """Tell whether a fix takes back an earlier one, or leads to an ending that an earlier one took away."""
    if any(not gone(found.stage.answer, answer) for found in before):
        return True
    fixed = [(found.stage.host, found.finding.fix) for found in before if found.finding.fix is not None]
    this = effect(stage.host, fix.changes) if fixed else None
    return this is not None and any(undoes(this, effect(host, other.changes)) for host, other in fixed)


def _same_kind(one: Fix, other: Fix) -> bool:
    """Tell whether two fixes make the same kinds of change in the same namespaces."""
    kinds = [{(type(change), change.inode) for change in fix.changes} for fix in (one, other)]
    return kinds[0] == kinds[1]
