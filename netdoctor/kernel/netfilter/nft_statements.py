"""The statements of native nftables rules (nft(8), "Statements")."""

from __future__ import annotations

from collections.abc import Callable

from netdoctor.kernel.netfilter import nft_lookups
from netdoctor.kernel.netfilter.memory import Remember
from netdoctor.kernel.netfilter.model import (
    Chance,
    Match,
    NoTrack,
    Pass,
    Protocol,
    Reject,
    SetMark,
    SetTos,
    SetTtl,
    Statement,
    Translate,
    TranslateByMap,
    UnknownStatement,
)
from netdoctor.kernel.netfilter.names import DSCP, UndecodedError, named
from netdoctor.kernel.netfilter.nft_text import expression_text, statement_text
from netdoctor.kernel.netfilter.nft_values import Json, key_of, unwrapped
from netdoctor.kernel.netfilter.rarer import Alters, Bucket, FreshLimit, MoreConnections, ToQueue
from netdoctor.kernel.netfilter.values import network

_FULL = 0xFFFFFFFF

#: More bytes than a conversation has before its first answer is there.
MUCH = 1 << 20

#: They send the packet elsewhere, answer it or rewrite it.
_ALTERING = ("fwd", "synproxy", "tproxy", "mangle", "dnat", "snat", "masquerade", "redirect", "xt")

#: What must hold for the rule to go on, and what is done.
Parsed = tuple[tuple[Match, ...], tuple[Statement, ...]]

_PASS = (
    "counter", "log", "flow", "ct helper", "ct timeout", "ct expectation", "dup", "secmark", "last", "comment",
)  # fmt: skip


def statement(expression: Json, family: str) -> Parsed:
    """Return what one expression of a rule demands and does; `UnknownStatement` for what is not modelled."""
    kind, body = next(iter(expression.items()))
    try:
        found = nft_lookups.verdict(expression)
        if found is not None:
            return (), (found,)
        if kind in _PASS:
            return (), (Pass(statement_text(expression)),)
        return HANDLERS[kind](body, family)
    except (LookupError, TypeError, ValueError, AttributeError):
        text = statement_text(expression)
        return (), (Alters(text) if kind in _ALTERING else UnknownStatement(text),)


def _vmap(body: Json, family: str) -> Parsed:
    implied, lookup = nft_lookups.verdict_map(body, family)
    return implied, (lookup,)


def _limit(body: Json, _: str) -> Parsed:
    """A rate, or the name of one that is defined elsewhere: it holds for some packets."""
    text = statement_text({"limit": body})
    if not isinstance(body, dict) or body.get("inv") or "burst_unit" in body or "rate_unit" in body:
        return (Chance(likely=isinstance(body, str) or not body.get("inv"), text=text),), ()
    return (Bucket(text=text, burst=int(body.get("burst", 5))),), ()


def _count(body: Json, _: str) -> Parsed:
    return (MoreConnections(not body.get("inv"), int(body["val"]), statement_text({"ct count": body})),), ()


def _quota(body: Json, _: str) -> Parsed:
    over = isinstance(body, dict) and bool(body.get("inv"))
    left = _bytes(body, "val") - _bytes(body, "used") if isinstance(body, dict) else 0
    return (Chance(likely=not over, certain=left > MUCH, text=statement_text({"quota": body})),), ()


def _bytes(body: Json, name: str) -> int:
    units = {"bytes": 1, "kbytes": 1 << 10, "mbytes": 1 << 20}
    return int(body.get(name, 0)) * units[body.get(f"{name}_unit", "bytes")]


def _set(body: Json, family: str) -> Parsed:
    """`add @set { … }`; a limit inside it decides whether the rule goes on."""
    name = body["set"].removeprefix("@")
    fields, implied, _ = nft_lookups.keys_of(unwrapped(body["elem"]), family)
    matches = list(implied)
    for inner in body.get("stmt", ()):
        limit = inner.get("limit") if isinstance(inner, dict) else None
        if isinstance(limit, dict):
            matches.append(FreshLimit(False, name, fields, bool(limit.get("inv")), statement_text(inner)))
        else:
            matches.extend(statement(inner, family)[0])
    return tuple(matches), (Remember(name, fields, "delete" if body["op"] == "delete" else "add"),)


def _meter(body: Json, family: str) -> Parsed:
    return statement(body["stmt"], family)[0], (Pass(statement_text({"meter": body})),)


def _reject(body: Json, family: str) -> Parsed:
    """The words are those of iptables; icmpx means the same thing in both versions of ICMP."""
    body = body or {}
    kind = body.get("type", "icmpv6" if family == "ip6" else "icmp")
    if kind == "tcp reset":
        # nft writes `meta l4proto tcp` in front of it, and does not print it again.
        return (Protocol(numbers=(6,)),), (Reject("tcp-reset"),)
    reason = str(body.get("expr", "port-unreachable")).replace("prot-", "proto-")
    if kind == "icmpx" and reason == "no-route":
        reason = "net-unreachable"
    return (), (Reject(f"{'icmp6' if kind == 'icmpv6' else 'icmp'}-{reason}"),)


def _queue(body: Json, _: str) -> Parsed:
    body = body or {}
    number = body.get("num", 0)
    ends = number["range"] if isinstance(number, dict) and "range" in number else (number, number)
    first, last = (int(end) for end in ends) if all(isinstance(end, int) for end in ends) else (0, 0xFFFF)
    return (), (ToQueue("queue", bypass="bypass" in body.get("flags", ()), queues=(first, last)),)


def _mangle(body: Json, family: str) -> Parsed:
    target, value = body["key"], body["value"]
    if "meta" in target and target["meta"]["key"] == "mark":
        return (), (_mark(value, False),)
    if "ct" in target:
        if target["ct"]["key"] == "mark":
            return (), (_mark(value, True),)
        if target["ct"]["key"] == "zone" and isinstance(value, int):
            return (), (NoTrack(value),)
        if target["ct"]["key"] in ("event", "label", "secmark"):
            return (), (Pass(statement_text({"mangle": body})),)
    if (
        "payload" in target
        and target["payload"].get("field") in ("ttl", "hoplimit")
        and isinstance(value, int)
    ):
        return key_of(target, family).implied, (SetTtl("set", value),)
    if target.get("payload", {}).get("field") == "dscp" and isinstance(value, int | str):
        number = value if isinstance(value, int) else named(DSCP, value)
        return key_of(target, family).implied, (SetTos(number << 2, 0xFC),)
    harmless = "meta" in target or "tcp option" in target or target.get("payload", {}).get("field") == "ecn"
    if harmless:
        return (), (Pass(statement_text({"mangle": body})),)
    raise UndecodedError("mangle")


def _mark(value: Json, ct: bool) -> SetMark:
    """Return a mark expression as (source & kept) ^ flipped. Raises UndecodedError for others."""
    source, kept, flipped = _linear(value)
    own = "ct" if ct else "mark"
    if source == "":
        return SetMark(flipped, _FULL, ct)
    if source == own:
        return SetMark(flipped, kept ^ _FULL, ct)
    if flipped:
        raise UndecodedError("a copied mark with bits set")
    return SetMark(0, _FULL, ct, source, kept)  # type: ignore[arg-type]


def _linear(value: Json) -> tuple[str, int, int]:
    """Reduce `meta mark & a ^ b | c` to its source, the bits kept and the bits flipped."""
    if isinstance(value, int) and not isinstance(value, bool):
        return "", 0, value
    if not isinstance(value, dict) or len(value) != 1:
        raise UndecodedError(str(value))
    [(operator, operands)] = value.items()
    if operator in ("meta", "ct") and operands["key"] == "mark" and "dir" not in operands:
        return ("mark" if operator == "meta" else "ct"), _FULL, 0
    if operator not in ("&", "|", "^"):
        raise UndecodedError(operator)
    source, kept, flipped = _linear(operands[0])
    for operand in operands[1:]:
        if not isinstance(operand, int):
            raise UndecodedError(str(operand))
        if operator == "&":
            kept, flipped = kept & operand, flipped & operand
        elif operator == "^":
            flipped ^= operand
        else:
            kept, flipped = kept & ~operand & _FULL, flipped & ~operand | operand
    return source, kept, flipped


def _nat(kind: str, body: Json, family: str) -> Parsed:
    body = body or {}
    addresses, ports = body.get("addr"), body.get("port")
    for part in (addresses, ports):
        if isinstance(part, dict) and "map" in part:
            if addresses is not None and ports is not None:
                raise UndecodedError("two maps")
            fields, implied, name, elements, chance = nft_lookups.target_map(part["map"], family)
            return implied, (TranslateByMap(kind, fields, name, elements, chance),)  # type: ignore[arg-type]
    random = any("random" in flag for flag in _listed(body.get("flags")))
    if body.get("type_flags") == "prefix":
        prefix = addresses["prefix"]
        return (), (Translate("netmap", network=(prefix["addr"], prefix["len"])),)
    pair = _pair(addresses)
    if kind in ("dnat", "snat") and isinstance(addresses, dict) and "concat" in addresses:
        raise UndecodedError("concatenation")
    return (), (Translate(kind, pair, _port_pair(ports), random=random),)  # type: ignore[arg-type]


def _listed(value: Json) -> list[str]:
    return value if isinstance(value, list) else [value] if isinstance(value, str) else []


def _pair(value: Json) -> tuple[str, str] | None:
    if value is None:
        return None
    if isinstance(value, str):
        first, last = value, value
    elif "range" in value:
        first, last = value["range"]
    else:
        raise UndecodedError(expression_text(value))
    network(first), network(last)
    return first, last


def _port_pair(value: Json) -> tuple[int, int] | None:
    if value is None:
        return None
    if isinstance(value, int):
        return value, value
    first, last = value["range"]
    return int(first), int(last)


def _xt_target(body: Json, _: str) -> Parsed:
    """A rule of iptables-nft in a table that is read natively: nft does not say what the extension was told."""
    name = body.get("name")
    text = f"xt {body.get('type')} {name}"
    if name in ("LOG", "NFLOG", "TRACE", "TCPMSS", "CHECKSUM", "CLASSIFY", "comment"):
        return (), (Pass(text),)
    if name == "MASQUERADE":
        return (), (Translate("masquerade"),)
    if name == "REJECT":
        return (), (Reject(),)
    raise UndecodedError(text)


HANDLERS: dict[str, Callable[[Json, str], Parsed]] = {
    "vmap": _vmap,
    "limit": _limit,
    "quota": _quota,
    "ct count": _count,
    "set": _set,
    "meter": _meter,
    "reject": _reject,
    "queue": _queue,
    "mangle": _mangle,
    "notrack": lambda _, __: ((), (NoTrack(),)),
    "dnat": lambda body, family: _nat("dnat", body, family),
    "snat": lambda body, family: _nat("snat", body, family),
    "masquerade": lambda body, family: _nat("masquerade", body, family),
    "redirect": lambda body, family: _nat("redirect", body, family),
    "xt": _xt_target,
}
