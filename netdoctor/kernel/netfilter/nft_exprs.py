"""The conditions of native nftables rules: `match` expressions become matches of the model (nft(8), net/netfilter/nft_*.c)."""

from __future__ import annotations

from collections.abc import Callable

from netdoctor.kernel.netfilter import nft_lookups
from netdoctor.kernel.netfilter.model import (
    Address,
    AddressType,
    AnyOf,
    ArpField,
    Chance,
    CtAddress,
    CtDirection,
    CtPort,
    CtStatus,
    EtherType,
    Fragment,
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
    RpFilter,
    Socket,
    State,
    TcpFlags,
    Unknown,
)
from netdoctor.kernel.netfilter.names import TCP_FLAGS, UndecodedError, named
from netdoctor.kernel.netfilter.nft_text import expression_text
from netdoctor.kernel.netfilter.nft_values import Json, Key, address_bounds, bounds, key_of, members, single
from netdoctor.kernel.netfilter.values import lladdr

Builder = Callable[[bool, list[Json], Key], Match]

_ARP_FIELDS = {
    "arp_op": "operation", "arp_saddr": "saddr", "arp_daddr": "daddr", "arp_smac": "smac", "arp_dmac": "dmac",
}  # fmt: skip
_CT_STATES = ("SNAT", "DNAT")


def condition(body: Json, family: str) -> list[Match]:
    """Return what a `match` expression demands, the protocols that it implies first."""
    left, op, right = body["left"], body["op"], body["right"]
    try:
        return _condition(left, op, right, family)
    except (UndecodedError, KeyError, TypeError, ValueError):
        return [Unknown(text=expression_text({"match": body}))]


def _condition(left: Json, op: str, right: Json, family: str) -> list[Match]:
    negated = op == "!="
    if isinstance(left, dict):
        if "&" in left:
            return _masked(left["&"], op, right, family)
        if "fib" in left:
            return [_fib(left["fib"], negated, right)]
        if "ct" in left and "dir" in left["ct"]:
            return [_ct_tuple(left["ct"], negated, right)]
        if "socket" in left:
            return [_socket(left["socket"], negated, right)]
        if "concat" in left or (isinstance(right, str) and right.startswith("@")):
            return nft_lookups.membership(left, negated, right, family)
    key = key_of(left, family)
    if key.field == "chance":
        return [_chance(left, op, right, key)]
    if key.field == "tcp_flags":
        return [*key.implied, _tcp_flags(op, right)]
    if key.field == "icmp_code":
        raise UndecodedError("icmp code")  # said together with its type, see `join_codes`
    values = _compared(op, right, key) if op in ("<", ">", "<=", ">=") else members(right)
    if op == "in" and isinstance(right, list):
        values = right
    elif op == "!":
        raise UndecodedError(op)
    return [*key.implied, _BUILDERS[key.field](negated, values, key)]


def _compared(op: str, right: Json, key: Key) -> list[Json]:
    """Return the range that a comparison means."""
    if key.field in ("src", "dst"):
        (number, _), version = address_bounds(right)
        most = (1 << (32 if version == 4 else 128)) - 1
        low, high = _half(op, number, most)
        return [{"bounds": ((low, high), version)}]
    low, high = _half(op, single(right, key), key.most)
    return [{"range": [low, high]}]


def _half(op: str, number: int, most: int) -> tuple[int, int]:
    return {"<": (0, number - 1), "<=": (0, number), ">": (number + 1, most), ">=": (number, most)}[op]


def _either(negated: bool, made: list[Match]) -> Match:
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
    return _either(negated, list(made))


def _is_prefix(name: str) -> bool:
    return name.endswith("*") and not name.endswith("\\*")


def _mark(negated: bool, values: list[Json], key: Key) -> Match:
    marks = [Mark(value=single(value, key), ct=key.field == "ct_mark") for value in values]
    if len(marks) == 1:
        return Mark(negated, marks[0].value, ct=marks[0].ct)
    return _either(negated, list(marks))


def _mac(negated: bool, values: list[Json], key: Key) -> Match:
    side = "src" if key.field == "smac" else "dst"
    if len(values) == 1:
        return Mac(negated, lladdr(values[0]), side)  # type: ignore[arg-type]
    return _either(negated, [Mac(False, lladdr(value), side) for value in values])  # type: ignore[arg-type]


def _icmp_type(negated: bool, values: list[Json], key: Key) -> Match:
    types = _numbers(values, key)
    if len(types) == 1:
        return IcmpType(negated, types[0])
    return _either(negated, [IcmpType(type=number) for number in types])


def _range(negated: bool, values: list[Json], key: Key) -> Match:
    what = key.field
    if len(values) == 1:
        return Range(negated, what, *bounds(values[0], key))  # type: ignore[arg-type]
    return _either(negated, [Range(False, what, *bounds(value, key)) for value in values])  # type: ignore[arg-type]


def _owner(negated: bool, values: list[Json], key: Key) -> Match:
    made = [
        Owner(uid=bounds(value, key)) if key.field == "uid" else Owner(gid=bounds(value, key))
        for value in values
    ]
    if len(made) == 1:
        return Owner(negated, made[0].uid, made[0].gid)
    return _either(negated, list(made))


def _pkttype(negated: bool, values: list[Json], _: Key) -> Match:
    kinds = ["unicast" if value in ("host", "unicast") else value for value in values]
    if len(kinds) == 1:
        return PacketType(negated, kinds[0])
    return _either(negated, [PacketType(type=kind) for kind in kinds])


def _ipsec(negated: bool, values: list[Json], _: Key) -> Match:
    """No packet of the walk has passed IPsec."""
    if values not in ([True], [False], [1], [0]):
        raise UndecodedError("ipsec")
    wanted = bool(values[0]) != negated
    return Never() if wanted else AnyOf(alternatives=((),))


def _status(negated: bool, values: list[Json], _: Key) -> Match:
    names = tuple(value.replace("-", "_").upper() for value in values)
    if all(name in _CT_STATES for name in names):
        return State(negated, names)
    return CtStatus(negated, names)


def _arp(negated: bool, values: list[Json], key: Key) -> Match:
    if key.field in ("arp_htype", "arp_ptype"):
        return AnyOf(negated, ((),))  # Ethernet and IPv4: there is no other
    if key.field == "arp_op":
        texts = tuple(str(number) for number in _numbers(values, key))
    elif key.field in ("arp_smac", "arp_dmac"):
        texts = tuple(lladdr(value) for value in values)
    else:
        texts = tuple(expression_text(value) for value in values)
    return ArpField(negated, _ARP_FIELDS[key.field], texts)


_BUILDERS: dict[str, Builder] = {
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
    "ct_state": lambda negated, values, key: State(negated, tuple(value.upper() for value in values)),
    "ct_status": _status,
    "ct_direction": lambda negated, values, key: CtDirection(negated, *values),
    **dict.fromkeys((*_ARP_FIELDS, "arp_htype", "arp_ptype"), _arp),
}


def _tcp_flags(op: str, right: Json) -> Match:
    wanted = _bits(right)
    if op == "in":  # any of them
        return TcpFlags(True, wanted, 0)
    if op == "!":  # none of them
        return TcpFlags(False, wanted, 0)
    if isinstance(right, dict):
        return _either(op == "!=", [TcpFlags(mask=0xFF, set=_bits(value)) for value in members(right)])
    return TcpFlags(op == "!=", 0xFF, wanted)


def _bits(value: Json) -> int:
    """Return flags that are named, listed, or joined by `|`."""
    if isinstance(value, dict):
        value = value.get("|", value.get("set"))
    if isinstance(value, list):
        total = 0
        for part in value:
            total |= _bits(part)
        return total
    return value if isinstance(value, int) else named(TCP_FLAGS, value)


def _masked(operands: Json, op: str, right: Json, family: str) -> list[Match]:
    expression, mask = operands
    key = key_of(expression, family)
    negated = op == "!="
    if op not in ("==", "!="):
        raise UndecodedError(op)
    if key.field in ("mark", "ct_mark"):
        made = [Mark(False, single(v, key), single(mask, key), key.field == "ct_mark") for v in members(right)]
        if len(made) == 1:
            return [Mark(negated, made[0].value, made[0].mask, made[0].ct)]
        return [_either(negated, list(made))]
    if key.field == "tcp_flags":
        return [*key.implied, TcpFlags(negated, _bits(mask), _bits(right))]
    if key.field == "frag-off" and mask in (0x1FFF, 0x3FFF) and right == 0:
        return [*key.implied, Fragment(not negated)]
    group = "01:00:00:00:00:00"
    if key.field == "dmac" and mask == group and right in (group, "00:00:00:00:00:00"):
        kinds = AnyOf(False, ((PacketType(type="broadcast"),), (PacketType(type="multicast"),)))
        return [AnyOf(negated != (right != group), kinds.alternatives)]
    raise UndecodedError(key.field)


def _fib(fib: Json, negated: bool, right: Json) -> Match:
    flags = fib["flags"]
    flags = [flags] if isinstance(flags, str) else flags
    side = "src" if "saddr" in flags else "dst"
    if fib["result"] == "type":
        types = tuple(str(value).upper() for value in members(right))
        return AddressType(negated, side, types, "iif" in flags, "oif" in flags)  # type: ignore[arg-type]
    exists = {True: True, False: False, "0": False, 0: False}.get(right)
    if fib["result"] not in ("oif", "oifname", "check") or side != "src" or exists is None:
        raise UndecodedError("fib")
    return RpFilter(negated == exists, loose="iif" not in flags, accept_local=True, validmark="mark" in flags)


def _ct_tuple(ct: Json, negated: bool, right: Json) -> Match:
    """`ct original ip daddr`, `ct reply proto-src` and so on."""
    direction, what = ct["dir"], ct["key"].split()[-1]
    if what in ("saddr", "daddr"):
        found = [address_bounds(value) for value in members(right)]
        ranges = tuple(ends for ends, _ in found)
        return CtAddress(negated, direction, "src" if what == "saddr" else "dst", ranges, found[0][1])
    if what in ("proto-src", "proto-dst"):
        ports = tuple(bounds(value, Key("sport")) for value in members(right))
        return CtPort(negated, direction, "src" if what == "proto-src" else "dst", ports)
    raise UndecodedError(what)


def _socket(socket: Json, negated: bool, right: Json) -> Match:
    if socket["key"] != "transparent" or right not in (0, 1):
        raise UndecodedError("socket")
    return Socket(negated == bool(right), transparent=True, wildcard=True)


def _chance(left: Json, op: str, right: Json, key: Key) -> Match:
    """A comparison with a number taken at random or by turns: what share of the numbers it holds for."""
    values = _compared(op, right, key) if op in ("<", ">", "<=", ">=") else members(right)
    held = sum(last - first + 1 for first, last in (bounds(value, key) for value in values))
    share = min(held / (key.most + 1), 1.0)
    share = 1 - share if op == "!=" else share
    return Chance(False, share >= 0.5, share in (0.0, 1.0), f"{expression_text(left)} {op} {expression_text(right)}")
