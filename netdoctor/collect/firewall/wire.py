"""Native nftables rules as the kernel dumps them, told as `nft -j` tells them (libnftables-json(5)).

Only what the large tables of programs are made of (kube-proxy's, for one); anything else raises `UntoldError`, and is
left to nft. Sources: nft_*_dump() of net/netfilter, netlink_delinearize.c of nftables, which takes back what
nft(8) put into a rule on its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

from netdoctor.collect.firewall.wire_values import (
    VERDICT,
    UntoldError,
    Value,
    address_prefix,
    number,
    string,
    told,
    verdict,
)
from netdoctor.collect.netlink import attributes, each_attribute

Json = Any

_VALUE = 1  # NFTA_DATA_VALUE
_EQ, _NEQ = 0, 1
_WORD = 4
_ALL = 0xFFFFFFFF
_META = {3: ("mark", "mark", 4), 6: ("iifname", "ifname", 16), 7: ("oifname", "ifname", 16),
         16: ("l4proto", "inet_proto", 1)}  # fmt: skip
_STATES = ((1, "invalid"), (2, "established"), (4, "related"), (8, "new"), (64, "untracked"))
#: Where the addresses begin in a header, and of what type they are.
_ADDRESSES = {
    "ip": {12: "saddr", 16: "daddr"},
    "ip6": {8: "saddr", 24: "daddr"},
}
_ADDRESS_TYPE = {"ip": ("ipv4_addr", 4), "ip6": ("ipv6_addr", 16)}
_PORTS = {0: "sport", 2: "dport"}
_TRANSPORT = ("tcp", "udp", "sctp")
_REJECTS = {
    "ip": ("icmp", {0: "net-unreachable", 1: "host-unreachable", 2: "prot-unreachable", 3: "port-unreachable",
                    9: "net-prohibited", 10: "host-prohibited", 13: "admin-prohibited"}),
    "ip6": ("icmpv6", {0: "no-route", 1: "admin-prohibited", 3: "addr-unreachable", 4: "port-unreachable"}),
}  # fmt: skip
_NAT_FLAGS = {0x4: "random", 0x8: "persistent", 0x10: "fully-random"}
_NAT_OWN_FLAGS = 0x3  # NF_NAT_RANGE_MAP_IPS, NF_NAT_RANGE_PROTO_SPECIFIED: said by the registers, too


class _Loaded(NamedTuple):
    """What a register holds: an expression, the type of its values, how many bytes; by which it was masked."""

    told: Json
    type: str
    size: int
    masked: tuple[bytes, bytes] | None = None


#: Returns what a rule looks into, by its name and the types of what is looked up: that name behind an @, or if it has
#: none in nft's words, its elements.
Sets = Callable[[str, tuple[str, ...]], Json]


def expressions(listed: bytes, family: str, fields: Callable[[str], int], elements: Sets) -> list[Json]:
    """Return the expressions of one rule (NFTA_RULE_EXPRESSIONS). Raises UntoldError where nft must be asked."""
    reader = _Reader(family, fields, elements)
    try:
        for _, element in each_attribute(listed):
            attrs = attributes(element, 0)
            reader.read(string(attrs[1]), attributes(attrs.get(2, b""), 0))
    except (LookupError, ValueError) as error:
        raise UntoldError("an attribute is not as expected") from error
    return reader.said


class _Reader:
    def __init__(self, family: str, fields: Callable[[str], int], elements: Sets) -> None:
        self.said: list[Json] = []
        self._family = family
        self._fields = fields
        self._elements = elements
        self._slots: dict[int, _Loaded | Value] = {}
        #: The protocol that the last condition asks for, which a port's condition implies.
        self._asked_protocol: str | None = None
        #: The protocol of a port's condition before.
        self._implied: str | None = None

    def read(self, name: str, attrs: dict[int, bytes]) -> None:
        reader = _READERS.get(name)
        if reader is None:
            raise UntoldError(name)
        reader(self, attrs)

    def _say(self, told: Json, protocol: str | None = None) -> None:
        self.said.append(told)
        self._asked_protocol = protocol

    def _load(self, attrs: dict[int, bytes], dreg: int, loaded: _Loaded | Value) -> None:
        self._slots[_slot(number(attrs[dreg]))] = loaded

    def _loaded(self, attrs: dict[int, bytes], sreg: int) -> _Loaded:
        found = self._slots.get(_slot(number(attrs[sreg])))
        if not isinstance(found, _Loaded):
            raise UntoldError("a register")
        return found

    def meta(self, attrs: dict[int, bytes]) -> None:
        name, kind, size = _known(_META, number(attrs[2]))
        if 3 in attrs:
            self._set_mark(name, self._slots.get(_slot(number(attrs[3]))))
        else:
            self._load(attrs, 1, _Loaded({"meta": {"key": name}}, kind, size))

    def _set_mark(self, name: str, value: _Loaded | Value | None) -> None:
        mark = {"meta": {"key": "mark"}}
        if name != "mark" or value is None:
            raise UntoldError(name)
        if isinstance(value, Value):
            told_value: Json = int.from_bytes(value.data[:4], sys.byteorder)
        elif value.told == mark and value.masked is not None:
            told_value = _changed(mark, *(int.from_bytes(word, sys.byteorder) for word in value.masked))
        else:
            raise UntoldError("a mark from elsewhere")
        self._say({"mangle": {"key": mark, "value": told_value}})

    def payload(self, attrs: dict[int, bytes]) -> None:
        if 1 not in attrs:
            raise UntoldError("payload set")
        base, offset, size = (number(attrs[kind]) for kind in (2, 3, 4))
        if base == 1:
            kind, whole = _known(_ADDRESS_TYPE, self._family)
            protocol, field = self._family, _known(_ADDRESSES[self._family], offset)
            if size > whole:
                raise UntoldError("payload")
        elif base == 2 and size == 2:
            kind, protocol, field = "inet_service", self._transport(), _known(_PORTS, offset)
        else:
            raise UntoldError("payload")
        self._load(attrs, 1, _Loaded({"payload": {"protocol": protocol, "field": field}}, kind, size))

    def _transport(self) -> str:
        """Return whose header it is; a condition on the protocol that only served this is taken back."""
        asked = self._asked_protocol
        if asked is None and self._implied is not None:
            return self._implied
        if asked is None:
            if any(_asks_protocol(told) for told in self.said):
                raise UntoldError("a protocol asked for earlier")
            return "th"
        if asked not in _TRANSPORT:
            raise UntoldError(asked)
        self.said.pop()
        self._asked_protocol = None
        self._implied = asked
        return asked

    def bitwise(self, attrs: dict[int, bytes]) -> None:
        loaded = self._loaded(attrs, 1)
        if number(attrs.get(6, bytes(4))) or loaded.masked is not None:
            raise UntoldError("bitwise")
        mask, xor = (attributes(attrs[kind], 0)[_VALUE] for kind in (4, 5))
        self._load(attrs, 2, loaded._replace(masked=(mask, xor)))

    def ct(self, attrs: dict[int, bytes]) -> None:
        if number(attrs[2]) != 0 or 1 not in attrs or 3 in attrs:
            raise UntoldError("ct")
        self._load(attrs, 1, _Loaded({"ct": {"key": "state"}}, "ct_state", 4))

    def numgen(self, attrs: dict[int, bytes]) -> None:
        mode = "random" if number(attrs[3]) else "inc"
        made = {"mode": mode, "mod": number(attrs[2]), "offset": number(attrs.get(4, bytes(4)))}
        self._load(attrs, 1, _Loaded({"numgen": made}, "number", 4))

    def cmp(self, attrs: dict[int, bytes]) -> None:
        loaded, op = self._loaded(attrs, 1), number(attrs[2])
        data = attributes(attrs[3], 0)[_VALUE]
        if op not in (_EQ, _NEQ):
            raise UntoldError("cmp")
        left, sign, right = _compared(loaded, "==" if op == _EQ else "!=", data)
        protocol = right if loaded.type == "inet_proto" and sign == "==" else None
        self._say({"match": {"op": sign, "left": left, "right": right}}, protocol)

    def lookup(self, attrs: dict[int, bytes]) -> None:
        name, slot = string(attrs[1]), _slot(number(attrs[2]))
        parts: list[_Loaded] = []
        for _ in range(self._fields(name)):
            part = self._slots.get(slot)
            if not isinstance(part, _Loaded) or part.masked is not None:
                raise UntoldError("lookup")
            parts.append(part)
            slot += -(-part.size // _WORD)
        key = {"concat": [part.told for part in parts]} if len(parts) > 1 else parts[0].told
        data = self._elements(name, tuple(part.type for part in parts))
        if 3 in attrs and number(attrs[3]) == VERDICT:
            self._say({"vmap": {"key": key, "data": data}})
        elif 3 in attrs:
            raise UntoldError("map")
        else:
            sign = "!=" if number(attrs.get(5, bytes(4))) & 1 else "=="
            self._say({"match": {"op": sign, "left": key, "right": data}})

    def immediate(self, attrs: dict[int, bytes]) -> None:
        data = attributes(attrs[2], 0)
        if number(attrs[1]) == VERDICT:
            self._say(verdict(data[2]))
        else:
            self._load(attrs, 1, Value(data[_VALUE]))

    def counter(self, attrs: dict[int, bytes]) -> None:
        self._say({"counter": {"packets": number(attrs[2]), "bytes": number(attrs[1])}})

    def nat(self, attrs: dict[int, bytes]) -> None:
        made: dict[str, Json] = {}
        for kind, (low, high), name in (
            (_ADDRESS_TYPE[self._family][0], (3, 4), "addr"),
            ("inet_service", (5, 6), "port"),
        ):
            if low in attrs:
                value = self._slots.get(_slot(number(attrs[low])))
                if attrs.get(high, attrs[low]) != attrs[low] or not isinstance(value, Value):
                    raise UntoldError("nat")
                made[name] = told(kind, value.data)
        made.update(_nat_flags(number(attrs.get(7, bytes(4))) & ~_NAT_OWN_FLAGS))
        self._say({"dnat" if number(attrs[1]) else "snat": made})

    def masq(self, attrs: dict[int, bytes]) -> None:
        if set(attrs) - {1}:
            raise UntoldError("masquerade to ports")
        self._say({"masquerade": _nat_flags(number(attrs.get(1, bytes(4)))) or None})

    def reject(self, attrs: dict[int, bytes]) -> None:
        if number(attrs[1]) != 0:
            raise UntoldError("reject")
        kind, codes = _REJECTS[self._family]
        self._say({"reject": {"type": kind, "expr": _known(codes, number(attrs[2]))}})


_READERS: dict[str, Callable[[_Reader, dict[int, bytes]], None]] = {
    "meta": _Reader.meta,
    "payload": _Reader.payload,
    "bitwise": _Reader.bitwise,
    "ct": _Reader.ct,
    "numgen": _Reader.numgen,
    "cmp": _Reader.cmp,
    "lookup": _Reader.lookup,
    "immediate": _Reader.immediate,
    "counter": _Reader.counter,
    "nat": _Reader.nat,
    "masq": _Reader.masq,
    "reject": _Reader.reject,
}


def _slot(register: int) -> int:
    """Return the word where a register begins: there are four of 16 bytes (1 … 4), or sixteen of four (8 … 23)."""
    return register - 8 if register >= 8 else (register - 1) * 4


def _known(names: Any, key: Any) -> Any:
    if key not in names:
        raise UntoldError(str(key))
    return names[key]


def _asks_protocol(told_before: Json) -> bool:
    left = told_before.get("match", {}).get("left")
    return bool(left == {"meta": {"key": "l4proto"}})


def _compared(loaded: _Loaded, sign: str, data: bytes) -> tuple[Json, str, Json]:
    """Return the left side, the operator and the right side of a comparison."""
    if loaded.masked is None:
        if loaded.type in ("ipv4_addr", "ipv6_addr") and len(data) < (
            4 if loaded.type == "ipv4_addr" else 16
        ):
            return loaded.told, sign, address_prefix(loaded.type, data, 8 * len(data))
        if loaded.type == "ct_state":
            raise UntoldError("all states at once")
        return loaded.told, sign, told(loaded.type, data)
    mask, xor = loaded.masked
    if any(xor):
        raise UntoldError("xor")
    if loaded.type in ("ipv4_addr", "ipv6_addr"):
        return loaded.told, sign, address_prefix(loaded.type, data, _ones(mask))
    if loaded.type == "mark":
        bits = int.from_bytes(mask, sys.byteorder)
        return {"&": [loaded.told, bits]}, sign, int.from_bytes(data, sys.byteorder)
    if loaded.type == "ct_state" and sign == "!=" and not any(data):
        bits = int.from_bytes(mask, sys.byteorder)
        names = [name for bit, name in _STATES if bits & bit]
        if sum(bit for bit, name in _STATES if name in names) == bits:
            return loaded.told, "in", names[0] if len(names) == 1 else names
    raise UntoldError("a comparison under a mask")


def _ones(mask: bytes) -> int:
    """Return the length of the prefix that a mask leaves."""
    bits = int.from_bytes(mask, "big")
    length = bits.bit_count()
    if bits != (1 << 8 * len(mask)) - (1 << (8 * len(mask) - length)):
        raise UntoldError("a mask with holes")
    return length


def _changed(mark: Json, mask: int, xor: int) -> Json:
    if mask == _ALL:
        return {"^": [mark, xor]}
    if xor == mask ^ _ALL:
        return {"|": [mark, xor]}
    if xor == 0:
        return {"&": [mark, mask]}
    raise UntoldError("a mark under a mask")


def _nat_flags(flags: int) -> dict[str, Json]:
    return {"flags": _known(_NAT_FLAGS, flags)} if flags else {}
