"""Native nftables tables, from `nft -j -a list table`: outlined at once; rules and sets decoded when asked for."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import msgspec

from netdoctor.kernel.netfilter import nft_lookups, rarer
from netdoctor.kernel.netfilter.model import (
    Base,
    Demand,
    Family,
    FirewallRule,
    Hook,
    IcmpType,
    Match,
    NoTrack,
    SetFacts,
    SetMark,
    SetTos,
    SetTtl,
    Statement,
    Unknown,
    UnknownStatement,
)
from netdoctor.kernel.netfilter.names import UndecodedError
from netdoctor.kernel.netfilter.nft_exprs import condition
from netdoctor.kernel.netfilter.nft_statements import statement
from netdoctor.kernel.netfilter.nft_text import rule_text
from netdoctor.kernel.netfilter.nft_values import Json, Key, bounds, key_of, key_texts, members


class _Chain(msgspec.Struct, gc=False):
    name: str
    type: str | None = None
    hook: Hook | None = None
    prio: int = 0
    policy: str = "accept"
    dev: str | list[str] = ""


class _Rule(msgspec.Struct, gc=False):
    chain: str
    expr: msgspec.Raw
    handle: int | None = None
    comment: str | None = None


class _Set(msgspec.Struct, gc=False):
    name: str
    type: Any = ""
    elem: msgspec.Raw = msgspec.Raw(b"[]")
    map: str = ""


class _Table(msgspec.Struct, gc=False):
    handle: int = 0


class _Item(msgspec.Struct, gc=False):
    table: _Table | None = None
    chain: _Chain | None = None
    rule: _Rule | None = None
    set: _Set | None = None
    map: _Set | None = None


class _Listing(msgspec.Struct, gc=False):
    nftables: list[_Item]


class Outline:
    """A table with its chains and sets told apart, and nothing decoded."""

    def __init__(self, text: str) -> None:
        try:
            items = msgspec.json.decode(text, type=_Listing).nftables
        except msgspec.DecodeError as error:
            raise UndecodedError("this is not what nft -j prints") from error
        self.chains = {item.chain.name: item.chain for item in items if item.chain is not None}
        self.sets = {
            found.name: found for item in items for found in (item.set, item.map) if found is not None
        }
        self.handle = next((item.table.handle for item in items if item.table is not None), 0)
        self.rules: dict[str, list[_Rule]] = {name: [] for name in self.chains}
        for item in items:
            if item.rule is not None:
                self.rules.setdefault(item.rule.chain, []).append(item.rule)


@lru_cache(maxsize=64)
def outline(text: str) -> Outline:
    """Tell the parts of a table apart. Raises UndecodedError."""
    return Outline(text)


class NativeTable:
    """One table. Raises UndecodedError where the text is not nft's JSON."""

    def __init__(
        self, family: Family, text: str, devices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    ) -> None:
        self._family = family
        self._devices = dict(devices)
        self._text = text
        self._outline = outline(text)
        self._sets: dict[str, SetFacts] = {}

    def bases(self) -> list[tuple[str, Base]]:
        """Return the base chains with their names, in the order of their handles."""
        return [
            (name, _base(chain, chain.hook, self._devices.get(name, ())))
            for name, chain in self._outline.chains.items()
            if chain.hook is not None
        ]

    def chains(self) -> tuple[str, ...]:
        """Return the names of all chains."""
        return tuple(self._outline.chains)

    def mentions(self, words: str) -> bool:
        """Tell whether the listing holds these words."""
        return words in self._text

    def rules(self, chain: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain. Raises KeyError where there is no such chain."""
        entries = self._outline.rules[chain]
        return tuple(parse(entry, number, self._family) for number, entry in enumerate(entries, 1))

    def extended(self, chain: str) -> frozenset[int]:
        """Return the numbers of the rules with extensions of iptables, of which the JSON says only the name."""
        entries = enumerate(self._outline.rules[chain], 1)
        return frozenset(number for number, entry in entries if b'{"xt":' in bytes(entry.expr))

    def relevant(self, chain: str, src: str, dst: str) -> tuple[FirewallRule, ...]:
        """Return the rules of a chain that may concern a packet: all of them."""
        return self.rules(chain)

    def set(self, name: str, key: tuple[str, ...] | None = None) -> SetFacts | None:
        """Return a set or map of the table, or None where there is none of this name."""
        if name not in self._sets and name in self._outline.sets:
            self._sets[name] = _set_facts(self._outline.sets[name])
        return self._sets.get(name)


def _base(chain: _Chain, hook: Hook, devices: tuple[str, ...]) -> Base:
    said = (chain.dev,) if isinstance(chain.dev, str) else tuple(chain.dev)
    policy = "drop" if chain.policy == "drop" else "accept"
    return Base(chain.type or "filter", hook, chain.prio, policy, devices or tuple(filter(None, said)))  # type: ignore[arg-type]


def _set_facts(found: _Set) -> SetFacts:
    types = tuple(found.type) if isinstance(found.type, list) else (found.type,)
    if not all(isinstance(kind, str) for kind in types):
        return SetFacts(found.name, (), known=False)
    writing = nft_lookups.set_fields(list(types))
    elements = msgspec.json.decode(found.elem)
    try:
        pairs = tuple(_element(element, writing, bool(found.map)) for element in elements)
    except (LookupError, TypeError, ValueError):
        return SetFacts(found.name, types, known=False)
    return SetFacts(found.name, types, pairs)


def _element(element: Json, writing: tuple[str, ...], is_map: bool) -> Any:
    if not is_map:
        return key_texts(element, writing), None
    key, value = element
    verdict = nft_lookups.verdict(value)
    return key_texts(key, writing), verdict if verdict is not None else nft_lookups.target(value)


def parse(entry: _Rule, number: int, family: Family) -> FirewallRule:
    """Return a rule. What it asks after it changed the packet stays behind the change."""
    expressions = msgspec.json.decode(entry.expr)
    try:
        return _parse(expressions, entry, number, family)
    except (TypeError, LookupError, AttributeError, ValueError, StopIteration):
        return FirewallRule(
            number, str(expressions)[:200], (), (UnknownStatement("an unknown form of rule"),)
        )


def _parse(expressions: Json, entry: _Rule, number: int, family: Family) -> FirewallRule:
    packets: int | None = None
    matches: list[Match] = []
    statements: list[Statement] = []
    for expression in expressions:
        demanded, done = _expression(expression, family, matches)
        if any(isinstance(made, SetMark | SetTos | SetTtl | NoTrack) for made in statements):
            statements.extend((Demand(demanded),) if demanded else ())
        else:
            matches.extend(match for match in demanded if match not in matches)
        statements.extend(done)
        if "counter" in expression and isinstance(expression["counter"], dict):
            packets = expression["counter"]["packets"]
    return FirewallRule(
        number,
        rule_text(expressions, entry.comment, family),
        rarer.settled(tuple(matches), tuple(statements), packets),
        tuple(statements),
        entry.handle,
        entry.comment,
        packets,
    )


def _expression(
    expression: Json, family: Family, before: list[Match]
) -> tuple[tuple[Match, ...], tuple[Statement, ...]]:
    if "match" in expression:
        if _joins_code(expression["match"], family, before):
            return (), ()
        return tuple(condition(expression["match"], family)), ()
    xt = expression.get("xt")
    if isinstance(xt, dict) and xt.get("type") == "match":
        return ((Unknown(text=f"xt match {xt.get('name')}"),) if xt.get("name") != "comment" else ()), ()
    return statement(expression, family)


def _joins_code(body: Json, family: Family, before: list[Match]) -> bool:
    """Put `icmp code` into the match on the type in front of it; tell whether that was possible."""
    try:
        key: Key = key_of(body["left"], family)
        if key.field != "icmp_code" or body["op"] != "==" or not before:
            return False
        last = before[-1]
        if not isinstance(last, IcmpType) or last.negated:
            return False
        [value] = members(body["right"])
        before[-1] = IcmpType(False, last.type, bounds(value, key))
    except (ValueError, LookupError, TypeError):
        return False
    return True
