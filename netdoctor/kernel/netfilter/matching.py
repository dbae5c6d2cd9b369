"""Whether a rule's condition holds for a packet: True, False, or None where it cannot be said.

A field that the packet does not have makes an nftables expression break off, negated or not; xtables matches differ,
and each says here what it does. Sources: net/netfilter/xt_*.c, nft_payload.c, nft_meta.c, nft_ct.c, ip_tables.c.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from netdoctor.kernel.netfilter import connection, membership, memory, rarer
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.membership import ICMP, WITH_PORTS
from netdoctor.kernel.netfilter.seen import ETH_P_ARP, Seen
from netdoctor.kernel.netfilter.view import SELDOM, View, inside, port_inside

IPPROTO_TCP = 6


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
    return inside(value, match.ranges, match.version, match.negated)


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
    found = [port_inside(port, match.ranges, seen) for port in sides if port is not None]
    if True not in found and None in found:
        return None
    return (True in found) != match.negated


def _raw_port(match: m.Port, seen: Seen) -> bool | None:
    """`th dport` reads two bytes of whatever is there (nft_payload.c): of ICMP type and code, then the checksum."""
    if match.side == "src" and seen.icmp_type is not None:
        value = seen.icmp_type << 8 | (seen.icmp_code or 0)
        return any(first <= value <= last for first, last in match.ranges) != match.negated
    share = sum(last - first + 1 for first, last in match.ranges) / 0x10000
    return None if SELDOM < share < 1 - SELDOM else (share > 0.5) != match.negated


_PORTS = {"src": "sport", "dst": "dport"}


def _icmp(match: m.IcmpType, view: View) -> bool:
    seen = view.seen
    if seen.fragment or seen.proto not in ICMP or seen.icmp_type is None or not seen.is_ip:
        return False
    first, last = match.codes
    same = match.type in (255, seen.icmp_type)
    inside = same and first <= (seen.icmp_code or 0) <= last
    return inside != match.negated


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
        noted = memory.noted_in(view, match.name, match.fields)
        if noted is not None:
            return noted != match.negated
        found = view.rules.set(view.place, match.name, membership.key_of(match.fields, view.seen))
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


_TYPES = {"host": "unicast", "otherhost": "other"}


def _fragment(match: m.Fragment, view: View) -> bool:
    return view.seen.is_ip and view.seen.fragment != match.negated


def _owner(match: m.Owner, view: View) -> bool | None:
    seen = view.seen
    if seen.uid is None:
        # Without an owner, xt_owner holds where all that was asked was asked the other way round, nft_meta never.
        return (seen.socket if match.exists else False) != match.negated if view.xtables else False
    asked = [(wanted, mine) for wanted, mine in ((match.uid, seen.uid), (match.gid, seen.gid)) if wanted is not None]
    found = [None if mine is None else wanted[0] <= mine <= wanted[1] for wanted, mine in asked]
    if None in found and False not in found:
        return None
    return all(found) != match.negated


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
    m.State: connection.state,
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
    m.CtAddress: connection.address,
    m.CtPort: connection.port,
    m.CtDirection: connection.direction,
    m.CtProtocol: connection.protocol,
    m.CtStatus: connection.status,
    rarer.Bucket: _chance,
    rarer.FreshLimit: rarer.fresh_limit,
    rarer.DeviceIs: rarer.device_is,
    rarer.HeaderBits: rarer.header_bits,
    rarer.MoreConnections: rarer.more_connections,
}
