"""What was observed beside what was predicted: whether they agree, what follows, and where they part. Pure.

The taps see a packet at each crossing, that is where it leaves or enters a device. A prediction names the crossings in
their order, so that the last one seen says how far the packet came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

from netdoctor.facts.links import Record
from netdoctor.facts.observed import Observation, Sighting
from netdoctor.kernel.endings import Answered, Ending, LeavesHost, NeighbourUnresolved, RuleDropped
from netdoctor.kernel.packet import IPPROTO_UDP, Arp, Frame, Ip, Leg, Place
from netdoctor.kernel.walk import Step, Walk
from netdoctor.report import Verdict

Outcome = Literal["answered", "lost", "silent"]


class Crossing(Record, frozen=True):
    """A packet of that leg leaves (`out`) or enters the device at `at`."""

    leg: Leg
    at: Place
    out: bool


class Way(Record, frozen=True):
    """One way in which the twin let the packet go, and what it ended with."""

    verdict: Verdict
    walk: Walk
    ending: Ending | None


class Judgement(Record, frozen=True):
    """What follows from an observation.

    `way` is the number of the predicted way that fits best. `verdict` is what was observed, `agrees` whether it was
    predicted. `last` is where the packet was seen last, None where no device saw it. `lost` tells that the observation,
    not the prediction, names the place of the loss; `beyond` that the packet came further than predicted there.
    """

    way: int
    verdict: Verdict
    agrees: bool
    last: Crossing | None
    outcome: Outcome
    lost: bool = False
    beyond: bool = False


def judge(ways: Sequence[Way], verdict: Verdict, seen: Observation) -> Judgement:
    """Hold an observation against all predicted ways; `verdict` is what they come to together."""
    number = max(range(len(ways)), key=lambda n: (*_fit(ways[n], seen), -n))
    way = ways[number]
    expected, met = predicted(way, seen.watched), _seen(seen.sightings)
    reached, strayed = _reached(expected, met), _unpredicted(ways, met)
    if isinstance(way.ending, RuleDropped) and way.ending.later:
        strayed = []  # the first fragment goes on, and it is the one that taps know
    last = _last(expected[:reached], met, strayed)
    if seen.answered:
        return Judgement(number, "reachable", verdict != "unreachable", last, "answered")
    if (
        not way.walk.steps
    ):  # it could not be walked: where between its ends the packet was lost, no tap was to see
        return Judgement(number, verdict, True, last, "lost")
    as_predicted = reached == len(expected) and not strayed
    if way.verdict == "reachable" and _silent(way, seen, met):
        return Judgement(number, verdict, True, last, "silent")
    if isinstance(way.ending, LeavesHost) and as_predicted and seen.sent:
        return Judgement(number, "unknown", True, last, "lost")
    if way.verdict == "unreachable":
        return Judgement(number, "unreachable", as_predicted, last, "lost", not as_predicted, bool(strayed))
    return Judgement(number, "unreachable", verdict == "unknown", last, "lost", True, bool(strayed))


def predicted(way: Way, watched: Sequence[int]) -> list[Crossing]:
    """Return the crossings of the packet on that way, in order, where there was a tap to see them.

    A packet that waits for a neighbour ends where it waits, whatever became of the question.
    """
    walk, ending = way.walk, way.ending
    final = next((end for end in walk.endings if isinstance(end, Answered)), ending)
    for _ in range(len(walk.endings)):
        if final is None or not final.flow.arp:
            break
        final = _waiting(walk, final)
    last = final.step if final is not None else len(walk.steps) - 1
    taps = set(watched)
    chain = walk.chain(last)
    if isinstance(final, RuleDropped) and final.hook == "input" and walk.steps[last].action == "up":
        chain.pop()  # the bridge's own input hook comes before its device receives the frame (br_pass_frame_up())
    steps = [step for number in chain if not _hidden((step := walk.steps[number]).carries)]
    if isinstance(final, NeighbourUnresolved) and any(
        _in_bridge(step) and step.at == final.at for step in steps
    ):
        # A new destination behind the same bridge is resolved before the frame goes on, up or anywhere.
        steps = [step for step in steps if step.at != final.at]
    return [crossing for step in steps for crossing in _crossings(step) if crossing.at.inode in taps]


def _hidden(carried: Frame | Ip | Arp) -> bool:
    """Taps know a probe by itself and within VXLAN; any other tunnel hides it."""
    packet = carried.payload if isinstance(carried, Frame) else carried
    while isinstance(packet, Ip) and packet.inner is not None:
        if packet.tunnel != "vxlan":
            return True
        packet = packet.inner.payload
    return False


def _in_bridge(step: Step) -> bool:
    """NAT while the packet is still a frame in a bridge: br_netfilter."""
    return step.stage == "nat" and isinstance(step.carries, Ip) and step.carries.physin is not None


def step_of(way: Way, crossing: Crossing) -> int:
    """Return the number of the step that makes a crossing, the first step where none does."""
    numbers = (number for number, step in enumerate(way.walk.steps) if crossing in _crossings(step))
    return next(numbers, 0)


def _waiting(walk: Walk, ending: Ending) -> Ending | None:
    """The ending of the packet for whose sake the neighbour resolution that `ending` ended was made."""
    asker = ending.flow.asker
    return next(
        (end for end in walk.endings if isinstance(end, NeighbourUnresolved) and end.asker == asker), None
    )


def _crossings(step: Step) -> Iterator[Crossing]:
    """What taps see of one step: nothing of a neighbour resolution, both directions of the loopback device."""
    if step.carries.flow.arp:
        return
    leg = step.carries.flow.leg
    yield from (Crossing(leg, step.at, out) for out in directions(step.stage, step.action))


def directions(stage: str, action: str) -> Iterator[bool]:
    """Whether taps see a packet leave (True) or enter (False) the device of a step, or both."""
    if stage == "transmit":
        yield True
    if stage == "receive" or (stage, action) in _TAKEN_IN:
        yield False


#: Steps that come in by a device without being received from another one.
_TAKEN_IN = {("transmit", "looped"), ("bridge", "up"), ("macvlan", "hand")}


def _seen(sightings: Sequence[Sighting]) -> dict[Crossing, bool]:
    """The crossings observed, in the order in which they were first, and whether all copies were for somebody else."""
    found: dict[Crossing, bool] = {}
    for one in sightings:
        if one.kind in ("request", "answer"):
            leg: Leg = "request" if one.kind == "request" else "reply"
            crossing = Crossing(leg, Place(one.inode, one.ifindex), one.out)
            found[crossing] = found.get(crossing, True) and one.stray
    return found


def _reached(expected: Sequence[Crossing], met: Iterable[Crossing]) -> int:
    """How many of the expected crossings were made: up to the last one that was seen."""
    seen = set(met)
    return max((number for number, one in enumerate(expected, 1) if one in seen), default=0)


def _unpredicted(ways: Sequence[Way], met: dict[Crossing, bool]) -> list[Crossing]:
    """The crossings that no way foresaw for any copy of the packet, but for copies that nobody heeds.

    Whose lladdr a frame has says nothing at a bridge port, which takes them all; so it counts only here.
    """
    steps = [step for way in ways for step in way.walk.steps]
    known = {one for step in steps for one in _crossings(step)}
    # A frame with a new destination leaves by the bridge's own device (br_nf_pre_routing_finish_bridge()).
    known.update(Crossing(step.carries.flow.leg, step.at, True) for step in steps if _in_bridge(step))
    return [one for one, stray in met.items() if one not in known and not stray]


def _fit(way: Way, seen: Observation) -> tuple[bool, int, int]:
    """How well a way fits: the same outcome first, then how much of it was seen, then that little was not."""
    expected, met = predicted(way, seen.watched), _seen(seen.sightings)
    reached = _reached(expected, met)
    return (way.verdict == "reachable") == bool(seen.answered), reached, reached - len(expected)


def _last(made: Sequence[Crossing], met: Iterable[Crossing], strayed: Sequence[Crossing]) -> Crossing | None:
    """Where the packet was last: by the predicted order as long as it kept to it, else by the clock."""
    if strayed:
        return strayed[-1]
    if made:
        return made[-1]
    return next(reversed(list(met)), None)


def _silent(way: Way, seen: Observation, met: Iterable[Crossing]) -> bool:
    """A datagram that came to its port, and was not refused: that a program does not answer is no fault of the way."""
    if not _is_udp(way.walk) or seen.refused or seen.drop:
        return False
    there = [one for one in predicted(way, seen.watched) if one.leg == "request"]
    made = set(met)
    return bool(there) and there[-1] in made and not any(one.leg == "reply" for one in made)


def _is_udp(walk: Walk) -> bool:
    return getattr(walk.steps[0].carries, "proto", None) == IPPROTO_UDP
