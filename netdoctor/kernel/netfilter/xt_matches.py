"""The matches of iptables and ip6tables (iptables-extensions(8), net/netfilter/xt_*.c)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from netdoctor.kernel.netfilter import xt_more_matches
from netdoctor.kernel.netfilter.model import (
    Address,
    AddressType,
    Fragment,
    IcmpType,
    Interface,
    Mark,
    Match,
    Port,
    Protocol,
    State,
    TcpFlags,
    Unknown,
)
from netdoctor.kernel.netfilter.names import (
    ICMP_TYPES,
    ICMPV6_TYPES,
    PROTOCOLS,
    UndecodedError,
    named,
    number,
)
from netdoctor.kernel.netfilter.values import (
    address_range,
    flags,
    network,
    number_range,
    number_ranges,
    value_and_mask,
)
from netdoctor.kernel.netfilter.xt_options import Context, Module, Option

Handler = Callable[[Module, Context], Iterable[Match]]


def general(options: list[Option], context: Context) -> Iterator[Match]:
    """What belongs to no match: addresses, devices, protocol, fragments. Raises UndecodedError."""
    for option in options:
        name = option.name
        if name in ("-s", "-d"):
            bounds, version = network(option.value)
            side = "src" if name == "-s" else "dst"
            yield Address(option.negated, side, (bounds,), option.value, version)  # type: ignore[arg-type]
        elif name in ("-i", "-o"):
            yield interface(option, "in" if name == "-i" else "out")
        elif name == "-p":
            protocol = named(PROTOCOLS, option.value)
            if protocol or option.negated:
                yield Protocol(option.negated, (protocol,))
        elif name == "-f":
            yield Fragment(option.negated)
        else:
            raise UndecodedError(option.text)


def interface(option: Option, which: str) -> Interface:
    """A device by name; a `+` at its end stands for anything."""
    name = option.value
    return Interface(option.negated, which, (name.removesuffix("+"),), name.endswith("+"))  # type: ignore[arg-type]


def of_module(module: Module, context: Context) -> tuple[Match, ...]:
    """Return what a match demands; `Unknown` for what is not modelled."""
    handler = MODULES.get(module.name) or xt_more_matches.MODULES.get(module.name)
    if handler is not None:
        try:
            return tuple(handler(module, context))
        except (ValueError, LookupError):
            pass
    return (Unknown(text=f"-m {module.text}"),)


def comment(modules: list[Module]) -> str | None:
    """Return the comments of a rule."""
    texts = [o.value for m in modules if m.name == "comment" for o in m.options if len(o.values) == 1]
    return " ".join(texts) or None


def _ports(module: Module, _: Context) -> Iterator[Match]:
    """tcp, udp, udplite, sctp, dccp: the protocol itself is a condition of its own (-p)."""
    for option in module.options:
        if option.name in ("--sport", "--source-port", "--dport", "--destination-port"):
            side = "src" if option.name.startswith("--s") else "dst"
            yield Port(option.negated, side, (number_range(option.value),))  # type: ignore[arg-type]
        elif option.name == "--tcp-flags" and len(option.values) == 2:
            mask, wanted = option.values
            yield TcpFlags(option.negated, flags(mask), flags(wanted))
        elif option.name == "--syn":
            yield TcpFlags(option.negated, 23, 2)
        else:
            raise UndecodedError(option.text)


def _multiport(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name in ("--sports", "--source-ports"):
            yield Port(option.negated, "src", number_ranges(option.value))
        elif option.name in ("--dports", "--destination-ports"):
            yield Port(option.negated, "dst", number_ranges(option.value))
        elif option.name == "--ports":
            yield Port(option.negated, "either", number_ranges(option.value))
        else:
            raise UndecodedError(option.text)


def _icmp(module: Module, context: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name not in ("--icmp-type", "--icmpv6-type"):
            raise UndecodedError(option.text)
        if option.value == "any":
            if option.negated:
                yield IcmpType(True, 255)
            continue
        head, _, code = option.value.partition("/")
        names = ICMPV6_TYPES if module.name == "icmp6" else ICMP_TYPES
        codes = (number(code), number(code)) if code else (0, 255)
        yield IcmpType(option.negated, named(names, head), codes)


def _iprange(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name not in ("--src-range", "--dst-range"):
            raise UndecodedError(option.text)
        bounds, version = address_range(option.value)
        side = "src" if option.name == "--src-range" else "dst"
        yield Address(option.negated, side, (bounds,), option.value, version)  # type: ignore[arg-type]


def _addrtype(module: Module, _: Context) -> Iterator[Match]:
    limits = {"--limit-iface-in": "limit_in", "--limit-iface-out": "limit_out"}
    asked = {limits[option.name]: True for option in module.options if option.name in limits}
    for option in module.options:
        if option.name in ("--src-type", "--dst-type"):
            side = "src" if option.name == "--src-type" else "dst"
            types = tuple(option.value.upper().split(","))
            yield replace(AddressType(option.negated, side, types), **asked)  # type: ignore[arg-type]
        elif option.name not in limits:
            raise UndecodedError(option.text)


def _state(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name != "--state":
            raise UndecodedError(option.text)
        yield State(option.negated, tuple(option.value.upper().split(",")))


def _mark(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name != "--mark":
            raise UndecodedError(option.text)
        value, mask = value_and_mask(option.value)
        yield Mark(option.negated, value, mask, module.name == "connmark")


MODULES: dict[str, Handler] = {
    "tcp": _ports,
    "udp": _ports,
    "udplite": _ports,
    "sctp": _ports,
    "dccp": _ports,
    "multiport": _multiport,
    "icmp": _icmp,
    "icmp6": _icmp,
    "iprange": _iprange,
    "addrtype": _addrtype,
    "state": _state,
    "mark": _mark,
    "connmark": _mark,
    "comment": lambda _, __: (),
    "nfacct": lambda _, __: (),
}
