"""The matches of iptables that look beyond addresses and ports: conntrack, sets, limits, sockets, bridge ports."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from netdoctor.kernel.netfilter.model import (
    AnyOf,
    Chance,
    CtAddress,
    CtDirection,
    CtPort,
    CtProtocol,
    CtStatus,
    InSet,
    Interface,
    Mac,
    Match,
    Never,
    Owner,
    PacketType,
    PhysBridged,
    Range,
    RpFilter,
    Socket,
    State,
)
from netdoctor.kernel.netfilter.names import DSCP, PROTOCOLS, UndecodedError, named, number
from netdoctor.kernel.netfilter.rarer import Bucket, DeviceIs, MoreConnections
from netdoctor.kernel.netfilter.values import (
    lladdr,
    network,
    number_range,
    tos_ranges,
    value_and_mask,
)
from netdoctor.kernel.netfilter.xt_options import Context, Module, Option

#: What a dimension of an ipset means in the direction src and dst (net/netfilter/ipset/).
_FIELDS = {
    "ipv4_addr": ("src", "dst"),
    "ipv6_addr": ("src", "dst"),
    "inet_service": ("sport", "dport"),
    "ether_addr": ("smac", "dmac"),
    "ifname": ("iif", "oif"),
}


def _conntrack(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        yield _conntrack_option(option)


def _conntrack_option(option: Option) -> Match:
    name, negated = option.name.removeprefix("--ct"), option.negated
    if name == "state":
        return State(negated, tuple(option.value.upper().split(",")))
    if name == "status":
        return CtStatus(negated, tuple(option.value.upper().split(",")))
    if name == "dir":
        direction = option.value.lower()
        if direction in ("original", "reply"):
            return CtDirection(negated, direction)  # type: ignore[arg-type]
    if name == "proto":
        return CtProtocol(negated, (named(PROTOCOLS, option.value),))
    direction = "original" if name.startswith("orig") else "reply"
    what = name.removeprefix("orig").removeprefix("repl")
    side = what[:3]
    if what in ("src", "dst"):
        bounds, version = network(option.value)
        return CtAddress(negated, direction, side, (bounds,), version)  # type: ignore[arg-type]
    if what in ("srcport", "dstport"):
        return CtPort(negated, direction, side, (number_range(option.value),))  # type: ignore[arg-type]
    raise UndecodedError(option.text)


def _set(module: Module, context: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name in ("--update-counters", "--update-subcounters"):
            continue
        if option.name != "--match-set" or len(option.values) != 2:
            raise UndecodedError(option.text)
        name, directions = option.values
        yield InSet(option.negated, name, set_fields(name, directions, context))


def set_fields(name: str, directions: str, context: Context) -> tuple[str, ...]:
    """Return what of a packet is looked up in a set. A protocol comes before its port and has no direction.

    A set that is not known is looked up by its directions: its lookup is undecided anyway.
    """
    wanted = directions.split(",")
    types = context.dimensions(name)
    if types is None:
        return tuple(wanted)
    fields: list[str] = []
    for kind in types:
        if kind == "inet_proto":
            fields.append("proto")
        elif kind == "mark":
            fields.append("mark")
            wanted = wanted[1:]
        elif not wanted:
            raise UndecodedError(directions)
        else:
            by_source, by_destination = _FIELDS[kind]
            fields.append(by_source if wanted[0] == "src" else by_destination)
            wanted = wanted[1:]
    return tuple(fields)


def _statistic(module: Module, _: Context) -> Iterator[Match]:
    options = {option.name: option for option in module.options}
    if "--probability" in options:
        option = options["--probability"]
        share = float(option.value)
        share = 1 - share if option.negated else share
        yield Chance(likely=share >= 0.5, certain=share in (0.0, 1.0), text=module.text)
    else:
        every = options.get("--every")
        if every is None:
            raise UndecodedError(module.text)
        yield Chance(likely=every.negated, certain=number(every.value) == 1, text=module.text)


def _plain_limit(module: Module, _: Context) -> Iterator[Match]:
    burst = next((option for option in module.options if option.name == "--limit-burst"), None)
    yield Bucket(text=module.text, burst=number(burst.value) if burst is not None else 5)


def _limit(module: Module, _: Context) -> Iterator[Match]:
    above = any(option.name.endswith("-above") != option.negated for option in module.options[:1])
    yield Chance(likely=not above, text=module.text)


def _connlimit(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name in ("--connlimit-above", "--connlimit-upto"):
            above = (option.name == "--connlimit-above") != option.negated
            yield MoreConnections(not above, number(option.value), module.text)


def _recent(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name == "--set" and option.negated:
            raise UndecodedError(module.text)
        if option.name in ("--rcheck", "--update", "--remove"):
            yield Chance(likely=option.negated, text=module.text)


def _ranged(what: str, module: Module, context: Context) -> Iterator[Match]:
    """length, ttl, hl and dscp."""
    for option in module.options:
        name = option.name
        if name == "--length":
            first, last = number_range(option.value)
        elif name in ("--ttl-lt", "--hl-lt"):
            first, last = 0, number(option.value) - 1
        elif name in ("--ttl-gt", "--hl-gt"):
            first, last = number(option.value) + 1, 255
        elif name in ("--ttl-eq", "--ttl", "--hl-eq", "--dscp", "--dscp-class"):
            first = last = named(DSCP, option.value)
        else:
            raise UndecodedError(option.text)
        yield Range(option.negated, what, first, last)  # type: ignore[arg-type]


def _tos(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        value, mask = value_and_mask(option.value)
        ranges = tos_ranges(value, mask)
        yield AnyOf(option.negated, tuple((Range(False, "tos", *bounds),) for bounds in ranges))


def _mac(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        yield Mac(option.negated, lladdr(option.value))


def _owner(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        if option.name == "--uid-owner":
            yield Owner(option.negated, uid=number_range(option.value, "-", 0xFFFFFFFF))
        elif option.name == "--gid-owner":
            yield Owner(option.negated, gid=number_range(option.value, "-", 0xFFFFFFFF))
        elif option.name == "--socket-exists":
            yield Owner(option.negated, exists=True)
        else:
            raise UndecodedError(option.text)


def _socket(module: Module, _: Context) -> Iterator[Match]:
    names = {option.name for option in module.options}
    if not names <= {"--transparent", "--nowildcard"}:
        raise UndecodedError(module.text)
    yield Socket(transparent="--transparent" in names, wildcard="--nowildcard" in names)


def _rpfilter(module: Module, _: Context) -> Iterator[Match]:
    names = {option.name for option in module.options}
    if not names <= {"--loose", "--validmark", "--accept-local", "--invert"}:
        raise UndecodedError(module.text)
    yield RpFilter(
        "--invert" in names,
        loose="--loose" in names,
        accept_local="--accept-local" in names,
        validmark="--validmark" in names,
    )


def _physdev(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        which = option.name.removeprefix("--physdev-")
        if which in ("in", "out"):
            name = option.value
            yield Interface(option.negated, f"phys{which}", (name.removesuffix("+"),), name.endswith("+"))  # type: ignore[arg-type]
        elif which in ("is-in", "is-out", "is-bridged"):
            yield PhysBridged(option.negated, which.removeprefix("is-"))
        else:
            raise UndecodedError(option.text)


def _pkttype(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        kind = {"host": "unicast"}.get(option.value, option.value)
        if kind not in ("unicast", "broadcast", "multicast"):
            raise UndecodedError(option.text)
        yield PacketType(option.negated, kind)


def _device_group(module: Module, _: Context) -> Iterator[Match]:
    for option in module.options:
        which = {"--src-group": "in", "--dst-group": "out"}[option.name]
        value, mask = value_and_mask(option.value)
        yield DeviceIs(option.negated, which, "group", (value & mask,), mask)  # type: ignore[arg-type]


def _policy(module: Module, _: Context) -> Iterator[Match]:
    """IPsec is not part of the walk: no packet has passed a transformation."""
    kinds = [option.value for option in module.options if option.name == "--pol"]
    if kinds == ["ipsec"]:
        yield Never()
    elif kinds != ["none"]:
        raise UndecodedError(module.text)


MODULES: dict[str, Callable[[Module, Context], Iterable[Match]]] = {
    "conntrack": _conntrack,
    "set": _set,
    "statistic": _statistic,
    "limit": _plain_limit,
    "hashlimit": _limit,
    "connlimit": _connlimit,
    "recent": _recent,
    "quota": _limit,
    "length": lambda module, context: _ranged("length", module, context),
    "ttl": lambda module, context: _ranged("ttl", module, context),
    "hl": lambda module, context: _ranged("ttl", module, context),
    "dscp": lambda module, context: _ranged("dscp", module, context),
    "tos": _tos,
    "mac": _mac,
    "owner": _owner,
    "socket": _socket,
    "rpfilter": _rpfilter,
    "physdev": _physdev,
    "pkttype": _pkttype,
    "policy": _policy,
    "devgroup": _device_group,
}
