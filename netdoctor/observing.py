"""From an observation to the parts of the report: the probe, the agreement, and the ending where the two part. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Literal

from netdoctor.agreement import Crossing, Judgement, Way, step_of
from netdoctor.drop_reasons import meaning
from netdoctor.facts.host import Host
from netdoctor.facts.observed import Observation
from netdoctor.kernel.endings import ObservedLoss
from netdoctor.kernel.packet import Flow, Place
from netdoctor.kernel.topology import link_at
from netdoctor.places import namespace_ref
from netdoctor.report import Agreement, Cause, ProbePart, Spot, TapPart

PLEASE = "this is a mistake of netdoctor, or something that it does not know: please send the report (--json)"


def loss(way: Way, judged: Judgement, seen: Observation, inode: int) -> ObservedLoss:
    """Return the ending of a packet that was lost where it was not foreseen; `inode` is the sender's namespace."""
    last, drop = judged.last, seen.drop
    at = last.at if last is not None else Place(inode, 0)
    return ObservedLoss(
        Flow(last.leg if last is not None else "request"),
        at,
        step_of(way, last) if last is not None else 0,
        last.out if last is not None else None,
        drop.reason if drop is not None else None,
        drop.function if drop is not None else None,
        seen.refused,
    )


def probe_part(host: Host, judged: Judgement | None, seen: Observation) -> ProbePart:
    """Write what was sent and what each device saw of it, in the order of time."""
    counts = Counter((one.inode, one.ifindex, one.out, one.kind) for one in seen.sightings)
    taps = tuple(
        TapPart(namespace_ref(host, inode), _name(host, inode, ifindex), _direction(out), number, kind)
        for (inode, ifindex, out, kind), number in counts.items()
    )
    last = judged.last if judged is not None else None
    drop = seen.drop
    return ProbePart(
        seen.began,
        seen.sent,
        seen.answered,
        _spot(host, last) if last is not None else None,
        seen.refused,
        drop.reason if drop is not None else None,
        drop.function if drop is not None else None,
        meaning(drop.reason) if drop is not None else None,
        taps,
    )


def agreement_part(
    host: Host, witness: Agreement | None, judged: Judgement, seen: Observation, foreseen: Sequence[Cause]
) -> Agreement:
    """Put what the packet showed beside what the kernel answered; `foreseen` are the causes that were predicted."""
    notes = [witness.note] if witness is not None else []
    notes.append(_note(host, judged, seen, foreseen))
    agrees = judged.agrees and (witness is None or witness.agrees)
    return Agreement(agrees, "; ".join(notes))


def _note(host: Host, judged: Judgement, seen: Observation, foreseen: Sequence[Cause]) -> str:
    where = place(host, judged.last)
    if judged.agrees:
        return {
            "answered": "a real packet was answered",
            "silent": f"a real packet came to its port ({where}), where the program did not answer it",
            "lost": f"a real packet was not answered; it was last seen {where}",
        }[judged.outcome]
    was = f"predicted was {foreseen[0].code}: {foreseen[0].title}" if foreseen else "an answer was predicted"
    happened = "it was answered" if seen.answered else f"it was not answered; it was last seen {where}"
    return f"{was}; a real packet was sent, and {happened}; {PLEASE}"


def place(host: Host, last: Crossing | None) -> str:
    """Say where a packet was seen last: `leaving eth0 of web`."""
    if last is None:
        return "nowhere: no device saw it"
    name = _name(host, last.at.inode, last.at.ifindex) or f"device {last.at.ifindex}"
    return f"{'leaving' if last.out else 'entering'} {name} of {namespace_ref(host, last.at.inode).name}"


def _spot(host: Host, last: Crossing) -> Spot:
    inode, ifindex = last.at.inode, last.at.ifindex
    return Spot(namespace_ref(host, inode), _name(host, inode, ifindex), _direction(last.out))


def _direction(out: bool) -> Literal["in", "out"]:
    return "out" if out else "in"


def _name(host: Host, inode: int, ifindex: int) -> str | None:
    link = link_at(host, Place(inode, ifindex))
    return link.name if link is not None else None
