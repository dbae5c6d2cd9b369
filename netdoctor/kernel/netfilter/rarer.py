"""Conditions that are written less often: facts about a device, bits of a header, how many connections there are.

Sources: net/netfilter/nft_meta.c, nft_payload.c, nft_connlimit.c, xt_devgroup.c, xt_connlimit.c, nft_limit.c.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Literal

from msgspec.structs import replace

from netdoctor.kernel.netfilter import memory
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.membership import ICMP, WITH_PORTS
from netdoctor.kernel.netfilter.seen import ETH_P_IP, Seen
from netdoctor.kernel.netfilter.view import View

#: So many packets of one conversation may draw on a limit before its first answer is there.
DRAWN = 4
#: Names of link types (include/uapi/linux/if_arp.h) and of the device group 0 (/etc/iproute2/group).
LINK_TYPES = {"ether": 1, "ppp": 512, "ipip": 768, "loopback": 772, "sit": 776, "ipgre": 778}
GROUPS = {"default": 0}


class DeviceIs(m.Match, frozen=True):
    """The device's kind (IFLA_INFO_KIND), link type or group is one of `values`; numbers are compared under `mask`."""

    which: Literal["in", "out"] = "in"
    what: Literal["kind", "type", "group"] = "kind"
    values: tuple[str | int, ...] = ()
    mask: int = 0xFFFFFFFF


class HeaderBits(m.Match, frozen=True):
    """A number read from the network (`nh`) or transport header (`th`), from bit `offset`, `length` bits wide."""

    base: Literal["nh", "th"] = "nh"
    offset: int = 0
    length: int = 8
    ranges: tuple[tuple[int, int], ...] = ()
    mask: int | None = None


class MoreConnections(m.Match, frozen=True):
    """More than `than` connections are there, this one included, of those that a condition counts together."""

    than: int = 0
    text: str = ""


class Bucket(m.Chance, frozen=True):
    """A rate limit that lets `burst` packets through before it counts the time."""

    burst: int = 5


class FreshLimit(m.Match, frozen=True):
    """A rate limit of each element of a set (`add @set { … limit … }`): of a new one nothing has been drawn."""

    set: str = ""
    fields: tuple[str, ...] = ()
    over: bool = False
    text: str = ""


class MarkByMap(m.Statement, frozen=True):
    """Sets the mark of the packet (or `ct`, of its connection) to what a map gives; nothing found: the rule ends."""

    by: m.TranslateByMap
    ct: bool = False


class Alters(m.UnknownStatement, frozen=True):
    """A target that is not modelled and may do more than let on or drop: send elsewhere, answer, rewrite."""


class ToQueue(m.Verdict, frozen=True):
    """A `queue` verdict with the first and last number of the queues."""

    queues: tuple[int, int] = (0, 0)


def fresh_limit(match: FreshLimit, view: View) -> bool | None:
    """Undecided for an element that is there; a new one is not over its limit, unless the rule stops what is not."""
    if memory.holds(view, match.set, match.fields) is not False:
        return None
    if match.over:
        return False
    ends = view.rule.statements[-1] if view.rule is not None and view.rule.statements else None
    return True if isinstance(ends, m.Verdict) and ends.kind in ("accept", "return") else None


def device_is(match: DeviceIs, view: View) -> bool:
    """Compare a fact about the device; without a device, or a kind, the condition does not hold."""
    link = view.env.device((view.seen.iif if match.which == "in" else view.seen.oif) or "")
    if link is None:
        return False
    if match.what == "kind":
        return link.kind is not None and (link.kind in match.values) != match.negated
    number = (link.arp_type if match.what == "type" else link.group) & match.mask
    return (number in match.values) != match.negated


def header_bits(match: HeaderBits, view: View) -> bool | None:
    """Compare bits of a header; None for bits that the twin does not have."""
    seen = view.seen
    if seen.ethertype != ETH_P_IP or (match.base == "th" and seen.fragment):
        return None
    fields = _network(seen) if match.base == "nh" else _transport(seen)
    value = _bits(fields, range(match.offset, match.offset + match.length))
    if value is None:
        return None
    value &= match.mask if match.mask is not None else value
    return any(first <= value <= last for first, last in match.ranges) != match.negated


Fields = tuple[tuple[int, int, int], ...]


def _bits(fields: Fields, wanted: range) -> int | None:
    value = 0
    for bit in wanted:
        holder = next((field for field in fields if field[0] <= bit < field[0] + field[1]), None)
        if holder is None:
            return None
        start, width, number = holder
        value = value << 1 | number >> (start + width - 1 - bit) & 1
    return value


def _network(seen: Seen) -> Fields:
    """Where the twin's fields stand in an IPv4 header without options: first bit, bits, value."""
    known = ((0, 8, 0x45), (8, 8, seen.tos), (16, 16, seen.length), (64, 8, seen.ttl), (72, 8, seen.proto))
    return (*known, (96, 32, int(ip_address(seen.src))), (128, 32, int(ip_address(seen.dst))))


def _transport(seen: Seen) -> Fields:
    if seen.proto in ICMP and seen.icmp_type is not None:
        return ((0, 8, seen.icmp_type), (8, 8, seen.icmp_code or 0))
    if seen.proto not in WITH_PORTS:
        return ()
    picked = seen.ephemeral[0] if seen.ephemeral is not None else None
    ports = ((0, seen.sport), (16, seen.dport))
    known = tuple((at, 16, port) for at, port in ports if port is not None and port != picked)
    rest = (104, 8, seen.tcp_flags) if seen.proto == 6 else (32, 16, seen.length - 20)
    return (*known, rest) if seen.proto in (6, 17) else known


def more_connections(match: MoreConnections, view: View) -> bool | None:
    """Not more than a number that all connections of the namespace together do not reach; else undecided."""
    most = view.env.connections()
    if most is None or most > match.than:
        return None
    return match.negated


def settled(
    matches: tuple[m.Match, ...], statements: tuple[m.Statement, ...], packets: int | None
) -> tuple[m.Match, ...]:
    """Decide a limit at the end of a rule that lets packets on: what it has counted cannot have used up the burst.

    What a limit stops stays undecided: it stops some packets of a conversation, and lets others pass.
    """
    last = matches[-1] if matches else None
    if packets is None or not isinstance(last, Bucket) or not last.likely or last.negated:
        return matches
    ends = statements[-1] if statements else None
    lets_on = isinstance(ends, m.Verdict) and ends.kind in ("accept", "return")
    if not lets_on or packets + DRAWN > last.burst:
        return matches
    return (*matches[:-1], replace(last, certain=True))
