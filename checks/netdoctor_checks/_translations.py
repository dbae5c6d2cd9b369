"""The translations of a walk: which rule made them, where, and of what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.links import Record
from netdoctor.fix import command
from netdoctor.fix.firewall import Spot, native, tool
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.netfilter.branch import Hit
from netdoctor.kernel.netfilter.ruleset import ruleset_of
from netdoctor.kernel.packet import Flow, Frame, Ip, Place


class Translation(Record, frozen=True):
    """A packet's address was changed at `at`: `kind` is dnat or snat; `hit` is the rule."""

    at: Place
    kind: str
    before: Ip
    after: Ip
    hit: Hit

    @property
    def text(self) -> str:
        """The rule with its chain."""
        return f"rule {self.hit.number} of {self.hit.place.chain} (table {self.hit.place.table})"


def translations(case: Case, kind: str) -> Iterator[Translation]:
    """Every translation of the request on its way, the last one first."""
    for step in reversed(case.walk.steps):
        if step.stage != "nat" or step.action != kind or step.parent < 0:
            continue
        parent = case.walk.steps[step.parent]
        hit = parent.facts[-1] if parent.facts else None
        before, after = _packet(parent.carries), _packet(step.carries)
        if isinstance(hit, Hit) and before is not None and after is not None and after.flow.leg == "request":
            yield Translation(step.at, kind, before, after, hit)


class Exempted(Record, frozen=True):
    """A packet passed a NAT chain at `at` untranslated, and `hit` is the rule that accepted it or sent it back."""

    at: Place
    hook: str
    packet: Ip
    hit: Hit


def exempted(case: Case, hooks: tuple[str, ...]) -> Iterator[Exempted]:
    """Every rule that kept the request from the rest of a NAT chain at one of `hooks`, the last one first."""
    for step in reversed(case.walk.steps):
        hits = [hit for hit in step.facts if isinstance(hit, Hit)]
        packet, hook = _packet(step.carries), step.detail.partition(":")[0]
        if step.stage != "netfilter" or hook not in hooks or packet is None or packet.flow != Flow("request"):
            continue
        chains = ruleset_of(case.ns(step.at)).base_chains(hook, ("ip", "inet"))  # type: ignore[arg-type]
        if not hits or all(base.kind != "nat" or where != hits[0].place for base, where in chains):
            continue
        for hit in reversed(hits):
            if hit.verdict in ("accept", "return") and hit.rule is not None:
                yield Exempted(step.at, hook, packet, hit)


def destination(end: Ending) -> str | None:
    """Where the packet that ended was going."""
    packet = getattr(end, "packet", None)
    if isinstance(packet, Ip):
        return packet.dst
    return getattr(end, "destination", None) or getattr(end, "address", None)


def spot_of(case: Case, made: Translation | Exempted) -> Spot:
    """Where the rule stands that translates, or keeps from it."""
    where = made.hit.place
    spot = Spot(where.backend, where.family, where.table, where.chain, made.hit.number)
    handle = made.hit.rule.handle if made.hit.rule is not None and native(case.ns(made.at), spot) else None
    return Spot(where.backend, where.family, where.table, where.chain, made.hit.number, handle)


def shown(case: Case, made: Translation | Exempted) -> Proof:
    """The rule, and the command that lists its chain."""
    spot = spot_of(case, made)
    line = f"rule {spot.number} of {spot.chain} reads: {made.hit.text}"
    return Proof(line, chain_command(case, made.at, spot))


def chain_command(case: Case, at: Place, spot: Spot) -> command.Argv:
    """The command that lists the chain of a NAT rule."""
    if native(case.ns(at), spot):
        return command.enter(case.id(at), ("nft", "-a", "list", "chain", spot.family, spot.table, spot.chain))
    return command.enter(case.id(at), (tool(spot), "-t", spot.table, "-v", "-S", spot.chain))


def _packet(carries: Any) -> Ip | None:
    payload = carries.payload if isinstance(carries, Frame) else carries
    return payload if isinstance(payload, Ip) else None
