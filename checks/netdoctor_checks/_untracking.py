"""Rules that exempt a packet from connection tracking, as the walk met them."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.links import Record
from netdoctor.fix import command
from netdoctor.fix.change import Fix
from netdoctor.fix.firewall import DeleteFirewallRule, Spot, native, tool
from netdoctor.kernel.netfilter.branch import Hit
from netdoctor.kernel.packet import Place


class Exemption(Record, frozen=True):
    """The rule, and the namespace in which it exempted the packet."""

    at: Place
    hit: Hit
    spot: Spot

    @property
    def text(self) -> str:
        """The rule by its place."""
        return f"rule {self.hit.number} of {self.hit.place.chain} in table {self.hit.place.table}"


def exemptions(case: Case) -> Iterator[Exemption]:
    """Every rule that took a packet of this conversation out of tracking, the last one first, each once."""
    seen = set()
    for step in reversed(case.walk.steps):
        for hit in step.facts:
            if (
                not isinstance(hit, Hit)
                or hit.verdict != "notrack"
                or (step.at.inode, hit.place, hit.number) in seen
            ):
                continue
            seen.add((step.at.inode, hit.place, hit.number))
            where = hit.place
            spot = Spot(where.backend, where.family, where.table, where.chain, hit.number)
            is_native = hit.rule is not None and native(case.ns(step.at), spot)
            handle = hit.rule.handle if is_native and hit.rule is not None else None
            yield Exemption(step.at, hit, Spot(*_key(spot), hit.number, handle))


def tracked(case: Case, found: Exemption) -> Fix:
    """The packet is tracked again."""
    change = DeleteFirewallRule(found.at.inode, found.spot)
    return Fix(f"delete {found.text} in {case.label(found.at)}", (change,), "high")


def shown(case: Case, found: Exemption) -> Proof:
    """The rule, and the command that lists its chain."""
    spot = found.spot
    words: tuple[str, ...] = (tool(spot), "-t", spot.table, "-v", "-S", spot.chain)
    if native(case.ns(found.at), spot):
        words = ("nft", "-a", "list", "chain", spot.family, spot.table, spot.chain)
    return Proof(f"{found.text} reads: {found.hit.text}", command.enter(case.id(found.at), words))


def _key(spot: Spot) -> tuple[str, str, str, str]:
    return spot.backend, spot.family, spot.table, spot.chain
