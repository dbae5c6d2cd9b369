"""nftables: tables that iptables-nft and its kin write through their save tools, all others as nft's JSON.

The save tools show what `nft -j` cannot say of an extension; `nft -j` shows what they cannot say of a native rule, and
leave out without a word. So tables with a standard name are read by both, except very large ones: those are written by
programs, and nft needs seconds for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import suppress

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.foreign import foreign
from netdoctor.collect.firewall.loaded import Loaded, loaded
from netdoctor.collect.firewall.saved import refused, tables
from netdoctor.collect.firewall.tools import ToolError, run
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

#: Up to so many rules a table with a standard name is also read as JSON (0.2 s); with more it is read chain by chain
#: (save tool and nft need seconds for 20,000 chains, and the kernel for 40,000 rules of one).
BOTH_WAYS = 2000


def read(access: Access, whole: bool) -> Iterator[FirewallText]:
    """Yield the tables that see packets; not `whole`: very large ones without their rules. Raises OSError."""
    found = [table for table in loaded(access) if not table.name.startswith(OWN_TABLE)]
    saved: dict[str, dict[str, str] | ToolError] = {}
    for table in found:
        tool, names = SAVERS.get(table.family, ("", ()))
        if table.name not in names:
            yield _native(access, table)
            continue
        partial = None if whole or table.size <= BOTH_WAYS else _partial(access, table)
        if partial is not None:
            yield partial
            continue
        if tool not in saved:
            saved[tool] = _saved(access, tool)
        yield _standard(access, table, tool, saved[tool])


def _native(access: Access, table: Loaded) -> FirewallText:
    # nft 1.0.6 does not say in its JSON which device a chain belongs to
    devices = tuple((base.name, base.devices) for base in table.bases if base.devices)
    try:
        text = _json(access, table.family, table.name)
        return FirewallText("nft", table.family, "nft", table.name, text, devices=devices)
    except ToolError as error:
        return FirewallText("nft", table.family, "nft", table.name, error=str(error))


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


def _partial(access: Access, table: Loaded) -> FirewallText | None:
    """Return a table with the rules of its base chains; None where these hold what iptables does not show."""
    tool = LISTERS.get(table.family)
    if tool is None or any(foreign(access, table.family, table.name, base.name) for base in table.bases):
        return None
    lines = []
    for name, policy, _ in table.bases:
        try:
            lines.append(f":{name} {policy} [0:0]\n#{name}\n{chain(access, tool, table.name, name)}")
        except ToolError:
            return None
    return FirewallText("nft", table.family, tool, table.name, "".join(lines), partial=True)


def chain_of(access: Access, table: FirewallText, name: str) -> str:
    """Return the lines of a chain; where other tools may have written in it, with nft's JSON of the table behind them.

    Raises ToolError, and OSError where the namespace may not be entered.
    """
    if not foreign(access, table.family, table.table, name):
        return chain(access, table.tool, table.table, name)
    lines = ""
    with suppress(ToolError):  # iptables may know that it does not understand
        lines = chain(access, table.tool, table.table, name)
    return lines + _json(access, table.family, table.table)


def chain(access: Access, tool: str, table: str, name: str) -> str:
    """Return the lines of one chain. Raises ToolError, and OSError where the namespace may not be entered."""
    printed = run(access, tool, "-t", table, "-S", name)
    return "".join(line for line in printed.splitlines(keepends=True) if line.startswith("-A "))
