"""A packet before the rules of one chain, with what its conditions may ask."""

from __future__ import annotations

from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.environment import Environment, Rules
from netdoctor.kernel.netfilter.membership import V6, number_of
from netdoctor.kernel.netfilter.seen import Seen


class View:
    """A packet before the rules of one chain; `rule` is the one it stands before."""

    __slots__ = ("env", "number", "place", "rule", "rules", "seen")

    def __init__(self, seen: Seen, env: Environment, rules: Rules, place: m.Place) -> None:
        self.seen = seen
        self.env = env
        self.rules = rules
        self.place = place
        self.rule: m.FirewallRule | None = None
        self.number: dict[str, int] = {}
        if seen.is_ip:
            sides = (("src", seen.src), ("dst", seen.dst))
            self.number = {side: number_of(text) for side, text in sides if text}

    @property
    def xtables(self) -> bool:
        """The rule is one of iptables, whichever backend keeps it: its text is what the save format has."""
        return self.place.backend == "legacy" or (self.rule is not None and self.rule.text[:1] == "-")


#: Of numbers that cannot be known, fewer than this share are not hit.
SELDOM = 1 / 64


def port_inside(port: int, ranges: tuple[tuple[int, int], ...], seen: Seen) -> bool | None:
    """Tell whether a port lies in one of `ranges`; None where it is one that the kernel has yet to pick."""
    if seen.ephemeral is None or port != seen.ephemeral[0]:
        return any(first <= port <= last for first, last in ranges)
    _, low, high = seen.ephemeral
    held, at = 0, low
    for first, last in sorted(ranges):
        begin, end = max(first, at), min(last, high)
        if begin <= end:
            held, at = held + end - begin + 1, end + 1
    share = held / (high - low + 1)
    return None if SELDOM < share < 1 - SELDOM else share > 0.5


def inside(value: int, ranges: tuple[tuple[int, int], ...], version: int, negated: bool) -> bool:
    """Tell whether an address lies in one of `ranges` of that IP version; one of the other version never holds."""
    if (version == 6) != (value >= V6):
        return False
    value &= V6 - 1
    return any(first <= value <= last for first, last in ranges) != negated
