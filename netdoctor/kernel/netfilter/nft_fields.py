"""Comparisons of one field of a packet with one or more values, as matches of the model."""

from __future__ import annotations

from collections.abc import Callable

from netdoctor.kernel.netfilter.model import (
    Address,
    AnyOf,
    ArpField,
    CtDirection,
    CtStatus,
    EtherType,
    IcmpType,
    Interface,
    Mac,
    Mark,
    Match,
    Never,
    Owner,
    PacketType,
    Port,
    Protocol,
    Range,
    State,
)
from netdoctor.kernel.netfilter.names import UndecodedError
from netdoctor.kernel.netfilter.nft_text import expression_text
from netdoctor.kernel.netfilter.nft_values import Json, Key, address_bounds, bounds, members, single
from netdoctor.kernel.netfilter.values import lladdr

Builder = Callable[[bool, list[Json], Key], Match]

_ARP_FIELDS = {
    "arp_op": "operation", "arp_saddr": "saddr", "arp_daddr": "daddr", "arp_smac": "smac", "arp_dmac": "dmac",
}  # fmt: skip
#: What an ARP message of Ethernet and IPv4 always says of itself.
_ARP_FIXED = {"arp_htype": 1, "arp_ptype": 0x0800, "arp_hlen": 6, "arp_plen": 4}
_CT_STATES = ("SNAT", "DNAT")


def either(negated: bool, made: list[Match]) -> Match:
    """One of several matches that cannot be said as one."""
    if len(made) == 1 and not negated:
        return made[0]
    return AnyOf(negated, tuple((match,) for match in made))


def _address(negated: bool, values: list[Json], key: Key) -> Match:
    found = [v["bounds"] if isinstance(v, dict) and "bounds" in v else address_bounds(v) for v in values]
    text = ", ".join(expression_text(value) for value in values if "bounds" not in value)
    ranges = tuple(ends for ends, _ in found)
    return Address(negated, key.field, ranges, text, found[0][1])  # type: ignore[arg-type]


def _port(negated: bool, values: list[Json], key: Key) -> Match:
    side = "src" if key.field == "sport" else "dst"
    return Port(negated, side, tuple(bounds(value, key) for value in values))  # type: ignore[arg-type]


def _numbers(values: list[Json], key: Key) -> tuple[int, ...]:
    found: list[int] = []
    for first, last in (bounds(value, key) for value in values):
        if last - first > 255:
            raise UndecodedError(key.field)
        found.extend(range(first, last + 1))
    return tuple(found)


def _interface(negated: bool, values: list[Json], key: Key) -> Match:
    which = {"iif": "in", "oif": "out"}.get(key.field, key.field)
    plain = tuple(name.replace("\\*", "*") for name in values if not _is_prefix(name))
    prefixes = tuple(name[:-1] for name in values if _is_prefix(name))
    made = [
        Interface(False, which, names, wildcard)  # type: ignore[arg-type]
        for names, wildcard in ((plain, False), (prefixes, True))
        if names
    ]
    if len(made) == 1:
        return Interface(negated, made[0].which, made[0].names, made[0].wildcard)
    return either(negated, list(made))


def _is_prefix(name: str) -> bool:
    return name.endswith("*") and not name.endswith("\\*")


def _mark(negated: bool, values: list[Json], key: Key) -> Match:
    marks = [Mark(value=single(value, key), ct=key.field == "ct_mark") for value in values]
    if len(marks) == 1:
        return Mark(negated, marks[0].value, ct=marks[0].ct)
    return either(negated, list(marks))


def _mac(negated: bool, values: list[Json], key: Key) -> Match:
    side = "src" if key.field == "smac" else "dst"
    if len(values) == 1:
        return Mac(negated, lladdr(values[0]), side)  # type: ignore[arg-type]
    return either(negated, [Mac(False, lladdr(value), side) for value in values])  # type: ignore[arg-type]


def _icmp_type(negated: bool, values: list[Json], key: Key) -> Match:
    types = _numbers(values, key)
    if len(types) == 1:
        return IcmpType(negated, types[0])
    return either(negated, [IcmpType(type=number) for number in types])


def _range(negated: bool, values: list[Json], key: Key) -> Match:
    what = key.field
    if len(values) == 1:
        return Range(negated, what, *bounds(values[0], key))  # type: ignore[arg-type]
    return either(negated, [Range(False, what, *bounds(value, key)) for value in values])  # type: ignore[arg-type]


def _owner(negated: bool, values: list[Json], key: Key) -> Match:
    made = [
        Owner(uid=bounds(value, key)) if key.field == "uid" else Owner(gid=bounds(value, key))
        for value in values
    ]
    if len(made) == 1:
        return Owner(negated, made[0].uid, made[0].gid)
    return either(negated, list(made))


def _pkttype(negated: bool, values: list[Json], _: Key) -> Match:
    kinds = ["unicast" if value in ("host", "unicast") else value for value in values]
    if len(kinds) == 1:
        return PacketType(negated, kinds[0])
    return either(negated, [PacketType(type=kind) for kind in kinds])


def _ipsec(negated: bool, values: list[Json], _: Key) -> Match:
    """No packet of the walk has passed IPsec."""
    if values not in ([True], [False], [1], [0]):
        raise UndecodedError("ipsec")
    wanted = bool(values[0]) != negated
    return Never() if wanted else AnyOf(alternatives=((),))


def states(field: str, op: str, right: Json) -> list[Match]:
    """Return what sharing a bit with conntrack states or status demands; of a single state that is to be equal."""
    if op not in ("in", "!") and (field == "ct_status" or op not in ("==", "!=")):
        raise UndecodedError(op)
    values = right if isinstance(right, list) else members(right)
    return [_states(field, op in ("!", "!="), values)]


def _states(field: str, negated: bool, values: list[Json]) -> Match:
    names = tuple(str(value).replace("-", "_").upper() for value in values)
    if field == "ct_state" or all(name in _CT_STATES for name in names):
        return State(negated, names)
    return CtStatus(negated, names)


def masked_states(field: str, negated: bool, mask: Json, right: Json) -> list[Match]:
    """Return what `ct status & dnat == dnat` and its like demand. Raises UndecodedError for other forms."""
    asked = mask if isinstance(mask, list) else [mask]
    wanted = right if isinstance(right, list) else [right]
    if field == "ct_state" and len(wanted) == 1 and wanted[0] in asked:
        return [_states(field, negated, wanted)]
    if asked == wanted and (len(asked) == 1 or not negated):
        return [_states(field, negated, [value]) for value in asked]
    raise UndecodedError(field)


def _arp(negated: bool, values: list[Json], key: Key) -> Match:
    if key.field in _ARP_FIXED:
        held = any(bounds(value, key)[0] == _ARP_FIXED[key.field] for value in values)
        return AnyOf(alternatives=((),)) if held != negated else Never()
    if key.field == "arp_op":
        texts = tuple(str(number) for number in _numbers(values, key))
    elif key.field in ("arp_smac", "arp_dmac"):
        texts = tuple(lladdr(value) for value in values)
    else:
        texts = tuple(expression_text(value) for value in values)
    return ArpField(negated, _ARP_FIELDS[key.field], texts)


BUILDERS: dict[str, Builder] = {
    "src": _address,
    "dst": _address,
    "sport": _port,
    "dport": _port,
    "proto": lambda negated, values, key: Protocol(negated, _numbers(values, key)),
    "ethertype": lambda negated, values, key: EtherType(negated, _numbers(values, key)),
    "nfproto": lambda negated, values, key: EtherType(negated, _numbers(values, key)),
    "iif": _interface,
    "oif": _interface,
    "brin": _interface,
    "brout": _interface,
    "mark": _mark,
    "ct_mark": _mark,
    "smac": _mac,
    "dmac": _mac,
    "icmp_type": _icmp_type,
    "ttl": _range,
    "length": _range,
    "dscp": _range,
    "uid": _owner,
    "gid": _owner,
    "pkttype": _pkttype,
    "ipsec": _ipsec,
    "ct_direction": lambda negated, values, key: CtDirection(negated, *values),
    **dict.fromkeys((*_ARP_FIELDS, *_ARP_FIXED), _arp),
}
