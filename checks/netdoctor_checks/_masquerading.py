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
from netdoctor.kernel.packet import Ip, Place


class Gap(Record, frozen=True):
    """A namespace that sends the request on by `at` with its source as it is, though it has a NAT chain for that."""

    at: Place
    spot: Spot
    source: str
    prefix: str
    siblings: tuple[str, ...]


def gaps(case: Case) -> Iterator[Gap]:
    """Every place on the request's way where it could have been masqueraded, the last one first."""
    for step in reversed(case.walk.steps):
        packet = step.carries
        if step.stage != "route" or step.action != "forward" or not isinstance(packet, Ip):
            continue
        if packet.flow.leg != "request" or packet.flow.arp or packet.vni is not None:
            continue
        rules = ruleset_of(case.ns(step.at))
        for base, where in rules.base_chains("postrouting", ("ip", "inet")):
            if base.kind == "nat" and not _exempt(rules, where, packet):
                spot = Spot(where.backend, where.family, where.table, where.chain)
                yield Gap(
                    step.at, spot, packet.src, _prefix(case, step.at, packet.src), _siblings(rules, where)
                )
                break


def _prefix(case: Case, at: Place, source: str) -> str:
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
