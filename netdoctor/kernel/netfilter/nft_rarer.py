"""Conditions of native rules that are written less often: facts about a device, header bits, the connection's kind.

Each returns the matches it stands for, or None where the expression is another; UndecodedError for a form not modelled.
"""

from __future__ import annotations

from typing import Literal

from netdoctor.kernel.netfilter.model import CtProtocol, EtherType, Match, Protocol, State
from netdoctor.kernel.netfilter.names import ETHERTYPES, PROTOCOLS, UndecodedError, named
from netdoctor.kernel.netfilter.nft_values import SEES_ALL, Json, Key, address_bounds, bounds, members
from netdoctor.kernel.netfilter.rarer import GROUPS, LINK_TYPES, DeviceIs, HeaderBits

_SIDES = (("i", "in"), ("o", "out"))
_DEVICE = {
    f"{side}if{what}": (which, what) for side, which in _SIDES for what in ("kind", "type", "group")
}
_NUMBERS = {"type": LINK_TYPES, "group": GROUPS}
#: Fields that are read as bits: header, first bit, bits.
_FIELDS = {("ip", "version"): ("nh", 0, 4), ("ip", "hdrlength"): ("nh", 4, 4), ("udp", "length"): ("th", 32, 16)}
_ADDRESSES = {"saddr": 96, "daddr": 128}


def rarer(left: Json, negated: bool, right: Json, family: str) -> list[Match] | None:
    """Return what a comparison of `left` with `right` demands, None where this is none of them."""
    if "meta" in left and left["meta"]["key"] in _DEVICE:
        return [_device(left["meta"]["key"], negated, right)]
    if "ct" in left and "dir" not in left["ct"]:
        return _connection(left["ct"]["key"], negated, right)
    payload = left.get("payload")
    if payload is None:
        return None
    if "base" in payload:
        ranges = tuple(bounds(value, Key("")) for value in members(right))
        return [HeaderBits(negated, _base(payload["base"]), payload["offset"], payload["len"], ranges)]
    place = _FIELDS.get((payload["protocol"], payload["field"]))
    if place is None:
        return None
    ranges = tuple(bounds(value, Key("")) for value in members(right))
    return [*_implied(payload["protocol"], family), HeaderBits(negated, *place, ranges)]  # type: ignore[arg-type]


def masked(expression: Json, mask: Json, negated: bool, right: Json, family: str) -> list[Match] | None:
    """Return what a comparison of some bits of a header demands, None where this is no header."""
    payload = expression.get("payload", {})
    if "base" in payload and isinstance(mask, int):
        ranges = tuple(bounds(value, Key("")) for value in members(right))
        return [HeaderBits(negated, _base(payload["base"]), payload["offset"], payload["len"], ranges, mask)]
    if payload.get("protocol") == "ip" and payload.get("field") in _ADDRESSES:
        ranges = tuple(address_bounds(value)[0] for value in members(right))
        bits = HeaderBits(negated, "nh", _ADDRESSES[payload["field"]], 32, ranges, address_bounds(mask)[0][0])
        return [*_implied("ip", family), bits]
    return None


def _base(text: str) -> Literal["nh", "th"]:
    if text not in ("nh", "th"):
        raise UndecodedError(text)
    return "nh" if text == "nh" else "th"


def _implied(protocol: str, family: str) -> tuple[Match, ...]:
    if protocol == "ip":
        return (EtherType(numbers=(0x0800,)),) if family in SEES_ALL else ()
    return (Protocol(numbers=(PROTOCOLS[protocol],)),)


def _device(key: str, negated: bool, right: Json) -> Match:
    which, what = _DEVICE[key]
    values = members(right)
    if what == "kind":
        return DeviceIs(negated, which, what, tuple(values))  # type: ignore[arg-type]
    numbers = tuple(value if isinstance(value, int) else named(_NUMBERS[what], value) for value in values)
    return DeviceIs(negated, which, what, numbers)  # type: ignore[arg-type]


def _connection(key: str, negated: bool, right: Json) -> list[Match] | None:
    if key == "protocol":
        return [CtProtocol(negated, tuple(named(PROTOCOLS, str(value)) for value in members(right)))]
    if key == "l3proto":
        versions = tuple(named(ETHERTYPES, str(value)) for value in members(right))
        return [State(True, ("INVALID", "UNTRACKED")), EtherType(negated, versions)]
    return None
