"""Where masquerading is set up for others and not for this source."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network

from netdoctor.case import Case
from netdoctor.facts.links import Record
from netdoctor.fix.firewall import Spot
from netdoctor.kernel.netfilter.model import Address, FirewallRule
from netdoctor.kernel.netfilter.model import Place as Where
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of
from netdoctor.kernel.packet import Frame, Ip, Place
from netdoctor_checks._translations import exempted, spot_of


class Gap(Record, frozen=True):
    """A namespace that sends the request on by `at` with its source as it is, though it has a NAT chain for that.

    Where a rule exempts the request, `spot` is that rule's, and `only` the destination that it is about.
    """

    at: Place
    spot: Spot
    source: str
    prefix: str
    siblings: tuple[str, ...]
    only: str | None = None


def gaps(case: Case, hairpin: bool) -> Iterator[Gap]:
    """Every place on the request's way where it could have been masqueraded, the last one first.

    Where a rule exempts source and destination it is left alone, unless it comes back to its own sender (`hairpin`).
    """
    for at, packet in _ways(case, hairpin):
        rules = ruleset_of(case.ns(at))
        for base, where in rules.base_chains("postrouting", ("ip", "inet")):
            if base.kind == "nat" and (hairpin or not _exempt(rules, where, packet)):
                spot, before = Spot(where.backend, where.family, where.table, where.chain), _exemption(case, at, where)
                only = packet.dst if before is not None else None
                subnet = prefix_of(case, at, packet.src)
                yield Gap(at, before or spot, packet.src, subnet, _siblings(rules, where), only)
                break


def _exemption(case: Case, at: Place, where: Where) -> Spot | None:
    """The place of the rule of the chain itself that sent the request past the rest of it."""
    found = (by for by in exempted(case, ("postrouting",)) if by.at == at and by.hit.place == where)
    return next((spot_of(case, by) for by in found), None)


def _ways(case: Case, hairpin: bool) -> Iterator[tuple[Place, Ip]]:
    """The devices by which the request was sent on, by routing or (`hairpin`) inside a bridge, the last one first."""
    for step in reversed(case.walk.steps):
        packet = step.carries.payload if isinstance(step.carries, Frame) else step.carries
        if (
            not isinstance(packet, Ip)
            or packet.flow.leg != "request"
            or packet.flow.arp
            or packet.inner is not None
        ):
            continue
        if (step.stage, step.action) == ("route", "forward"):
            yield step.at, packet
        link = case.link(step.at)
        if (
            hairpin
            and (step.stage, step.action) == ("bridge", "forward")
            and link is not None
            and link.master
        ):
            yield Place(step.at.inode, link.master), packet


def prefix_of(case: Case, at: Place, source: str) -> str:
    """The subnet of the source, as the namespace has it on a device of its own."""
    for ifa in case.ns(at).addresses():
        network = ip_network(f"{ifa.local}/{ifa.prefixlen}", strict=False)
        if ifa.family == 2 and ip_address(source) in network and ifa.ifindex != at.ifindex:
            return str(network)
    return f"{source}/32"


def _siblings(rules: Ruleset, where: Where) -> tuple[str, ...]:
    return tuple(
        rule.text
        for rule in rules.rules(where)
        if "masquerade" in rule.text.lower() or "snat" in rule.text.lower()
    )


def _exempt(rules: Ruleset, where: Where, packet: Ip) -> bool:
    """Tell whether a rule speaks of this very source and destination: then it is left alone on purpose."""
    every = [
        place for place in rules.places() if (place.backend, place.family, place.table) == where_key(where)
    ]
    return any(_speaks_of(rule, packet) for place in every for rule in rules.rules(place))


def where_key(where: Where) -> tuple[str, str, str]:
    """The table of a chain."""
    return where.backend, where.family, where.table


def _speaks_of(rule: FirewallRule, packet: Ip) -> bool:
    sides = {match.side for match in rule.matches if isinstance(match, Address) and _covers(match, packet)}
    return sides >= {"src", "dst"}


def _covers(match: Address, packet: Ip) -> bool:
    number = int(ip_address(packet.src if match.side == "src" else packet.dst))
    return any(first <= number <= last for first, last in match.ranges)
