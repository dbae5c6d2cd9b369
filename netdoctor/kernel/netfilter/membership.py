"""Membership in sets and maps: exact keys by dictionary, prefixes, ranges and wildcards by comparison.

Sources: net/netfilter/nf_tables_api.c, nft_set_*.c; for ipset net/netfilter/ipset/ip_set_core.c and ip_set_getport.c.
An element of an ipset may name protocol and port together (`tcp:80`, `icmp:8/0`). Of overlapping prefixes the longest
decides (ip_set_hash_gen.h mtype_test_cidrs()), which matters for `nomatch` elements.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import Any

from netdoctor.kernel.netfilter.names import ICMP_TYPES, ICMPV6_TYPES, UndecodedError, named
from netdoctor.kernel.netfilter.names import PROTOCOLS as PROTOCOL_NAMES
from netdoctor.kernel.netfilter.seen import Seen

#: What an element carries: a verdict, an address with port, or nothing.
Payload = Any
Elements = tuple[tuple[tuple[str, ...], Payload], ...]
#: (whether it is in: None if undecided, what the element carries)
Answer = tuple[bool | None, Payload]

WITH_PORTS = frozenset({6, 17, 33, 132, 136})
ICMP = frozenset({1, 58})
#: Added to IPv6 numbers, so that they never compare equal to IPv4 ones.
V6 = 1 << 129
_NO: Answer = (False, None)
_UNDECIDED: Answer = (None, None)
_FIELDS = {
    "address": "src dst arp_saddr arp_daddr",
    "port": "sport dport",
    "proto": "proto",
    "name": "iif oif physin physout brin brout pkttype",
    "number": "mark ct_mark ct_zone length ttl tos dscp icmp_type icmp_code ethertype arp_op uid gid",
    "mac": "smac dmac arp_smac arp_dmac",
    "state": "ct_state",
}
_KINDS = {field: kind for kind, fields in _FIELDS.items() for field in fields.split()}
_DEVICES = frozenset({"iif", "oif", "brin", "brout"})
#: After every text that is compared.
_LAST = "\U0010ffff"

Span = tuple[Any, Any]


@lru_cache(maxsize=4096)
def number_of(address: str) -> int:
    """Turn an address into a number that no address of the other version has."""
    parsed = ip_address(address)
    return int(parsed) + (V6 if parsed.version == 6 else 0)


class Index:
    """The elements of one set, prepared for lookups by `kinds` of field."""

    def __init__(
        self, elements: Elements, exceptions: tuple[tuple[str, ...], ...], kinds: tuple[str, ...]
    ) -> None:
        self.elements = elements
        self.exact: dict[tuple[Any, ...], Payload] = {}
        self.loose: list[tuple[tuple[Span, ...], int, bool, Payload]] = []
        self.default: Answer = _NO
        self.undecided = False
        self.states = "state" in kinds
        for key, payload in elements:
            self._add(key, payload, kinds, False)
        for key in exceptions:
            self._add(key, None, kinds, True)

    def _add(self, key: tuple[str, ...], payload: Payload, kinds: tuple[str, ...], exception: bool) -> None:
        if key == ("*",):
            self.default = (True, payload)
            return
        try:
            spans = tuple(_span(kind, text) for kind, text in zip(kinds, key, strict=True))
        except ValueError:
            self.undecided = True
            return
        if not exception and all(low == high for low, high in spans):
            self.exact.setdefault(tuple(low for low, _ in spans), payload)
            return
        size = sum(_size(span) for span in spans)
        self.loose.append((spans, size, exception, payload))

    def find(self, values: tuple[Any, ...]) -> Answer | None:
        """Look these values up; None if no element holds them."""
        exact = values in self.exact
        best: tuple[int, bool, Payload] | None = (0, False, self.exact[values]) if exact else None
        for spans, size, exception, payload in self.loose:
            if best is not None and size >= best[0] and not (exception and size == best[0]):
                continue
            if all(_within(value, span) for value, span in zip(values, spans, strict=True)):
                best = (size, exception, payload)
        if best is None:
            return None
        return _NO if best[1] else (True, best[2])


def _size(span: Span) -> int:
    low, high = span
    if isinstance(low, tuple):
        low, high = low[1], high[1]
    return high - low if isinstance(low, int) else int(low != high)


def _within(value: Any, span: Span) -> bool:
    low, high = span
    if isinstance(value, tuple) != isinstance(low, tuple):
        return False
    if isinstance(value, tuple):
        return bool(value[0] == low[0] and low[1] <= value[1] <= high[1])
    return bool(low <= value <= high)


def _span(kind: str, text: str) -> Span:
    """Turn one field of an element into its first and last value; ValueError where it is not understood."""
    if kind == "name":
        return (text[:-1], text[:-1] + _LAST) if text.endswith(("*", "+")) else (text, text)
    if kind in ("mac", "state"):
        lowered = text.lower()
        return ("", _LAST) if text == "*" else (lowered, lowered)
    if text == "*":
        return -1, V6 << 1
    if kind == "address":
        return _addresses(text)
    if kind == "port":
        return _ports(text)
    if kind == "proto":
        return (value := protocol(text)), value
    low, _, high = text.partition("-")
    return int(low, 0), int(high or low, 0)


def _addresses(text: str) -> Span:
    if "/" in text:
        network = ip_network(text, strict=False)
        return number_of(str(network[0])), number_of(str(network[-1]))
    low, _, high = text.partition("-")
    return number_of(low), number_of(high or low)


def protocol(text: str) -> int:
    """Return the number of a protocol that is named or numbered; ValueError if it is neither."""
    return _number(PROTOCOL_NAMES, text)


def _number(names: dict[str, int], text: str) -> int:
    try:
        return named(names, text)
    except UndecodedError as error:
        raise ValueError(text) from error


def _ports(text: str) -> Span:
    name, colon, rest = text.rpartition(":")
    if not colon:
        low, _, high = rest.partition("-")
        return int(low, 0), int(high or low, 0)
    number = protocol(name)
    if number in ICMP:
        return (number, (value := _icmp(number, rest))), (number, value)
    low, _, high = rest.partition("-")
    return (number, int(low)), (number, int(high or low))


def _icmp(number: int, text: str) -> int:
    """ICMP type and code as an ipset keeps them in place of a port."""
    kind, _, code = text.partition("/")
    return _number(ICMP_TYPES if number == 1 else ICMPV6_TYPES, kind) << 8 | int(code or "0")


_INDEXES: dict[tuple[int, int, tuple[str, ...]], tuple[Elements, Any, Index]] = {}


def index_of(elements: Elements, exceptions: tuple[tuple[str, ...], ...], kinds: tuple[str, ...]) -> Index:
    """Return the index of these elements, made once for each elements object (hashing large ones costs as much)."""
    key = (id(elements), id(exceptions), kinds)
    known = _INDEXES.get(key)
    if known is not None:
        return known[2]
    if len(_INDEXES) > 4096:
        _INDEXES.clear()
    index = Index(elements, exceptions, kinds)
    _INDEXES[key] = (elements, exceptions, index)  # holding them keeps their ids from being given to others
    return index


def find_key(keys: tuple[tuple[str, ...], ...], fields: tuple[str, ...], seen: Seen) -> Answer | None:
    """As `find`, for elements that carry nothing."""
    known = _KEYED.get(id(keys))
    if known is None:
        if len(_KEYED) > 4096:
            _KEYED.clear()
        known = _KEYED[id(keys)] = (keys, tuple((key, None) for key in keys))
    return find(known[1], fields, seen)


_KEYED: dict[int, tuple[tuple[tuple[str, ...], ...], Elements]] = {}


def find(
    elements: Elements, fields: tuple[str, ...], seen: Seen, exceptions: tuple[tuple[str, ...], ...] = ()
) -> Answer | None:
    """Look the packet's `fields` up; None if the packet lacks one of them, an undecided answer for an unknown field."""
    kinds = tuple(_KINDS.get(field, "") for field in fields)
    if "" in kinds:
        return _UNDECIDED
    index = index_of(elements, exceptions, kinds)
    written = values_of(fields, seen)
    found = None
    for values in written:
        if found is None:
            found = index.find(values)
    if found is not None:
        return found
    if not written:
        return None
    return _UNDECIDED if index.undecided else index.default


def values_of(fields: tuple[str, ...], seen: Seen) -> list[tuple[Any, ...]]:
    """Return the packet's values of `fields`, in each way in which an element may be written; none if it lacks one."""
    if any(field not in _KINDS for field in fields):
        return []
    plain = tuple(_value(field, seen, joined=False) for field in fields)
    joined = tuple(_value(field, seen, joined=True) for field in fields)
    return [values for values in dict.fromkeys((plain, joined)) if None not in values]


def key_of(fields: tuple[str, ...], seen: Seen) -> tuple[str, ...] | None:
    """Return the key by which nftables finds a packet, written as in a `SetFacts`; None where that is not simple."""
    texts = tuple(_text(field, seen) for field in fields)
    return None if None in texts else texts  # type: ignore[return-value]


def _text(field: str, seen: Seen) -> str | None:
    if field in ("src", "dst"):
        return (getattr(seen, field) or None) if seen.is_ip else None
    if field in ("sport", "dport", "proto", "mark", "iif", "oif"):
        value = _value(field, seen, joined=False)
        return None if value is None else str(value)
    return None


def _value(field: str, seen: Seen, joined: bool) -> Any:
    """Return the packet's value of a field, None if it has none; ports `joined` with their protocol or plain."""
    if field in ("sport", "dport"):
        return _port(seen.sport if field == "sport" else seen.dport, seen, joined)
    if field == "proto":
        return seen.proto if seen.is_ip else None
    value = getattr(seen, field)
    if field in ("ct_mark", "ct_zone") and not seen.tracked:
        return None
    if field in ("src", "dst"):
        return number_of(value) if value and seen.is_ip else None
    if _KINDS[field] == "address":
        return number_of(value) if value else None
    if _KINDS[field] in ("mac", "state"):
        return value.lower() if value else None
    if field in _DEVICES:
        return value or ""
    return value


def _port(port: int | None, seen: Seen, joined: bool) -> Any:
    if seen.fragment or not seen.is_ip:
        return None
    if not joined:
        # nftables reads the bytes of any protocol (nft_payload.c); those of ICMP are no element's.
        return port if seen.proto in WITH_PORTS else -1
    if seen.proto in ICMP:
        return None if seen.icmp_type is None else (seen.proto, seen.icmp_type << 8 | (seen.icmp_code or 0))
    return (seen.proto, port) if seen.proto in WITH_PORTS and port is not None else (seen.proto, 0)
