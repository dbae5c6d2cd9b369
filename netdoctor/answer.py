"""What walking a question gives: the verdict over all ways that the kernel may choose, and the way that shows it."""

from __future__ import annotations

from ipaddress import ip_address

from netdoctor.beyond import left
from netdoctor.facts.host import Host
from netdoctor.facts.links import Record
from netdoctor.facts.records import AF_INET
from netdoctor.fix.command import enter
from netdoctor.kernel.conversation import Ping, converse
from netdoctor.kernel.decisive import OPEN, decisive
from netdoctor.kernel.doubts import doubts
from netdoctor.kernel.endings import Ending, LeavesHost, NoAddress
from netdoctor.kernel.packet import Flow, Place
from netdoctor.kernel.query import Witness
from netdoctor.kernel.topology import named
from netdoctor.kernel.walk import Walk
from netdoctor.places import spoken
from netdoctor.question import Question
from netdoctor.report import MissingPart, Verdict
from netdoctor.second_witness import route_differences


class Answer(Record, frozen=True):
    """The verdict, the walk that shows it, and the ending that decided. `lost` is how many of the ways fail for sure.

    Where some ways fail and others do not, the verdict is unknown, and walk and ending are those of one that fails.
    `ways` are the answers of all ways that the packet may take, where there are several.
    """

    verdict: Verdict
    walk: Walk
    ending: Ending | None
    missing: tuple[MissingPart, ...] = ()
    lost: int = 0
    ways: tuple[Answer, ...] = ()


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
        ending = NoAddress(Flow("request"), place, -1, question.family)
        return Answer("unreachable", walk, ending, lost=1)
    asked = (question.size, question.df, question.protocol, question.port or 0, question.source_port)
    ping = Ping(source.inode, address, source.address, *asked)
    walks, complete = converse(host, ping)
    if witness is not None and len(walks) > 1:
        # Which leg an older kernel prefers may differ in one place; the way that differs least is the one it takes.
        differences = [route_differences(walk.queries, witness) for walk in walks]
        walks = [walk for walk, count in zip(walks, differences, strict=True) if count == min(differences)]
    return _together([_judged(walk) for walk in walks], complete)


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


def _together(answers: list[Answer], complete: bool) -> Answer:
    """All ways as one answer: what they say alike, else that the facts do not say which one this packet takes."""
    failing = [answer for answer in answers if answer.verdict == "unreachable"]
    ways = tuple(answers) if len(answers) > 1 else ()
    if len({answer.verdict for answer in answers}) > 1:
        first = next(answer for answer in (*failing, *answers) if answer.verdict != "reachable")
        fork = ", ".join(sorted({what for answer in answers for what, _, _ in answer.walk.choices}))
        why = f"some ways answer and some do not, and the facts do not decide it: {fork}"
        how = "run netdoctor on the live host, or remove the way that fails"
        part = MissingPart("which way this flow takes", why, how)
        kept = (*first.missing, part)
        return Answer("unknown", first.walk, first.ending, kept, len(failing), ways)
    first = answers[0]
    if complete:
        return Answer(first.verdict, first.walk, first.ending, first.missing, len(failing), ways)
    left_out = MissingPart(
        "further ways", "more combinations of forks than are walked", "ask for one address at a time"
    )
    kept = (*first.missing, left_out)
    return Answer("unknown", first.walk, first.ending, kept, len(failing), ways)


def _judged(walk: Walk) -> Answer:
    ending = decisive(walk)
    if walk.answered:
        unsure = _doubts(walk)
        return Answer("unknown" if unsure else "reachable", walk, None, unsure)
    if isinstance(ending, OPEN) or ending is None:
        return Answer("unknown", walk, ending, _beyond(walk, ending))
    return Answer("unreachable", walk, ending)


def _doubts(walk: Walk) -> tuple[MissingPart, ...]:
    """What is not modelled on the way that the answered packet took."""
    parts = []
    for doubt in doubts(walk):
        known = walk.namespace(doubt.at.inode).id
        how = f"see it with: {spoken(enter(known, doubt.command))}"
        parts.append(
            MissingPart(f"{doubt.what} in {known.label}", "not modelled: it may drop the packet", how)
        )
    return tuple(parts)


def _beyond(walk: Walk, ending: Ending | None) -> tuple[MissingPart, ...]:
    if ending is None:
        return (MissingPart("the end of the packet", "the walk found none", "please report this network"),)
    if isinstance(ending, LeavesHost):
        return (left(walk, ending),)
    what = getattr(ending, "what", type(ending).__name__)
    why = getattr(ending, "why", "") or f"not modelled, in {named(walk.host, ending.at.inode)}"
    return (MissingPart(what, why, "ask on the live host as root, or take a new snapshot there"),)
