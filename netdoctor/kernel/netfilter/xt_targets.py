"""The targets of iptables, ip6tables, ebtables and arptables (iptables-extensions(8), ebtables(8))."""

from __future__ import annotations

from collections.abc import Callable, Container

from netdoctor.kernel.netfilter.memory import Remember
from netdoctor.kernel.netfilter.model import (
    NoTrack,
    Pass,
    Reject,
    SetMark,
    SetTos,
    SetTtl,
    Statement,
    Translate,
    UnknownStatement,
    Verdict,
)
from netdoctor.kernel.netfilter.names import UndecodedError, number
from netdoctor.kernel.netfilter.rarer import Alters, ToQueue
from netdoctor.kernel.netfilter.values import address, number_range, prefix_length, value_and_mask
from netdoctor.kernel.netfilter.xt_more_matches import set_fields
from netdoctor.kernel.netfilter.xt_options import Context, Module

_FULL = 0xFFFFFFFF
_VERDICTS = {"ACCEPT": "accept", "DROP": "drop", "RETURN": "return", "CONTINUE": "continue", "QUEUE": "queue"}

#: Targets that change nothing a packet's way depends on; the rule goes on.
_PASS = frozenset(
    (
        "LOG", "NFLOG", "ULOG", "AUDIT", "TRACE", "TCPMSS", "CHECKSUM", "CLASSIFY", "ECN", "SECMARK",
        "CONNSECMARK", "IDLETIMER", "RATEEST", "TEE", "LED", "TCPOPTSTRIP", "NFACCT",
    )
)  # fmt: skip


class _AnyChain(Container[str]):
    """What a jump may lead to in a table whose chains are not all known: whatever is no target."""

    def __contains__(self, name: object) -> bool:
        return not (name in _VERDICTS or name in _PASS or name in TARGETS or name in _NOT_MODELLED)


ANY_CHAIN = _AnyChain()

#: They send the packet elsewhere, answer it or rewrite it; the last four are targets of ebtables.
_NOT_MODELLED = frozenset(
    ("TPROXY", "SYNPROXY", "HMARK", "CLUSTERIP", "DNPT", "SNPT", "arpreply", "dnat", "snat", "redirect")
)


def of_target(target: Module | None, goto: bool, context: Context) -> tuple[Statement, ...]:
    """Return what a rule does; nothing without a target."""
    if target is None:
        return ()
    if target.name in context.chains:
        return (Verdict("goto" if goto else "jump", target.name),)
    if target.name in _VERDICTS:
        return (Verdict(_VERDICTS[target.name]),)
    if target.name in _PASS:
        return (Pass(target.text),)
    handler = TARGETS.get(target.name)
    if handler is not None:
        try:
            return handler(target, context)
        except (ValueError, LookupError):
            pass
    return (Alters(target.text) if target.name in _NOT_MODELLED else UnknownStatement(target.text),)


def _values(target: Module) -> dict[str, str]:
    return {option.name: " ".join(option.values) for option in target.options}


def _reject(target: Module, context: Context) -> tuple[Statement, ...]:
    default = "icmp6-port-unreachable" if context.family == "ip6" else "icmp-port-unreachable"
    return (Reject(_values(target).get("--reject-with", default)),)


def _nfqueue(target: Module, _: Context) -> tuple[Statement, ...]:
    values = _values(target)
    numbers = number_range(values.get("--queue-balance", values.get("--queue-num", "0")))
    return (ToQueue("queue", bypass="--queue-bypass" in values, queues=numbers),)


def _mark(target: Module, _: Context) -> tuple[Statement, ...]:
    connection = target.name == "CONNMARK"
    values = _values(target)
    if connection and ("--save-mark" in values or "--restore-mark" in values):
        return (_copied_mark(values),)
    if len(values) != 1:
        raise UndecodedError(target.text)
    [(name, text)] = values.items()
    value, mask = value_and_mask(text)
    if name == "--set-mark":
        return (SetMark(value, mask | value if "/" in text else _FULL, connection),)
    if name == "--set-xmark":
        return (SetMark(value, mask, connection),)
    if name == "--and-mark":
        return (SetMark(0, value ^ _FULL, connection),)
    if name == "--or-mark":
        return (SetMark(value, value, connection),)
    if name == "--xor-mark":
        return (SetMark(value, 0, connection),)
    raise UndecodedError(target.text)


def _tos(target: Module, _: Context) -> tuple[Statement, ...]:
    [(name, text)] = _values(target).items()
    if name == "--set-dscp":
        return (SetTos(number(text) << 2, 0xFC),)
    if name != "--set-tos":
        raise UndecodedError(target.text)
    value, mask = value_and_mask(text)
    return (SetTos(value, mask & 0xFF),)


def _copied_mark(values: dict[str, str]) -> SetMark:
    """CONNMARK --save-mark and --restore-mark (connmark_tg_shift() in net/netfilter/xt_connmark.c)."""
    known = {"--save-mark", "--restore-mark", "--nfmask", "--ctmask", "--mask"}
    if not set(values) <= known:
        raise UndecodedError(" ".join(values))
    mask = values.get("--mask", hex(_FULL))
    packet, connection = number(values.get("--nfmask", mask)), number(values.get("--ctmask", mask))
    if "--save-mark" in values:
        return SetMark(0, connection, True, "mark", packet)
    return SetMark(0, packet, False, "ct", connection)


def _nat(target: Module, _: Context) -> tuple[Statement, ...]:
    kind = "dnat" if target.name == "DNAT" else "snat"
    values = _values(target)
    to = values.get("--to-destination" if kind == "dnat" else "--to-source")
    if to is None:
        raise UndecodedError(target.text)
    addresses, ports = _target_range(to)
    return (Translate(kind, addresses, ports, random=_random(values)),)  # type: ignore[arg-type]


def _target_range(text: str) -> tuple[tuple[str, str] | None, tuple[int, int] | None]:
    """Split `10.0.0.1-10.0.0.5:80-90` or `[fd00::1]:80` into addresses and ports."""
    if text.startswith("["):
        addresses, _, ports = text[1:].partition("]")
        ports = ports.removeprefix(":")
    elif text.count(":") > 1:
        addresses, ports = text, ""
    else:
        addresses, _, ports = text.partition(":")
    if "/" in ports:  # a shifted range
        raise UndecodedError(text)
    first, _, last = addresses.partition("-")
    pair = (first, last or first) if first else None
    for end in pair or ():
        address(end)
    return pair, _ports(ports)


def _ports(text: str | None) -> tuple[int, int] | None:
    if not text:
        return None
    first, _, last = text.partition("-")
    return number(first), number(last or first)


def _random(values: dict[str, str]) -> bool:
    return "--random" in values or "--random-fully" in values


def _own_address(target: Module, _: Context) -> tuple[Statement, ...]:
    values = _values(target)
    kind = "masquerade" if target.name == "MASQUERADE" else "redirect"
    ports = _ports(values.get("--to-ports"))
    return (Translate(kind, None, ports, random=_random(values)),)  # type: ignore[arg-type]


def _netmap(target: Module, _: Context) -> tuple[Statement, ...]:
    first, _slash, length = _values(target).get("--to", "").partition("/")
    bits = 32 if address(first)[1] == 4 else 128
    prefix = prefix_length(length, bits) if length else bits
    return (Translate("netmap", network=(first, prefix)),)


def _ct(target: Module, _: Context) -> tuple[Statement, ...]:
    values = _values(target)
    if "--notrack" in values or target.name == "NOTRACK":
        return (NoTrack(),)
    statements: list[Statement] = []
    for name, value in values.items():
        if name == "--zone":
            statements.append(NoTrack(number(value)))
        elif name in ("--helper", "--ctevents", "--expevents", "--timeout"):
            statements.append(Pass(target.text))
        else:
            raise UndecodedError(target.text)
    return tuple(statements)


def _ttl(target: Module, _: Context) -> tuple[Statement, ...]:
    [(name, value)] = _values(target).items()
    how = name.rsplit("-", 1)[-1]
    if how not in ("set", "inc", "dec"):
        raise UndecodedError(target.text)
    return (SetTtl(how, number(value)),)  # type: ignore[arg-type]


def _set(target: Module, context: Context) -> tuple[Statement, ...]:
    found: list[Statement] = []
    for option in target.options:
        if option.name == "--map-set" or len(option.values) > 2:
            raise UndecodedError(target.text)
        if option.name in ("--add-set", "--del-set"):
            name, directions = option.values
            fields = set_fields(name, directions, context)
            found.append(Remember(name, fields, "add" if option.name == "--add-set" else "delete"))
    return (*found, Pass(target.text))


def _bridge_mark(target: Module, _: Context) -> tuple[Statement, ...]:
    """The target `mark` of ebtables; it carries a verdict of its own."""
    values = _values(target)
    statements: list[Statement] = []
    for name, text in values.items():
        value = 0 if name == "--mark-target" else number(text)
        if name == "--mark-set":
            statements.append(SetMark(value, _FULL))
        elif name == "--mark-or":
            statements.append(SetMark(value, value))
        elif name == "--mark-and":
            statements.append(SetMark(0, value ^ _FULL))
        elif name == "--mark-xor":
            statements.append(SetMark(value, 0))
        elif name != "--mark-target":
            raise UndecodedError(target.text)
    statements.append(Verdict(_VERDICTS[values.get("--mark-target", "ACCEPT")]))
    return tuple(statements)


TARGETS: dict[str, Callable[[Module, Context], tuple[Statement, ...]]] = {
    "REJECT": _reject,
    "NFQUEUE": _nfqueue,
    "MARK": _mark,
    "CONNMARK": _mark,
    "DNAT": _nat,
    "SNAT": _nat,
    "MASQUERADE": _own_address,
    "REDIRECT": _own_address,
    "NETMAP": _netmap,
    "NOTRACK": _ct,
    "CT": _ct,
    "TTL": _ttl,
    "HL": _ttl,
    "DSCP": _tos,
    "TOS": _tos,
    "SET": _set,
    "mark": _bridge_mark,
}
