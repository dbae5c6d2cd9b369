"""Legacy iptables, ip6tables and arptables, through their save tools.

These list the tables that /proc/net names and create none, as long as no table is asked for by name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

from netdoctor.collect.access import Access
from netdoctor.collect.firewall.saved import complete, tables
from netdoctor.collect.firewall.tools import ToolError, run
from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.traced import OWN_COMMENT

Family = Literal["ip", "ip6", "arp"]


#: The rules of a running trace.
_OURS = re.compile(rf'^(?:\[\d+:\d+\] )?-A \S+ .*--comment "?{OWN_COMMENT}\S+"? -j TRACE\n', re.MULTILINE)


class Kind(NamedTuple):
    """A family: where its loaded tables are listed, and the tool that prints them."""

    family: Family
    names: str
    command: tuple[str, ...]


KINDS = (
    Kind("ip", "ip_tables_names", ("iptables-legacy-save", "-c")),
    Kind("ip6", "ip6_tables_names", ("ip6tables-legacy-save", "-c")),
    Kind("arp", "arp_tables_names", ("arptables-legacy-save",)),
)


def read(access: Access) -> Iterator[FirewallText]:
    """Yield the loaded tables. Raises OSError where the namespace may not be entered."""
    for kind, loaded in access.run(loaded_kinds):
        yield from _tables(access, kind, loaded)


def loaded_kinds() -> list[tuple[Kind, list[str]]]:
    """Return the families that have tables in the thread's namespace, with the names of these. Raises OSError."""
    found = []
    for kind in KINDS:
        try:
            with open(f"/proc/thread-self/net/{kind.names}", encoding="ascii") as file:
                names = file.read().split()
        except FileNotFoundError:
            continue
        if names:
            found.append((kind, names))
    return found


def _tables(access: Access, kind: Kind, loaded: list[str]) -> Iterator[FirewallText]:
    tool = kind.command[0]
    try:
        text = run(access, *kind.command)
        if not complete(text):
            raise ToolError(f"{tool} stopped before the end", "")
    except ToolError as error:
        for name in loaded:
            yield FirewallText("legacy", kind.family, tool, name, error=str(error))
        return
    for name, lines in tables(text):
        yield FirewallText("legacy", kind.family, tool, name, _OURS.sub("", lines))
