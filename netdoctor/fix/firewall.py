"""Changes of firewall rules: insert one that accepts, delete one, or change one, in the table where the packet met it.

The facts keep rules as the tools print them, so the change is made in that text, and the same words make it for real
(iptables(8), ebtables(8), arptables(8), nft(8)).
"""

from __future__ import annotations

import json
import re
import shlex
from typing import Any

from msgspec.structs import replace

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Record
from netdoctor.facts.overlay import Draft
from netdoctor.fix import command
from netdoctor.fix.allowed import Allowed
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv

__all__ = [
    "AllowBefore",
    "Allowed",
    "DeleteFirewallRule",
    "New",
    "Spot",
    "SwapInRule",
    "edit",
    "native",
    "tool",
]

_COUNTERS = re.compile(r"^\[\d+:\d+\] ?")
_PROGRAMS = {"ip": "iptables", "ip6": "ip6tables", "bridge": "ebtables", "arp": "arptables"}


class Spot(Record, frozen=True):
    """A rule's place. `number` counts from 1 (None: the end of the chain); `handle` is that of an nft rule."""

    backend: str
    family: str
    table: str
    chain: str
    number: int | None = None
    handle: int | None = None


class New(Record, frozen=True):
    """A rule to write: as xtables' line without counters, and as nft's JSON."""

    line: str
    expr: list[dict[str, Any]]


class AllowBefore(Change, frozen=True):
    """Insert a rule that accepts before the one at `spot`, or at the end of the chain where that has no number."""

    spot: Spot
    allowed: Allowed

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        words = shlex.join(self.allowed.xt_words(self.spot.family))
        edit(
            draft, self.spot, New(f"-A {self.spot.chain} {words}", self.allowed.nft_expressions()), keep=True
        )

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        spot = self.spot
        if native(ns, spot):
            position = ["position", str(spot.handle)] if spot.handle else []
            verb = "insert" if spot.number is not None else "add"
            words = (
                "nft",
                verb,
                "rule",
                spot.family,
                spot.table,
                spot.chain,
                *position,
                *self.allowed.nft_words(),
            )
            return [command.enter(ns.id, words)]
        where = ["-I", spot.chain, str(spot.number)] if spot.number is not None else ["-A", spot.chain]
        words = (tool(spot), "-t", spot.table, *where, *self.allowed.xt_words(spot.family))
        return [command.enter(ns.id, words)]


class DeleteFirewallRule(Change, frozen=True):
    """Delete the rule at `spot`."""

    spot: Spot

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        edit(draft, self.spot, None, keep=False)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        spot = self.spot
        if native(ns, spot):
            words = ("nft", "delete", "rule", spot.family, spot.table, spot.chain, "handle", str(spot.handle))
            return [command.enter(ns.id, words)]
        return [command.enter(ns.id, (tool(spot), "-t", spot.table, "-D", spot.chain, str(spot.number)))]


class SwapInRule(Change, frozen=True):
    """Write the rule at `spot` anew with the address `old` replaced by `new`; `text` is how its tool prints it."""

    spot: Spot
    text: str
    old: str
    new: str

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        edit(draft, self.spot, None, keep=False, swap=(self.old, self.new))

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`."""
        spot = self.spot
        words = shlex.split(_COUNTERS.sub("", _swapped(self.text, self.old, self.new)))
        if native(ns, spot):
            where = (
                "nft",
                "replace",
                "rule",
                spot.family,
                spot.table,
                spot.chain,
                "handle",
                str(spot.handle),
            )
            return [command.enter(ns.id, (*where, *words))]
        rest = words[2:] if words[:1] == ["-A"] else words
        return [
            command.enter(ns.id, (tool(spot), "-t", spot.table, "-R", spot.chain, str(spot.number), *rest))
        ]


def tool(spot: Spot) -> str:
    """The program that writes the table: the right family, the right backend."""
    return f"{_PROGRAMS.get(spot.family, 'iptables')}-{spot.backend}"


def native(ns: Namespace, spot: Spot) -> bool:
    """Tell whether nft writes the table, not iptables or one of its kin."""
    return any(_is_at(item, spot) and item.tool == "nft" for item in ns.firewall())


def _is_at(item: FirewallText, spot: Spot) -> bool:
    return (item.backend, item.family, item.table) == (spot.backend, spot.family, spot.table)


def _swapped(text: str, old: str, new: str) -> str:
    """Replace an address, and nothing that merely begins or ends like it."""
    return re.sub(rf"(?<![\d.]){re.escape(old)}(?![\d.])", new, text)


def edit(draft: Draft, spot: Spot, new: New | None, keep: bool, swap: tuple[str, str] | None = None) -> None:
    """Put a rule before the one at the spot (`keep`), or take that one away, or swap an address in it."""
    draft.firewall = tuple(
        _edited(item, spot, new, keep, swap) if _is_at(item, spot) else item for item in draft.firewall
    )


def _edited(
    item: FirewallText, spot: Spot, new: New | None, keep: bool, swap: tuple[str, str] | None
) -> FirewallText:
    """The table with a rule put before the one at the spot (`keep`), with that gone, or an address swapped in it."""
    if item.tool == "nft":
        return replace(item, text=_json(item.text, spot, new, keep, swap))
    lines = item.text.splitlines()
    at, found = _line(lines, spot)
    put = [f"[0:0] {new.line}"] if new is not None else []
    if found:
        put += [_swapped(lines[at], *swap)] if swap is not None else [lines[at]] if keep else []
    text = "\n".join([*lines[:at], *put, *lines[at + found :]]) + "\n"
    # The same table may also be kept as nft prints it; there a rule is found by its number.
    as_nft = replace(spot, handle=None)
    other = _json(item.native, as_nft, new, keep, swap) if item.native is not None else None
    return replace(item, text=text, native=other)


def _line(lines: list[str], spot: Spot) -> tuple[int, bool]:
    """The index of the rule's line and True; else where the chain's last rule ends, and False."""
    mark = f"-A {spot.chain}"
    found = [n for n, line in enumerate(lines) if f"{_COUNTERS.sub('', line)} ".startswith(f"{mark} ")]
    if spot.number is not None and spot.number <= len(found):
        return found[spot.number - 1], True
    if found:
        return found[-1] + 1, False
    declared = [n for n, line in enumerate(lines) if line.startswith(":")]
    return (declared[-1] + 1 if declared else len(lines)), False


def _json(text: str, spot: Spot, new: New | None, keep: bool, swap: tuple[str, str] | None) -> str:
    document = json.loads(text)
    items: list[dict[str, Any]] = document["nftables"]
    at = _index(items, spot)
    made = {"family": spot.family, "table": spot.table, "chain": spot.chain, "expr": new.expr if new else []}
    put = [{"rule": made}] if new is not None else []
    if at is not None and swap is not None:
        put.append(json.loads(_swapped(json.dumps(items[at]), *swap)))
    elif at is not None and keep:
        put.append(items[at])
    head, tail = (items, []) if at is None else (items[:at], items[at + 1 :])
    return json.dumps({**document, "nftables": [*head, *put, *tail]})


def _index(items: list[dict[str, Any]], spot: Spot) -> int | None:
    """Where the rule of the spot is, by its handle where it has one, else by its number."""
    if spot.number is None:
        return None
    rules = [n for n, item in enumerate(items) if item.get("rule", {}).get("chain") == spot.chain]
    if spot.handle is not None:
        return next((n for n in rules if items[n]["rule"].get("handle") == spot.handle), None)
    return rules[spot.number - 1] if spot.number <= len(rules) else None
