"""The diagnosis: ask the twin, ask the checks, apply the fix in memory, ask again, until the reply arrives."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from ipaddress import ip_address

from msgspec.structs import replace

from netdoctor import __version__
from netdoctor.assemble import cause_part, path_part, question_part
from netdoctor.case import Case
from netdoctor.check import Check, Finding, explaining
from netdoctor.facts.host import Host
from netdoctor.facts.links import Record
from netdoctor.facts.records import AF_INET
from netdoctor.fix.change import applied
from netdoctor.fix.command import enter
from netdoctor.kernel.conversation import Ping, converse
from netdoctor.kernel.decisive import OPEN, decisive
from netdoctor.kernel.doubts import doubts
from netdoctor.kernel.endings import Ending, NoAddress, NoRoute, NotModelled, RuleDropped
from netdoctor.kernel.packet import Arp, Flow, Ip, Place
from netdoctor.kernel.query import Witness
from netdoctor.kernel.walk import Walk
from netdoctor.question import Question
from netdoctor.report import SCHEMA, Cause, Crashed, MissingPart, PathPart, Report, Tool, Verdict
from netdoctor.second_witness import compare, route_differences
from netdoctor.settle import Observer, observed
from netdoctor.summary import summarise

#: One run names at most this many causes, one behind the other.
MAX_CAUSES = 8


class Answer(Record, frozen=True):
    """What walking gave: the verdict, the walk that shows it, and the ending that decided.

    `ways` are the answers of all ways that the packet may take, where there are several.
    """

    verdict: Verdict
    walk: Walk
    ending: Ending | None
    missing: tuple[MissingPart, ...] = ()
    ways: tuple[Answer, ...] = ()


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
        self.crashed: list[Crashed] = []
        self.answer = ask(host, question, witness)
        self.walks = [way.walk for way in self.answer.ways or (self.answer,)]
        self.compared = compare(self.answer.walk.queries, witness) if witness is not None else None

    def report(self, causes: list[Cause], missed: tuple[MissingPart, ...] = ()) -> Report:
        """Write the report with these causes."""
        hazards = self._hazards()
        walk, ending = self.answer.walk, self.answer.ending
        missing = [MissingPart(m.what, m.why, m.how_to_get_it) for m in self.host.missing]
        missing += [*missed, *self.answer.missing]
        path = path_part(self.host, walk, ending, self.answer.verdict) if walk.steps else PathPart((), (), ())
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

    def find_causes(self) -> list[Cause]:
        """Return what stops the packet, and what would stop it next, fix by fix."""
        causes: list[Cause] = []
        now, answer = self.host, self.answer
        while answer.verdict == "unreachable" and answer.ending is not None and len(causes) < MAX_CAUSES:
            case = self._case(now, answer)
            found = self._best(now, case, answer.ending)
            if found is None:
                break
            check, finding, after = found
            verified = None if finding.fix is None else after is not None and _gone(answer, after)
            causes.append(cause_part(now, check, finding, answer.ending, verified))
            if finding.fix is None or after is None or not verified:
                break
            now, answer = applied(now, finding.fix.changes), after
            self.walks.append(answer.walk)
        return causes

    def _case(self, host: Host, answer: Answer) -> Case:
        return Case(host, self.question, answer.walk, lambda other: _rank(answer, ask(other, self.question)))

    def _best(self, host: Host, case: Case, ending: Ending) -> tuple[Check, Finding, Answer | None] | None:
        """The finding whose fix gets the packet furthest; of equals, specific checks first, then by code."""
        before = Answer("unreachable", case.walk, ending)
        best: tuple[tuple[int, int], Check, Finding, Answer | None] | None = None
        for check, finding in self._findings(explaining(ending), ending, case):
            after = (
                ask(applied(host, finding.fix.changes), self.question) if finding.fix is not None else None
            )
            rank = (_rank(before, after) if after is not None else 0, 0 if check.generic else 1)
            if best is None or rank > best[0]:
                best = rank, check, finding, after
            if rank == (3, 1):
                break
        return best[1:] if best is not None else None

    def _findings(self, checks: list[Check], subject: object, case: Case) -> list[tuple[Check, Finding]]:
        found = []
        for check in sorted(checks, key=lambda item: (item.generic, item.code)):
            try:
                found += [(check, finding) for finding in check.findings(subject, case)]
            except Exception as error:
                self.crashed.append(Crashed(check.code, f"{type(error).__name__}: {error}"))
        return found

    def _hazards(self) -> list[Cause]:
        if self.answer.verdict == "unreachable" or not self.answer.walk.steps:
            return []
        case = self._case(self.host, self.answer)
        found = self._findings(explaining(self.answer.walk), self.answer.walk, case)
        return [cause_part(self.host, check, finding, None, None) for check, finding in found]


def ask(host: Host, question: Question, witness: Witness | None = None) -> Answer:
    """Walk the question through `host` in every way the kernel may choose, and say what comes of it.

    Where a `witness` is at hand, only the ways count whose route lookups it answers alike.
    """
    source, destination = question.source, question.destination
    if (blind := _blind(host, question)) is not None:
        return Answer("unknown", Walk(host), None, (blind,))
    address = destination.address or _given_since(host, destination.inode, question.family)
    if source.inode is None or address is None:
        walk = Walk(host)
        inode = destination.inode if address is None else source.inode
        place = Place(inode or 0, 0)
        return Answer("unreachable", walk, NoAddress(Flow("request"), place, -1, question.family))
    asked = (question.size, question.df, question.protocol, question.port or 0)
    ping = Ping(source.inode, address, source.address, *asked)
    walks, complete = converse(host, ping)
    if witness is not None and len(walks) > 1:
        # Which leg an older kernel prefers may differ in one place; the way that differs least is the one it takes.
        differences = [route_differences(walk.queries, witness) for walk in walks]
        walks = [walk for walk, count in zip(walks, differences, strict=True) if count == min(differences)]
    answers = [_judged(walk) for walk in walks]
    verdicts = {answer.verdict for answer in answers}
    if len(verdicts) == 1 and complete:
        return replace(answers[0], ways=tuple(answers)) if len(answers) > 1 else answers[0]
    if not complete and len(verdicts) == 1:
        left_out = MissingPart(
            "further ways", "more combinations of forks than are walked", "ask for one address at a time"
        )
        kept = (*answers[0].missing, left_out)
        return Answer("unknown", answers[0].walk, answers[0].ending, kept, tuple(answers))
    return _mixed(answers)


def _blind(host: Host, question: Question) -> MissingPart | None:
    """What keeps the question from being walked at all."""
    if question.family != AF_INET:
        return MissingPart(
            "the way of an IPv6 packet", "this version walks IPv4 only", "ask with -4, if IPv4 is in use too"
        )
    for end in (question.source, question.destination):
        if end.inode is not None and host.namespace(end.inode) is None:
            return MissingPart(
                f"the network namespace of {end.name}",
                "it may not be entered, or is gone",
                "run netdoctor as root",
            )
    return None


def _given_since(host: Host, inode: int | None, family: int) -> str | None:
    """The address of an end that had none when it was looked up; a fix laid over the facts may have given it one."""
    ns = host.namespace(inode) if inode is not None else None
    held = (ifa for ifa in ns.addresses() if ifa.family == family) if ns is not None else ()
    return next((ifa.local for ifa in held if not ip_address(ifa.local).is_loopback), None)


def _mixed(answers: list[Answer]) -> Answer:
    """Ways that end differently, and the facts do not say which one this packet takes."""
    first = next(answer for answer in answers if answer.verdict != "reachable")
    fork = ", ".join(sorted({what for answer in answers for what, _, _ in answer.walk.choices}))
    why = f"some ways answer and some do not, and the facts do not decide it: {fork}"
    part = MissingPart(
        "which way this flow takes", why, "run netdoctor on the live host, or remove the way that fails"
    )
    return Answer("unknown", first.walk, first.ending, (*first.missing, part), tuple(answers))


def _judged(walk: Walk) -> Answer:
    ending = decisive(walk)
    if walk.answered:
        doubts = _doubts(walk)
        return Answer("unknown" if doubts else "reachable", walk, None, doubts)
    if isinstance(ending, OPEN) or ending is None:
        return Answer("unknown", walk, ending, _beyond(walk, ending))
    return Answer("unreachable", walk, ending)


def _doubts(walk: Walk) -> tuple[MissingPart, ...]:
    """What is not modelled on the way that the answered packet took."""
    parts = []
    for doubt in doubts(walk):
        known = walk.namespace(doubt.at.inode).id
        how = f"see it with: {shlex.join(enter(known, doubt.command))}"
        parts.append(
            MissingPart(f"{doubt.what} in {known.label}", "not modelled: it may drop the packet", how)
        )
    return tuple(parts)


def _beyond(walk: Walk, ending: Ending | None) -> tuple[MissingPart, ...]:
    if ending is None:
        return (MissingPart("the end of the packet", "the walk found none", "please report this network"),)
    what = getattr(ending, "what", "what lies beyond this host")
    ns = walk.host.namespace(ending.at.inode)
    link = ns.link(ending.at.ifindex) if ns is not None else None
    where = link.name if link is not None else "this namespace"
    if isinstance(ending, NotModelled) and ending.why:
        return (MissingPart(what, ending.why, "ask on the live host as root, or take a new snapshot there"),)
    why = f"the packet leaves at {where}; nothing beyond it is visible here"
    return (MissingPart(what, why, "a snapshot of the host on the other side"),)


def _gone(before: Answer, after: Answer) -> bool:
    """The cause no longer stops the packet: another kind of ending, or another place."""
    if after.verdict == "reachable" or after.ending is None or before.ending is None:
        return True
    same_kind = type(after.ending) is type(before.ending)
    same = same_kind and after.ending.at == before.ending.at and _core(after.ending) == _core(before.ending)
    return not (same and _routeless(after) == _routeless(before))


def _routeless(answer: Answer) -> tuple[int, ...]:
    """Where no route was found: the devices that are down, for the routes of a device go with it."""
    ending = answer.ending
    ns = answer.walk.host.namespace(ending.at.inode) if isinstance(ending, NoRoute) else None
    return tuple(link.index for link in ns.links() if not link.up) if ns is not None else ()


def _core(ending: Ending) -> tuple[object, ...]:
    """What makes an ending this one, without frames and step numbers."""
    names = (
        "why",
        "address",
        "destination",
        "source",
        "error",
        "mode",
        "lladdr",
        "mtu",
        "rule",
        "route",
        "asker",
        "entry",
        "port",
        "near",
        "full",
        "hook",
        "backend",
        "family",
        "table",
        "chain",
        "text",
        "reject",
    )
    dropped = _sort(ending.packet) if isinstance(ending, RuleDropped) else None
    return (ending.flow.leg, dropped, *(getattr(ending, name, None) for name in names))


def _sort(packet: Ip | Arp) -> tuple[object, ...]:
    """What rules tell packets apart by: one rule may drop the question, the answer and the packet itself."""
    if isinstance(packet, Arp):
        return "arp", packet.request, packet.sip, packet.tip
    return "ip", packet.src, packet.dst


def _rank(before: Answer, after: Answer) -> int:
    """How far a change gets the packet: 3 answered, 2 further, 1 elsewhere, 0 no difference."""
    if after.verdict == "reachable":
        return 3
    if not _gone(before, after):
        return 0
    replied_before = before.walk.reply_from is not None
    replied_after = after.walk.reply_from is not None
    if replied_after != replied_before:
        return 2 if replied_after else 0
    return 2 if _depth(after) > _depth(before) or after.verdict == "unknown" else 1


def _depth(answer: Answer) -> int:
    return len(answer.walk.chain(answer.ending.step)) if answer.ending is not None else 0
