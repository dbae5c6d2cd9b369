"""Rulesets as the tools print them, one record a table. They are parsed where a packet enters a chain, not earlier."""

from __future__ import annotations

import json
from typing import Any, Literal

from msgspec.structs import replace

from netdoctor.facts.links import Record

FirewallBackend = Literal["legacy", "nft"]


class FirewallText(Record, frozen=True):
    """One table of rules, unparsed.

    `text` is the table's part of what `tool` prints: the save format with counters (iptables-save(8) and its kin), or
    for `nft` the JSON of `nft -j -a list table` (libnftables-json(5)). `family` is ip, ip6, inet, bridge, arp or
    netdev. A table of iptables-nft may hold rules of other tools, which the save format shows wrongly: `native` is then
    the JSON of the same table. A `partial` text holds no more of a very large table than the chains that a line
    `#CHAIN` announces (in JSON: whose item is there); the others are asked for one by one (`Namespace.firewall_chain`),
    and so are sets (`Namespace.firewall_set`).
    `devices` are those whose hook a chain is on (families netdev and inet).
    Where `error` is set the rules are not known (with an empty `table`: of no table).
    """

    backend: FirewallBackend
    family: str
    tool: str
    table: str
    text: str = ""
    native: str | None = None
    partial: bool = False
    devices: tuple[tuple[str, tuple[str, ...]], ...] = ()
    error: str | None = None


def holding(text: FirewallText, table: FirewallText, chain: str, lines: str | None) -> FirewallText:
    """Return a partial text with one more chain, where it is that of `table` and the chain could be read.

    It is whole where nft was asked for all of a native table (see `is_whole`).
    """
    same = (text.backend, text.family, text.table) == (table.backend, table.family, table.table)
    if not same or not text.partial or lines is None:
        return text
    if text.tool != "nft":
        return replace(text, text=f"{text.text}#{chain}\n{lines}")
    if is_whole(lines):
        return replace(text, text=lines, partial=False)
    items: list[Any] = json.loads(text.text)["nftables"] + json.loads(lines)["nftables"]
    return replace(text, text=json.dumps({"nftables": items}))


def is_whole(printed: str) -> bool:
    """Tell whether nft's JSON is that of a whole table: only nft itself says which version it has."""
    return printed.startswith('{"nftables": [{"metainfo"')


def apart(printed: str) -> tuple[str, str | None]:
    """Return the lines of a chain that was asked for, and nft's JSON behind them."""
    at = f"\n{printed}".find('\n{"nftables"')
    return (printed, None) if at < 0 else (printed[:at], printed[at:])


class SetText(Record, frozen=True):
    """One ipset, as `ipset save` prints it: its `create` line and its `add` lines. With `error`, it is not known."""

    name: str
    text: str = ""
    error: str | None = None
