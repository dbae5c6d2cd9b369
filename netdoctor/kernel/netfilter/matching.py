"""Whether a rule's condition holds for a packet: True, False, or None where it cannot be said.

A field that the packet does not have makes an nftables expression break off, negated or not; xtables matches differ,
and each says here what it does. Sources: net/netfilter/xt_*.c, nft_payload.c, nft_meta.c, nft_ct.c, ip_tables.c.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from netdoctor.kernel.netfilter import membership
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.environment import Environment, Rules
from netdoctor.kernel.netfilter.membership import ICMP, V6, WITH_PORTS, number_of
from netdoctor.kernel.netfilter.seen import ETH_P_ARP, Seen, Tuple

IPPROTO_TCP = 6


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


def holds(match: m.Match, view: View) -> bool | None:
    """Say whether `match` holds for the packet in `view`; None for what is not modelled."""
    test = _TESTS.get(type(match))
    return None if test is None else test(match, view)


def _unknown(match: m.Unknown, view: View) -> None:
    return None


def _never(match: m.Never, view: View) -> bool:
    return False


def _address(match: m.Address, view: View) -> bool:
    value = view.number.get(match.side)
    if value is None:
        return False
    return _inside(value, match.ranges, match.version, match.negated)


def _inside(value: int, ranges: tuple[tuple[int, int], ...], version: int, negated: bool) -> bool:
    if (version == 6) != (value >= V6):
        return False
    value &= V6 - 1
    return any(first <= value <= last for first, last in ranges) != negated


def _interface(match: m.Interface, view: View) -> bool:
    seen = view.seen
    field = _DEVICES.get(match.which)
    if field is not None:
        # A device that is not there has the empty name (nulldevname, nft_meta_store_ifname()).
        return _named(getattr(seen, field) or "", match) != match.negated
    if not _bridge_info(seen):
        return match.negated
    if match.which == "physin":
        return seen.physin is None or _named(seen.physin, match) != match.negated
    return seen.physout is not None and _named(seen.physout, match) != match.negated


_DEVICES = {"in": "iif", "out": "oif", "brin": "brin", "brout": "brout"}


def _named(name: str, match: m.Interface) -> bool:
    if match.wildcard:
        return any(name.startswith(prefix) for prefix in match.names)
    return name in match.names


def _bridge_info(seen: Seen) -> bool:
    """nf_bridge_info_exists(): it came in by, or leaves by, a bridge port under br_netfilter's eyes."""
    return seen.bridged or seen.physin is not None or seen.physout is not None


def _phys_bridged(match: m.PhysBridged, view: View) -> bool:
    seen = view.seen
    if not _bridge_info(seen):
        return match.negated
    port = seen.physin if match.which == "in" else seen.physout
    return (port is not None) != match.negated


def _protocol(match: m.Protocol, view: View) -> bool:
    if not view.seen.is_ip:
        return False
    return (0 in match.numbers or view.seen.proto in match.numbers) != match.negated


def _port(match: m.Port, view: View) -> bool | None:
    seen = view.seen
    if seen.fragment or not seen.is_ip:
        return False
    if seen.proto not in WITH_PORTS:
        return False if view.xtables else _raw_port(match, seen)
    sides = (seen.sport, seen.dport) if match.side == "either" else (getattr(seen, _PORTS[match.side]),)
    inside = any(port is not None and first <= port <= last for port in sides for first, last in match.ranges)
    return inside != match.negated


def _raw_port(match: m.Port, seen: Seen) -> bool | None:
    """`th dport` reads two bytes of whatever is there (nft_payload.c): of ICMP type and code, then the checksum."""
    if match.side == "src" and seen.icmp_type is not None:
        value = seen.icmp_type << 8 | (seen.icmp_code or 0)
        return any(first <= value <= last for first, last in match.ranges) != match.negated
    share = sum(last - first + 1 for first, last in match.ranges) / 0x10000
    return None if SELDOM < share < 1 - SELDOM else (share > 0.5) != match.negated


#: A checksum that hits fewer of all numbers than this does not hit.
SELDOM = 1 / 64
_PORTS = {"src": "sport", "dst": "dport"}


def _icmp(match: m.IcmpType, view: View) -> bool:
    seen = view.seen
    if seen.fragment or seen.proto not in ICMP or seen.icmp_type is None or not seen.is_ip:
        return False
    first, last = match.codes
    same = match.type in (255, seen.icmp_type)
    inside = same and first <= (seen.icmp_code or 0) <= last
    return inside != match.negated


def _state(match: m.State, view: View) -> bool:
    seen = view.seen
    if not seen.tracked and not view.xtables and not any(state in _STATES for state in match.states):
        # `ct status` has nothing to compare without a connection; `--ctstate ! DNAT` has the state.
        return False
    mine = {seen.ct_state, *(seen.ct_status if seen.tracked else ())}
    return any(state in mine for state in match.states) != match.negated


_STATES = frozenset({"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"})


def _mark(match: m.Mark, view: View) -> bool:
    if match.ct and not view.seen.tracked:
        return False
    mark = view.seen.ct_mark if match.ct else view.seen.mark
    return (mark & match.mask == match.value) != match.negated


def _tcp_flags(match: m.TcpFlags, view: View) -> bool:
    seen = view.seen
    if seen.fragment or seen.proto != IPPROTO_TCP or not seen.is_ip:
        return False
    return (seen.tcp_flags & match.mask == match.set) != match.negated


def _address_type(match: m.AddressType, view: View) -> bool:
    seen = view.seen
    address = seen.src if match.side == "src" else seen.dst
    if not address or not seen.is_ip:
        return False
    device = (seen.iif or "") if match.limit_in else (seen.oif or "") if match.limit_out else None
    found = view.env.address_type(address, device)
    return (found.upper() in {kind.upper() for kind in match.types}) != match.negated


def _in_set(match: m.InSet, view: View) -> bool | None:
    if match.name:
        found = view.rules.set(view.place, match.name)
        if found is None or not found.known:
            return None
        answer = membership.find(found.elements, match.fields, view.seen, found.exceptions)
    else:
        answer = membership.find_key(match.inline, match.fields, view.seen)
    if answer is None:
        # ip_set_test() takes an absent field for "not in the set"; nftables breaks off.
        return match.negated and view.xtables
    return None if answer[0] is None else answer[0] != match.negated


def _range(match: m.Range, view: View) -> bool:
    if not view.seen.is_ip:
        return False
    value: int = getattr(view.seen, match.what)
    return (match.first <= value <= match.last) != match.negated


def _mac(match: m.Mac, view: View) -> bool:
    lladdr = view.seen.smac if match.side == "src" else view.seen.dmac
    if not lladdr:
        return False
    return (lladdr.lower() == match.lladdr.lower()) != match.negated


def _packet_type(match: m.PacketType, view: View) -> bool:
    return (_TYPES.get(match.type, match.type) == view.seen.pkttype) != match.negated


_TYPES = {"host": "unicast"}


def _fragment(match: m.Fragment, view: View) -> bool:
    return view.seen.is_ip and view.seen.fragment != match.negated


def _owner(match: m.Owner, view: View) -> bool:
    seen = view.seen
    if seen.uid is None and seen.gid is None:
        # Without a socket, xt_owner holds where all that was asked was asked the other way round, nft_meta never.
        return match.negated and view.xtables
    inside = all(
        asked is None or (mine is not None and asked[0] <= mine <= asked[1])
        for asked, mine in ((match.uid, seen.uid), (match.gid, seen.gid))
    )
    return inside != match.negated


def _reverse_path(match: m.RpFilter, view: View) -> bool:
    if not view.seen.is_ip:
        return False
    passes = view.env.reverse_path(view.seen, match.loose, match.accept_local, match.validmark)
    return passes != match.negated


def _chance(match: m.Chance, view: View) -> bool | None:
    return (match.likely != match.negated) if match.certain else None


def _ether_type(match: m.EtherType, view: View) -> bool:
    return (view.seen.ethertype in match.numbers) != match.negated


def _arp(match: m.ArpField, view: View) -> bool | None:
    seen = view.seen
    if seen.ethertype != ETH_P_ARP:
        return False
    if match.field == "operation":
        mine = _OPERATIONS.get(seen.arp_op or 0, "")
        names = {mine, str(seen.arp_op)}
        return any(value.lower() in names for value in match.values) != match.negated
    field = _ARP_FIELDS.get(match.field)
    if field is None:
        return None
    answer = membership.find_key(_keys(match.values), (field,), seen)
    if answer is None:
        return False
    return None if answer[0] is None else answer[0] != match.negated


@lru_cache(maxsize=1024)
def _keys(values: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple((value,) for value in values)


_OPERATIONS = {1: "request", 2: "reply"}
_ARP_FIELDS = {"saddr": "arp_saddr", "daddr": "arp_daddr", "smac": "arp_smac", "dmac": "arp_dmac"}


def _ct_status(match: m.CtStatus, view: View) -> bool:
    seen = view.seen
    if not seen.tracked:
        return False
    mine = {*seen.ct_status, *_implied_status(seen)}
    return any(status in mine for status in match.statuses) != match.negated


def _implied_status(seen: Seen) -> tuple[str, ...]:
    """What a state says of the connection; an ICMP error is RELATED to one that is there, and is no reply of it."""
    if seen.ct_state == "ESTABLISHED":
        return "CONFIRMED", "SEEN_REPLY"
    if seen.ct_state == "RELATED":
        return ("CONFIRMED",) if seen.proto in ICMP else ("EXPECTED",)
    return ()


def _tuple(direction: str, seen: Seen) -> Tuple | None:
    """One direction of the packet's connection, None if it is not known here."""
    known = seen.ct_original if direction == "original" else seen.ct_reply
    if known is not None or seen.ct_state != "NEW":
        return known
    if direction == "original":
        return Tuple(seen.src, seen.dst, seen.sport, seen.dport)
    return Tuple(seen.dst, seen.src, seen.dport, seen.sport)


def _ct_address(match: m.CtAddress, view: View) -> bool | None:
    if not view.seen.tracked:
        return False
    known = _tuple(match.direction, view.seen)
    if known is None:
        return None
    value = number_of(known.src if match.side == "src" else known.dst)
    return _inside(value, match.ranges, match.version, match.negated)


def _ct_port(match: m.CtPort, view: View) -> bool | None:
    seen = view.seen
    if not seen.tracked:
        return False
    known = _tuple(match.direction, seen)
    port = None if known is None else known.sport if match.side == "src" else known.dport
    if _ct_proto(seen) in ICMP and match.side == "dst":
        # An echo has type and code in place of the port it goes to, and its id in place of the other.
        port = _ECHO[match.direction, seen.proto]
    if port is None:
        return None
    return any(first <= port <= last for first, last in match.ranges) != match.negated


_ECHO = {("original", 1): 8 << 8, ("reply", 1): 0, ("original", 58): 128 << 8, ("reply", 58): 129 << 8}


def _ct_proto(seen: Seen) -> int | None:
    """The connection's protocol: the packet's, unless that is an error about it."""
    if seen.ct_proto is not None:
        return seen.ct_proto
    return None if seen.ct_state == "RELATED" and seen.proto in ICMP else seen.proto


def _ct_protocol(match: m.CtProtocol, view: View) -> bool | None:
    if not view.seen.tracked:
        return False
    number = _ct_proto(view.seen)
    return None if number is None else (number in match.numbers) != match.negated


def _ct_direction(match: m.CtDirection, view: View) -> bool | None:
    if not view.seen.tracked:
        return False
    return (view.seen.ct_replying == (match.direction == "reply")) != match.negated


def _socket(match: m.Socket, view: View) -> bool | None:
    if view.seen.proto in ICMP:
        return match.negated
    return None


def _any_of(match: m.AnyOf, view: View) -> bool | None:
    unsure = False
    for alternative in match.alternatives:
        held = [holds(part, view) for part in alternative]
        if all(held):
            return not match.negated
        unsure = unsure or False not in held
    return None if unsure else match.negated


_TESTS: dict[type[m.Match], Callable[[Any, View], bool | None]] = {
    m.Unknown: _unknown,
    m.Address: _address,
    m.Interface: _interface,
    m.Protocol: _protocol,
    m.Port: _port,
    m.IcmpType: _icmp,
    m.State: _state,
    m.Mark: _mark,
    m.TcpFlags: _tcp_flags,
    m.AddressType: _address_type,
    m.InSet: _in_set,
    m.Range: _range,
    m.Mac: _mac,
    m.PacketType: _packet_type,
    m.Fragment: _fragment,
    m.Owner: _owner,
    m.RpFilter: _reverse_path,
    m.Chance: _chance,
    m.PhysBridged: _phys_bridged,
    m.EtherType: _ether_type,
    m.ArpField: _arp,
    m.Never: _never,
    m.AnyOf: _any_of,
    m.Socket: _socket,
    m.CtAddress: _ct_address,
    m.CtPort: _ct_port,
    m.CtDirection: _ct_direction,
    m.CtProtocol: _ct_protocol,
    m.CtStatus: _ct_status,
}
