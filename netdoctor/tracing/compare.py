"""The rules that the kernel named beside the rules that the walk met: the same ones in the same order, or where not.

Each namespace is compared for itself, chain by chain in the order in which the packet came by: one base chain passed by
one packet is a run, in the trace as in the walk. Which of two tables comes first that hang at a hook with one priority
depends on which was there first, and that is written nowhere: their order counts for nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import TypeVar

from netdoctor.facts.links import Record
from netdoctor.kernel.netfilter.branch import Hit
from netdoctor.kernel.netfilter.model import Place
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of, runs_at
from netdoctor.kernel.netfilter.traversal import Traversal
from netdoctor.kernel.packet import Frame, Ip, Leg
from netdoctor.kernel.walk import Walk
from netdoctor.tracing.join import OWN, Joined

T = TypeVar("T")
_LEGS: tuple[Leg, ...] = ("request", "reply")


class Difference(Record, frozen=True):
    """The first place where trace and walk part, in namespace `inode`.

    `kernel` is what the trace has there and `twin` what the walk has; None where that side has nothing more. `after` is
    the last rule that both have. Where the facts left it open which rules are met, it is not `sure`: the trace then
    decides what the walk could not.
    """

    inode: int
    kernel: Joined | None
    twin: Hit | None
    after: Hit | None
    sure: bool


class Comparison(Record, frozen=True):
    """How many events of the trace the walk has in the same order, of how many; `difference` None: all of them."""

    same: int
    events: int
    difference: Difference | None = None


#: The namespaces that were listened in, and the backends that were heard there.
Heard = Mapping[int, Collection[str]]


def compare(found: Sequence[Joined], walk: Walk, heard: Heard, partial: bool = False) -> Comparison:
    """Hold the events of one probe against one walk, as far as they could be heard.

    A `partial` trace may begin late in a namespace: where somebody asked for it. Where the walk has no answer, that of
    the kernel is left out: a refusal answers too, and is no part of a walk.
    """
    if walk.reply_from is None:
        found = [one for one in found if one.event.leg != "reply"]
    same, first = 0, None
    for inode, backends in heard.items():
        ns = walk.host.namespace(inode)
        rules = ruleset_of(ns) if ns is not None else Ruleset(())
        for leg in _LEGS:
            mine = [run for run in runs(found) if (run[0].event.namespace, run[0].event.leg) == (inode, leg)]
            if partial and not mine:
                continue
            met = [one for one in walk.traversals if one.at.inode == inode and _leg(one) == leg]
            met = [one for one in met if one.where.backend in backends]
            events = [one for run in _settled(mine, rules, _of_run) for one in run]
            expected = [(hit, one.sure) for one in _settled(met, rules, _of_traversal) for hit in one.hits]
            if partial:
                expected = _since(events[0], expected)
            count, difference = _parting(inode, rules, events, expected)
            same += count
            first = first or difference
    return Comparison(same, len(found), first)


def best(
    found: Sequence[Joined], walks: Sequence[Walk], heard: Heard, partial: bool = False
) -> tuple[Walk, Comparison] | None:
    """Return the way that fits the trace best, and how it does: the kernel has taken one of them."""
    every = [(walk, compare(found, walk, heard, partial)) for walk in walks]
    return max(every, key=lambda one: (one[1].difference is None, one[1].same), default=None)


def runs(found: Iterable[Joined]) -> list[list[Joined]]:
    """Return the events, those of one base chain and packet together, in the order in which the runs began."""
    by_run: dict[tuple[int | None, int], list[Joined]] = {}
    for one in found:
        by_run.setdefault((one.event.namespace, one.event.run), []).append(one)
    return list(by_run.values())


def _settled(items: list[T], rules: Ruleset, where: Callable[[T], tuple[Place, str, str]]) -> list[T]:
    """Put neighbours that hang at one hook with one priority, and that one packet passes, in an order of our own."""
    settled: list[T] = []
    for _, group in groupby(items, lambda item: _rank(rules, *where(item))):
        settled.extend(sorted(group, key=lambda item: _spot(where(item)[0])))
    return settled


def _rank(rules: Ruleset, place: Place, src: str, dst: str) -> tuple[object, ...]:
    found = rules.base(place)
    return (found.hook, runs_at(found), src, dst) if found is not None else (place, src, dst)


def _of_run(run: list[Joined]) -> tuple[Place, str, str]:
    packet = run[0].event.packet
    return run[0].place, packet.src if packet else "", packet.dst if packet else ""


def _of_traversal(one: Traversal) -> tuple[Place, str, str]:
    packet = one.packet.payload if isinstance(one.packet, Frame) else one.packet
    return (one.where, packet.src, packet.dst) if isinstance(packet, Ip) else (one.where, "", "")


def _leg(one: Traversal) -> Leg | None:
    """The leg of an IP packet of the conversation, in a chain that a trace tells of; None for all else."""
    payload = one.packet.payload if isinstance(one.packet, Frame) else one.packet
    if not isinstance(payload, Ip) or one.where.table.startswith(OWN) or one.where.family == "ip6":
        return None
    while isinstance(payload, Ip) and isinstance(payload.inner, Frame):
        payload = payload.inner.payload
    return payload.flow.leg if isinstance(payload, Ip) and not payload.flow.arp else None


def _since(first: Joined, expected: list[tuple[Hit, bool]]) -> list[tuple[Hit, bool]]:
    """What the walk has from the first event of the trace on; all of it where it has no such rule."""
    start = next((number for number, (hit, _) in enumerate(expected) if _same(first, hit)), 0)
    return expected[start:]


def _parting(
    inode: int, rules: Ruleset, events: Sequence[Joined], expected: Sequence[tuple[Hit, bool]]
) -> tuple[int, Difference | None]:
    """How far both go together, and where they part. A rule that may match and does nothing may be missing."""
    after, at = None, 0
    for number, event in enumerate(events):
        while at < len(expected) and not expected[at][0].sure and not _same(event, expected[at][0]):
            at += 1
        hit, sure = expected[at] if at < len(expected) else (None, not expected or expected[-1][1])
        if hit is None or not _same(event, hit):
            beside = hit or after
            sure = sure and not (beside is not None and _side_by_side(rules, event.place, beside.place))
            return number, Difference(inode, event, hit, after, sure)
        after, at = hit, at + 1
    rest = [(hit, sure) for hit, sure in expected[at:] if hit.sure]
    if not rest:
        return len(events), None
    hit, sure = rest[0]
    sure = sure and not (after is not None and _side_by_side(rules, hit.place, after.place))
    return len(events), Difference(inode, None, hit, after, sure)


def _side_by_side(rules: Ruleset, chain: Place, other: Place) -> bool:
    """Tell whether the table of `other` has a chain beside the base chain `chain`, at its hook with its priority.

    Which of them comes first is not known, and where both translate, the first one does.
    """
    base = rules.base(chain)
    if base is None or _table(chain) == _table(other):
        return False
    there = rules.base_chains(base.hook, (other.family,))
    return any(_table(where) == _table(other) and runs_at(one) == runs_at(base) for one, where in there)


def _table(place: Place) -> tuple[str, str, str]:
    return place.backend, place.family, place.table


def _same(event: Joined, hit: Hit) -> bool:
    if _spot(event.place) != _spot(hit.place):
        return False
    if event.event.kind == "policy" and event.number == 0:
        return hit.number == 0 and event.event.verdict in (None, hit.verdict)
    if hit.number == 0:
        return False
    # Where only a verdict is known of the rule, a jump has to go where the walk went.
    going = event.verdict if event.number is None and event.verdict else ""
    if going.startswith(("jump ", "goto ")) or hit.verdict.startswith(("jump ", "goto ")):
        return event.means(hit.number) or (event.number is None and going in ("", hit.verdict))
    return event.number is None or event.means(hit.number)


def _spot(place: Place) -> tuple[str, str, str, str]:
    return place.backend, place.family, place.table, place.chain
