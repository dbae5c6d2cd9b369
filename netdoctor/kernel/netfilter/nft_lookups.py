"""Lookups of native nftables rules: sets, verdict maps and maps, named or inline."""

from __future__ import annotations

from netdoctor.kernel.netfilter.model import InSet, Lookup, Match, Verdict
from netdoctor.kernel.netfilter.names import UndecodedError
from netdoctor.kernel.netfilter.nft_values import TYPES, Json, Key, key_of, key_texts, members

_VERDICTS = ("accept", "drop", "continue", "return")


def keys_of(expression: Json, family: str) -> tuple[tuple[str, ...], tuple[Match, ...], list[Key]]:
    """Return the fields that an expression or a concatenation reads, and what must hold before."""
    parts = expression["concat"] if isinstance(expression, dict) and "concat" in expression else [expression]
    keys = [key_of(part, family) for part in parts]
    implied = tuple(dict.fromkeys(match for key in keys for match in key.implied))
    return tuple(key.field for key in keys), implied, keys


def membership(left: Json, negated: bool, right: Json, family: str) -> list[Match]:
    """Return what `saddr . dport @set` or `saddr . dport { … }` demands."""
    fields, implied, keys = keys_of(left, family)
    if isinstance(right, str) and right.startswith("@"):
        return [*implied, InSet(negated, right[1:], fields)]
    writing = _writing(keys)
    inline = tuple(key_texts(value, writing) for value in members(right))
    return [*implied, InSet(negated, "", fields, inline)]


def _writing(keys: list[Key]) -> tuple[str, ...]:
    """Say for each field how its values are named: ICMPv6 types have names of their own."""
    return tuple(
        "icmpv6_type"
        if key.field == "icmp_type" and key.names is not None and "packet-too-big" in key.names
        else key.field
        for key in keys
    )


def verdict(expression: Json) -> Verdict | None:
    """Return the verdict that an expression is, or None."""
    if not isinstance(expression, dict) or len(expression) != 1:
        return None
    [(kind, body)] = expression.items()
    if kind in _VERDICTS:
        return Verdict(kind)
    if kind in ("jump", "goto"):
        return Verdict(kind, body["target"])
    return None


def verdict_map(body: Json, family: str) -> tuple[tuple[Match, ...], Lookup]:
    """Return a `vmap` expression and what must hold before it. Raises UndecodedError."""
    fields, implied, keys = keys_of(body["key"], family)
    chance = fields == ("chance",)
    data = body["data"]
    if isinstance(data, str):
        return implied, Lookup(() if chance else fields, data.removeprefix("@"), chance=chance)
    elements: list[tuple[tuple[str, ...], Verdict]] = []
    for value, outcome in data["set"]:
        found = verdict(outcome)
        if found is None:
            raise UndecodedError(str(outcome))
        elements.append((key_texts(value, _writing(keys)), found))
    return implied, Lookup(() if chance else fields, "", tuple(elements), chance)


def target_map(
    body: Json, family: str
) -> tuple[
    tuple[str, ...], tuple[Match, ...], str, tuple[tuple[tuple[str, ...], tuple[str, int | None]], ...], bool
]:
    """Return a `map` expression of a NAT statement: fields, what must hold before, name, elements, at random."""
    fields, implied, keys = keys_of(body["key"], family)
    chance = fields == ("chance",)
    data = body["data"]
    if isinstance(data, str):
        return (() if chance else fields), implied, data.removeprefix("@"), (), chance
    elements = tuple((key_texts(value, _writing(keys)), target(outcome)) for value, outcome in data["set"])
    return (() if chance else fields), implied, "", elements, chance


def target(value: Json) -> tuple[str, int | None]:
    """Return what a map gives for a key: an address (or a whole prefix, ADDRESS/LENGTH), a port, or both."""
    if isinstance(value, dict) and "concat" in value:
        address, port = value["concat"]
        if isinstance(address, str) and isinstance(port, int):
            return address, port
    elif isinstance(value, dict) and "prefix" in value:
        return f"{value['prefix']['addr']}/{value['prefix']['len']}", None
    elif isinstance(value, str):
        return value, None
    elif isinstance(value, int) and not isinstance(value, bool):
        return "", value
    raise UndecodedError(str(value))


def set_fields(types: Json) -> tuple[str, ...]:
    """Return for each part of a set's type the field whose values it has."""
    parts = types if isinstance(types, list) else [types]
    return tuple(TYPES.get(part, "") if isinstance(part, str) else "" for part in parts)
