"""One base chain passed by one packet of a walk: what a trace of the real packet is held against."""

from __future__ import annotations

from netdoctor.facts.links import Record
from netdoctor.kernel.netfilter.branch import Hit, Result
from netdoctor.kernel.netfilter.model import Hook
from netdoctor.kernel.netfilter.model import Place as Where
from netdoctor.kernel.packet import Arp, Frame, Ip, Place


class Traversal(Record, frozen=True):
    """Where (`at`, `hook`, the base chain `where`), what packet as it came in, and the rules it met, in order.

    `step` is the walk's step before it, `port` the bridge port by which the packet is to leave, where it is known.
    `sure` is False where the facts do not decide all of it: a rule may have been
    met or not.
    """

    step: int
    at: Place
    hook: Hook
    where: Where
    packet: Frame | Ip | Arp
    hits: tuple[Hit, ...]
    sure: bool
    port: str | None = None


def traversal(
    step: int,
    at: Place,
    hook: Hook,
    where: Where,
    packet: Frame | Ip | Arp,
    result: Result,
    port: str | None = None,
) -> Traversal:
    """Note how a packet passed a base chain."""
    sure = not result.guessed and all(hit.sure for hit in result.met)
    return Traversal(step, at, hook, where, packet, result.traced, sure, port)
