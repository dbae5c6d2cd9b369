"""The conditions of native nftables rules (nft(8), net/netfilter/nft_*.c)."""

from __future__ import annotations

from netdoctor.kernel.netfilter import nft_fields, nft_lookups, nft_rarer
from netdoctor.kernel.netfilter.model import (
    AddressType,
    AnyOf,
    Chance,
    CtAddress,
    CtPort,
    EtherType,
    Fragment,
    InSet,
    Mark,
    Match,
    Never,
    PacketType,
    RpFilter,
    Socket,
    State,
    TcpFlags,
    Unknown,
)
from netdoctor.kernel.netfilter.names import TCP_FLAGS, UndecodedError, named
from netdoctor.kernel.netfilter.nft_fields import BUILDERS, either
from netdoctor.kernel.netfilter.nft_text import expression_text
from netdoctor.kernel.netfilter.nft_values import Json, Key, address_bounds, bounds, key_of, members, single


def condition(body: Json, family: str) -> list[Match]:
    """Return what a `match` expression demands, the protocols that it implies first."""
    left, op, right = body["left"], body["op"], body["right"]
    try:
        return _condition(left, op, right, family)
    except (LookupError, TypeError, ValueError, AttributeError):
        tagged = isinstance(left, dict) and left.get("payload", {}).get("protocol") == "vlan"
        return [EtherType(numbers=(0x8100,))] * tagged + [Unknown(text=expression_text({"match": body}))]


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
        rare = nft_rarer.rarer(left, negated, right, family) if op in ("==", "!=") else None
        if rare is not None:
            return rare
    key = key_of(left, family)
    if key.field == "chance":
        return [_chance(left, op, right, key)]
    if key.field == "tcp_flags":
        return [*key.implied, _tcp_flags(op, right)]
    if key.field in ("ct_state", "ct_status") and op in ("==", "!="):
        exact = _exact_bits(key.field, op == "!=", right)
        if exact is not None:
            return exact
    op, right = _unfolded(op, right)
    if key.field in ("ct_state", "ct_status"):
        return nft_fields.states(key.field, op, right)
    values = _compared(op, right, key) if op in ("<", ">", "<=", ">=") else members(right)
    if op == "in" and isinstance(right, list):
        values = right
    elif op == "!":
        raise UndecodedError(op)
    ranged = any(isinstance(value, dict) and "range" in value for value in values)
    if key.field in ("icmp_code", "ct_zone") or (key.field in ("mark", "ct_mark") and ranged):
        return [*key.implied, _among(key, op == "!=", values)]
    return [*key.implied, BUILDERS[key.field](op == "!=", values, key)]


def _among(key: Key, negated: bool, values: list[Json]) -> Match:
    """A number among others, for fields that have no match of their own, or only one for single values."""
    ends = [bounds(value, key) for value in values]
    return InSet(negated, "", (key.field,), tuple((f"{first}-{last}",) for first, last in ends))


def _unfolded(op: str, right: Json) -> tuple[str, Json]:
    """Undo what nft makes of `length < 84 length > 60`: it prints `length != 84-60`, the wrong way round."""
    ends = right.get("range") if isinstance(right, dict) else None
    if op != "!=" or not ends or not all(isinstance(end, int) for end in ends) or ends[0] <= ends[1]:
        return op, right
    return "==", {"range": [ends[1] + 1, ends[0] - 1]}


def _exact_bits(field: str, negated: bool, right: Json) -> list[Match] | None:
    """A comparison of all bits with some: a packet has one state alone, and a status never a single bit alone.

    None where it is the comparison with one state, or a lookup in a set.
    """
    several = isinstance(right, dict) and "|" in right
    if not several and (field == "ct_state" or not isinstance(right, str)):
        return None
    if not negated:
        return [Never()]
    return [] if field == "ct_state" else [State(True, ("INVALID", "UNTRACKED"))]


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


def _tcp_flags(op: str, right: Json) -> Match:
    wanted = _bits(right)
    if op == "in":  # any of them
        return TcpFlags(True, wanted, 0)
    if op == "!":  # none of them
        return TcpFlags(False, wanted, 0)
    if isinstance(right, dict):
        return either(op == "!=", [TcpFlags(mask=0xFF, set=_bits(value)) for value in members(right)])
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
    negated = op == "!="
    if op not in ("==", "!="):
        raise UndecodedError(op)
    bits = nft_rarer.masked(expression, mask, negated, right, family)
    if bits is not None:
        return bits
    key = key_of(expression, family)
    if key.field in ("mark", "ct_mark"):
        made = [
            Mark(False, single(v, key), single(mask, key), key.field == "ct_mark") for v in members(right)
        ]
        if len(made) == 1:
            return [Mark(negated, made[0].value, made[0].mask, made[0].ct)]
        return [either(negated, list(made))]
    if key.field == "tcp_flags":
        return [*key.implied, TcpFlags(negated, _bits(mask), _bits(right))]
    if key.field in ("ct_state", "ct_status"):
        return nft_fields.masked_states(key.field, negated, mask, right)
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
    if fib["result"] not in ("oif", "oifname", "check") or side != "src" or right not in (True, False, "0"):
        raise UndecodedError("fib")
    exists = right is True or right == 1
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
    return Chance(
        False, share >= 0.5, share in (0.0, 1.0), f"{expression_text(left)} {op} {expression_text(right)}"
    )
