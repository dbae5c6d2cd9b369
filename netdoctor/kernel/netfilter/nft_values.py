"""Keys and values of nftables as libnftables prints them in JSON (libnftables-json(5)), in this model's writing."""

from __future__ import annotations

from typing import Any, NamedTuple

from netdoctor.kernel.netfilter.model import EtherType, Match, Protocol
from netdoctor.kernel.netfilter.names import (
    ARP_OPERATIONS,
    DSCP,
    ETHERTYPES,
    ICMP_CODES,
    ICMP_TYPES,
    ICMPV6_CODES,
    ICMPV6_TYPES,
    PROTOCOLS,
    UndecodedError,
    named,
)
from netdoctor.kernel.netfilter.values import Range, address, address_range, lladdr

#: An expression or value of the JSON.
Json = Any


class Key(NamedTuple):
    """What of a packet is compared or looked up: its field, the names of its values, and what must hold before."""

    field: str
    implied: tuple[Match, ...] = ()
    names: dict[str, int] | None = None
    most: int = 0xFFFFFFFF


_IP = {
    "saddr": "src", "daddr": "dst", "protocol": "proto", "nexthdr": "proto", "ttl": "ttl", "hoplimit": "ttl",
    "length": "length", "dscp": "dscp", "frag-off": "frag-off",
}  # fmt: skip
_PORTS = {"sport": "sport", "dport": "dport"}
_META = {
    "iif": "iif", "iifname": "iif", "oif": "oif", "oifname": "oif", "ibrname": "brin", "obrname": "brout",
    "ibriport": "brin", "mark": "mark", "l4proto": "proto", "nfproto": "nfproto", "protocol": "ethertype",
    "pkttype": "pkttype", "skuid": "uid", "skgid": "gid", "length": "length", "ipsec": "ipsec", "secpath": "ipsec",
    "random": "chance",
}  # fmt: skip
_ARP = {
    "operation": "arp_op", "saddr ip": "arp_saddr", "daddr ip": "arp_daddr", "saddr ether": "arp_smac",
    "daddr ether": "arp_dmac", "htype": "arp_htype", "ptype": "arp_ptype", "hlen": "arp_hlen",
    "plen": "arp_plen",
}  # fmt: skip
_NFPROTO = {"ipv4": 0x0800, "ipv6": 0x86DD}
_NAMES: dict[str, dict[str, int]] = {
    "proto": PROTOCOLS,
    "ethertype": ETHERTYPES,
    "nfproto": _NFPROTO,
    "dscp": DSCP,
    "arp_op": ARP_OPERATIONS,
    "arp_htype": {"ether": 1},
    "arp_ptype": ETHERTYPES,
}
_MOST = {
    "sport": 65535,
    "dport": 65535,
    "ttl": 255,
    "proto": 255,
    "dscp": 63,
    "icmp_type": 255,
    "icmp_code": 255,
}
#: Protocols of the transport layer, with their number.
_TRANSPORT = {
    "tcp": 6,
    "udp": 17,
    "udplite": 136,
    "sctp": 132,
    "dccp": 33,
    "icmp": 1,
    "icmpv6": 58,
    "igmp": 2,
}
#: Families whose chains see more than IP packets of one version.
SEES_ALL = ("inet", "bridge", "netdev")

#: The type of a set's field, and the field whose values it has.
TYPES = {
    "inet_proto": "proto", "ether_type": "ethertype", "icmp_type": "icmp_type", "icmpv6_type": "icmpv6_type",
    "ct_state": "ct_state", "dscp": "dscp", "arp_op": "arp_op", "nf_proto": "nfproto", "ether_addr": "smac",
    "ipv4_addr": "src", "ipv6_addr": "src",
}  # fmt: skip


def key_of(expression: Json, family: str) -> Key:
    """Return what an expression of the left side reads. Raises UndecodedError for what is not modelled."""
    if not isinstance(expression, dict) or len(expression) != 1:
        raise UndecodedError(str(expression))
    [(kind, body)] = expression.items()
    if kind == "payload" and "protocol" in body:
        return _payload(body["protocol"], body["field"], family)
    if kind == "meta":
        return _plain(_known(_META, body["key"]))
    if kind == "ct" and "dir" not in body:
        field = {
            "state": "ct_state", "mark": "ct_mark", "status": "ct_status", "direction": "ct_direction",
            "zone": "ct_zone",
        }  # fmt: skip
        return Key(_known(field, body["key"]))
    if kind in ("numgen", "jhash", "symhash"):
        return Key("chance", most=int(body.get("mod", 1)) - 1)
    raise UndecodedError(kind)


def _known(names: dict[str, str], text: str) -> str:
    if text not in names:
        raise UndecodedError(text)
    return names[text]


def _plain(field: str, *implied: Match) -> Key:
    return Key(field, implied, _NAMES.get(field), _MOST.get(field, 0xFFFFFFFF))


def _payload(protocol: str, name: str, family: str) -> Key:
    if protocol in ("ip", "ip6"):
        version = (EtherType(numbers=(0x0800 if protocol == "ip" else 0x86DD,)),)
        field = _known(_IP, name)
        if field == "length" and protocol == "ip6":
            raise UndecodedError(name)  # without the header's 40 bytes
        return _plain(field, *(version if family in SEES_ALL else ()))
    if protocol == "ether":
        return _plain(_known({"saddr": "smac", "daddr": "dmac", "type": "ethertype"}, name))
    if protocol == "arp":
        return _plain(_known(_ARP, name), *((EtherType(numbers=(0x0806,)),) if family != "arp" else ()))
    if protocol == "th":
        return _plain(_known(_PORTS, name))
    if protocol not in _TRANSPORT:
        raise UndecodedError(protocol)
    implied = Protocol(numbers=(_TRANSPORT[protocol],))
    if name in _PORTS:
        return _plain(name, implied)
    if protocol in ("icmp", "icmpv6") and name in ("type", "code"):
        tables = {"icmp": (ICMP_TYPES, ICMP_CODES), "icmpv6": (ICMPV6_TYPES, ICMPV6_CODES)}[protocol]
        return Key(f"icmp_{name}", (implied,), tables[name == "code"], 255)
    if protocol == "tcp" and name == "flags":
        return Key("tcp_flags", (implied,))
    raise UndecodedError(f"{protocol} {name}")


def unwrapped(value: Json) -> Json:
    """Return an element's key without its timeout, counter and comment."""
    while isinstance(value, dict) and "elem" in value:
        value = value["elem"]["val"]
    return value


def members(right: Json) -> list[Json]:
    """Return the values that the right side stands for: of an inline set, or itself."""
    if isinstance(right, dict) and "set" in right:
        inner = right["set"]
        return [unwrapped(value) for value in (inner if isinstance(inner, list) else [inner])]
    return [unwrapped(right)]


def bounds(value: Json, key: Key) -> Range:
    """Return a number, name or range as first and last."""
    if isinstance(value, dict) and "range" in value:
        first, last = value["range"]
        return single(first, key), single(last, key)
    return single(value, key), single(value, key)


def single(value: Json, key: Key) -> int:
    """Return a number or the number of a name."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise UndecodedError(str(value))
    return value if isinstance(value, int) else named(key.names or {}, value)


def address_bounds(value: Json) -> tuple[Range, int]:
    """Return an address, prefix or range of addresses as first and last, and the version."""
    if not isinstance(value, str | dict):
        raise UndecodedError(str(value))
    return address_range(value if isinstance(value, str) else text_of(value))


def text_of(value: Json, field: str = "") -> str:
    """Return one field of a set's key in this model's writing (see `SetFacts`)."""
    value = unwrapped(value)
    if isinstance(value, dict):
        if "prefix" in value:
            return f"{value['prefix']['addr']}/{value['prefix']['len']}"
        if "range" in value:
            return "-".join(text_of(end, field) for end in value["range"])
        raise UndecodedError(str(value))
    if isinstance(value, str):
        return value if value == "*" else _written(value, field)
    return str(value)


def _written(value: str, field: str) -> str:
    names = (
        ICMPV6_TYPES if field == "icmpv6_type" else ICMP_TYPES if field == "icmp_type" else _NAMES.get(field)
    )
    if names is not None:
        return str(named(names, value))
    if field == "ct_state":
        return value.upper()
    if field in ("smac", "dmac"):
        return lladdr(value)
    if field in ("src", "dst"):
        address(value)
    return value


def key_texts(value: Json, fields: tuple[str, ...]) -> tuple[str, ...]:
    """Return a set's key, one text for each field; a lone `*` is the element that holds everything else."""
    value = unwrapped(value)
    parts = value["concat"] if isinstance(value, dict) and "concat" in value else [value]
    if parts == ["*"]:
        return ("*",)
    if len(parts) != len(fields):
        raise UndecodedError(str(value))
    return tuple(text_of(part, field) for part, field in zip(parts, fields, strict=True))
