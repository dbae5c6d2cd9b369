"""nftables: tables that iptables-nft and its kin write through their save tools, all others as nft's JSON.

The save tools show what `nft -j` cannot say of an extension; `nft -j` shows what they cannot say of a native rule, and
leave out without a word. So tables with a standard name are read by both, except very large ones: those are written by
programs, the tools need seconds for them, and they are read chain by chain.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from netdoctor.collect.access import Access
from netdoctor.collect.firewall import native
from netdoctor.collect.firewall.foreign import foreign
from netdoctor.collect.firewall.loaded import BaseChain, Loaded, loaded
from netdoctor.collect.firewall.saved import refused, tables
from netdoctor.collect.firewall.tools import ToolError, run
from netdoctor.collect.firewall.wire_values import UntoldError
from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.traced import OWN_TABLE

#: The save tool of each family, and the names of the tables that it shows.
SAVERS = {
    "ip": ("iptables-nft-save", ("raw", "mangle", "nat", "filter", "security")),
    "ip6": ("ip6tables-nft-save", ("raw", "mangle", "nat", "filter", "security")),
    "bridge": ("ebtables-nft-save", ("broute", "nat", "filter")),
    "arp": ("arptables-nft-save", ("filter",)),
}

#: The tools that print single chains of such a table, which is all that is read of a very large one.
LISTERS = {"ip": "iptables-nft", "ip6": "ip6tables-nft"}

#: The base chains that iptables makes in each table: type, hook (enum nf_inet_hooks), priority.
STANDARD = {
    "raw": {"PREROUTING": ("filter", 0, -300), "OUTPUT": ("filter", 3, -300)},
    "mangle": {
        "PREROUTING": ("filter", 0, -150),
        "INPUT": ("filter", 1, -150),
        "FORWARD": ("filter", 2, -150),
        "OUTPUT": ("route", 3, -150),
        "POSTROUTING": ("filter", 4, -150),
    },
    "nat": {
        "PREROUTING": ("nat", 0, -100),
        "INPUT": ("nat", 1, 100),
        "OUTPUT": ("nat", 3, -100),
        "POSTROUTING": ("nat", 4, 100),
    },
    "filter": {"INPUT": ("filter", 1, 0), "FORWARD": ("filter", 2, 0), "OUTPUT": ("filter", 3, 0)},
    "security": {"INPUT": ("filter", 1, 50), "FORWARD": ("filter", 2, 50), "OUTPUT": ("filter", 3, 50)},
}

#: Up to so many rules a table with a standard name is also read as JSON (0.2 s); with more it is read chain by chain
#: (save tool and nft need seconds for 20,000 chains, and the kernel for 40,000 rules of one).
BOTH_WAYS = 2000


def read(access: Access, whole: bool) -> Iterator[FirewallText]:
    """Yield the tables that see packets; not `whole`: very large ones without their rules. Raises OSError.

    Where a table could not be read that has no rule and lets everything pass, nothing is lost.
    """
    for table, text in _tables(access, whole):
        if text.error is None or table.size or any(base.policy == "DROP" for base in table.bases):
            yield text


def _tables(access: Access, whole: bool) -> Iterator[tuple[Loaded, FirewallText]]:
    found = [table for table in loaded(access) if not table.name.startswith(OWN_TABLE)]
    saved: dict[str, dict[str, str] | ToolError] = {}
    for table in found:
        tool, names = SAVERS.get(table.family, ("", ()))
        partial = None if whole or table.size <= BOTH_WAYS else _partial(access, table)
        if partial is not None:
            yield table, partial
            continue
        if table.name not in names:
            yield table, _native(access, table)
            continue
        if tool not in saved:
            saved[tool] = _saved(access, tool)
        yield table, _standard(access, table, tool, saved[tool])


def _native(access: Access, table: Loaded) -> FirewallText:
    # nft 1.0.6 does not say in its JSON which device a chain belongs to
    devices = tuple((base.name, base.devices) for base in table.bases if base.devices)
    try:
        text = _json(access, table.family, table.name)
        return FirewallText("nft", table.family, "nft", table.name, text, devices=devices)
    except ToolError as error:
        return FirewallText("nft", table.family, "nft", table.name, error=str(error))


def _partial(access: Access, table: Loaded) -> FirewallText | None:
    """Return a very large table without its rules (of a native one: with those of its base chains).

    None where it is to be read whole.
    """
    tool = LISTERS.get(table.family)
    if tool is not None and all(_is_standard(table.name, base) for base in table.bases):
        declared = "".join(f":{base.name} {base.policy} [0:0]\n" for base in table.bases)
        return FirewallText("nft", table.family, tool, table.name, declared, partial=True)
    if table.name in SAVERS.get(table.family, ("", ()))[1]:
        return None
    try:
        text = native.printed(native.outline(access, table))
    except (UntoldError, OSError):
        return None
    return FirewallText("nft", table.family, "nft", table.name, text, partial=True)


def _is_standard(table: str, base: BaseChain) -> bool:
    return STANDARD.get(table, {}).get(base.name) == (base.kind, base.hook, base.priority)


def _json(access: Access, family: str, table: str) -> str:
    return run(access, "nft", "-j", "-a", "list", "table", family, table)


def _saved(access: Access, tool: str) -> dict[str, str] | ToolError:
    """Return the tables that a save tool shows wholly, or its error."""
    try:
        text = run(access, tool, "-c")
    except ToolError as error:
        return error
    unsaid = refused(text)
    return {name: lines for name, lines in tables(text) if name not in unsaid}


def _standard(access: Access, table: Loaded, tool: str, saved: dict[str, str] | ToolError) -> FirewallText:
    """Return a table with a standard name; natively where the save tool does not show it."""
    if isinstance(saved, ToolError):
        return _native(access, table)
    if table.name not in saved:
        return _refused(access, table, tool)
    text = FirewallText("nft", table.family, tool, table.name, saved[table.name])
    if table.size > BOTH_WAYS and (
        table.family not in LISTERS or not foreign(access, table.family, table.name)
    ):
        return text
    try:
        native = _json(access, table.family, table.name)
    except ToolError:
        return text
    return FirewallText("nft", table.family, tool, table.name, saved[table.name], native)


def _refused(access: Access, table: Loaded, tool: str) -> FirewallText:
    """Return a table that iptables does not show as a whole, with those of its chains that it does show.

    It looks for what it does not understand chain by chain where one is asked for; only of chains with extensions can
    it say more than nft.
    """
    found = _native(access, table)
    lister = LISTERS.get(table.family)
    if lister is None or found.error is not None or table.size > BOTH_WAYS:
        return found
    policies = {base.name: base.policy for base in table.bases}
    chains, extended = _chains(found.text)
    lines = [f":{name} {policies.get(name, '-')} [0:0]\n" for name in chains]
    for name in extended:
        with suppress(ToolError):
            lines.append(chain(access, lister, table.name, name))
    text = "".join(lines)
    return FirewallText("nft", table.family, tool, table.name, text, found.text) if "\n-A " in text else found


def _chains(text: str) -> tuple[list[str], list[str]]:
    """Return the chains of nft's JSON, and those of them that have rules with extensions of iptables."""
    items = json.loads(text)["nftables"]
    rules = [item["rule"] for item in items if "rule" in item]
    extended = dict.fromkeys(rule["chain"] for rule in rules if any("xt" in part for part in rule["expr"]))
    return [item["chain"]["name"] for item in items if "chain" in item], list(extended)


def chain_of(access: Access, table: FirewallText, name: str) -> str:
    """Return the lines of a chain; where other tools may have written in it, with nft's JSON of the table behind them.

    Of a native table: nft's JSON of the chain, or where only nft can tell it, of the whole table. Raises ToolError, and
    OSError where the namespace may not be entered.
    """
    if table.tool == "nft":
        return _told(access, table, lambda part: part.chain(name))
    if not foreign(access, table.family, table.table, name):
        return chain(access, table.tool, table.table, name)
    lines = ""
    with suppress(ToolError):  # iptables may know that it does not understand
        lines = chain(access, table.tool, table.table, name)
    return lines + _json(access, table.family, table.table)


def set_of(access: Access, table: FirewallText, name: str, key: tuple[str, ...] | None) -> str:
    """Return nft's JSON of a set, or where only nft can tell it, of the whole table. Raises as `chain_of`."""
    return _told(access, table, lambda part: [part.set(name, key)])


def _told(access: Access, table: FirewallText, ask: Callable[[native.Part], list[Any]]) -> str:
    try:
        with native.Part(access, table.family, table.table) as part:
            return native.printed(ask(part))
    except (UntoldError, OSError):
        return _json(access, table.family, table.table)


def chain(access: Access, tool: str, table: str, name: str) -> str:
    """Return the lines of one chain. Raises ToolError, and OSError where the namespace may not be entered."""
    printed = run(access, tool, "-t", table, "-S", name)
    return "".join(line for line in printed.splitlines(keepends=True) if line.startswith("-A "))
