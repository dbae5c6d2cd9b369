"""The conditions of ebtables and arptables, which have no `-m` (ebtables(8), arptables-nft(8))."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.kernel.netfilter.model import (
    Address,
    ArpField,
    Chance,
    EtherType,
    IcmpType,
    Interface,
    Mac,
    Mark,
    Match,
    PacketType,
    Port,
    Protocol,
    Unknown,
)
from netdoctor.kernel.netfilter.names import (
    ARP_OPERATIONS,
    ETHERTYPES,
    ICMP_TYPES,
    ICMPV6_TYPES,
    PROTOCOLS,
    UndecodedError,
    named,
)
from netdoctor.kernel.netfilter.values import lladdr, network, number_range, value_and_mask
from netdoctor.kernel.netfilter.xt_options import Context, Option

_DEVICES = {"-i": "in", "-o": "out", "--logical-in": "brin", "--logical-out": "brout"}
_ADDRESSES = {
    "--ip-src": "src", "--ip-source": "src", "--ip-dst": "dst", "--ip-destination": "dst", "--ip6-src": "src",
    "--ip6-source": "src", "--ip6-dst": "dst", "--ip6-destination": "dst",
}  # fmt: skip
_PORTS = {
    "--ip-sport": "src", "--ip-source-port": "src", "--ip-dport": "dst", "--ip-destination-port": "dst",
    "--ip6-sport": "src", "--ip6-source-port": "src", "--ip6-dport": "dst", "--ip6-destination-port": "dst",
}  # fmt: skip
_LLADDRS = {
    "--src-mac": "smac", "--source-mac": "smac", "--dst-mac": "dmac", "--destination-mac": "dmac",
    "--arp-mac-src": "smac", "--arp-mac-dst": "dmac",
}  # fmt: skip
_ARP = frozenset(("-s", "-d", "-i", "-o", "--opcode", "--h-length", "--h-type", "--proto-type", *_LLADDRS))
_LIMITS = ("--limit", "--limit-burst")


def is_condition(option: Option) -> bool:
    """Tell whether an option of an arptables rule is a condition, and not one of its target's."""
    return option.name in _ARP


def general(options: list[Option], context: Context) -> Iterator[Match]:
    """Return the conditions of a rule; what is not modelled becomes `Unknown`."""
    for option in options:
        if option.name in ("--limit-burst", "--h-length"):
            continue
        try:
            yield _arp(option) if context.family == "arp" else _bridge(option)
        except (ValueError, LookupError):
            yield Unknown(text=option.text)


def _device(option: Option) -> Match:
    name = option.value
    which = _DEVICES[option.name]
    return Interface(option.negated, which, (name.removesuffix("+"),), name.endswith("+"))  # type: ignore[arg-type]


def _bridge(option: Option) -> Match:
    name, negated = option.name, option.negated
    if name in _DEVICES:
        return _device(option)
    if name == "-p":
        return EtherType(negated, (named(ETHERTYPES, option.value),))
    if name in ("-s", "-d"):
        return _lladdr(option)
    if name in _ADDRESSES:
        bounds, version = network(option.value)
        return Address(negated, _ADDRESSES[name], (bounds,), option.value, version)  # type: ignore[arg-type]
    if name in ("--ip-proto", "--ip-protocol", "--ip6-proto", "--ip6-protocol"):
        return Protocol(negated, (named(PROTOCOLS, option.value),))
    if name in _PORTS:
        return Port(negated, _PORTS[name], (number_range(option.value),))  # type: ignore[arg-type]
    if name in ("--ip-icmp-type", "--ip6-icmp-type"):
        return _icmp(option)
    if name == "--pkttype-type":
        return PacketType(negated, {"host": "unicast"}.get(option.value, option.value))
    if name == "--mark":
        return Mark(negated, *value_and_mask(option.value))
    if name == "--limit":
        return Chance(likely=True, text=option.text)
    return _arp_in_frame(option)


def _lladdr(option: Option) -> Match:
    side = "src" if option.name == "-s" else "dst"
    kinds = {"Broadcast": "broadcast", "Multicast": "multicast"}
    if option.value in kinds and side == "dst":
        # a broadcast is a multicast address too, but is a packet type of its own
        return _group(option.negated, option.value)
    return Mac(option.negated, lladdr(option.value), side)  # type: ignore[arg-type]


def _group(negated: bool, kind: str) -> Match:
    if kind == "Broadcast":
        return Mac(negated, "ff:ff:ff:ff:ff:ff", "dst")
    raise UndecodedError(kind)


def _icmp(option: Option) -> Match:
    head, _, codes = option.value.partition("/")
    names = ICMPV6_TYPES if "6" in option.name else ICMP_TYPES
    first, _, last = head.partition(":")
    if last and last != first:
        raise UndecodedError(option.text)
    return IcmpType(option.negated, named(names, first), number_range(codes) if codes else (0, 255))


def _arp_in_frame(option: Option) -> Match:
    """ARP conditions of ebtables."""
    name = option.name
    if name in ("--arp-op", "--arp-opcode"):
        return _operation(option)
    if name in ("--arp-ip-src", "--arp-ip-dst"):
        network(option.value)
        return ArpField(option.negated, "saddr" if name == "--arp-ip-src" else "daddr", (option.value,))
    if name in _LLADDRS:
        return ArpField(option.negated, _LLADDRS[name], (lladdr(option.value),))
    raise UndecodedError(option.text)


def _operation(option: Option) -> Match:
    return ArpField(option.negated, "operation", (str(named(ARP_OPERATIONS, option.value)),))


def _arp(option: Option) -> Match:
    """Conditions of arptables."""
    name = option.name
    if name in ("-i", "-o"):
        return _device(option)
    if name in ("-s", "-d"):
        network(option.value)
        return ArpField(option.negated, "saddr" if name == "-s" else "daddr", (option.value,))
    if name == "--opcode":
        return _operation(option)
    if name in _LLADDRS:
        return ArpField(option.negated, _LLADDRS[name], (lladdr(option.value),))
    raise UndecodedError(option.text)
