"""Tables of rules and ipsets of a namespace, as the tools print them; read only where the kernel says there are any."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable
from typing import NamedTuple

from netdoctor.collect.access import Access
from netdoctor.collect.firewall import ipset, legacy, nft
from netdoctor.collect.firewall.tools import ToolError
from netdoctor.collect.rulesets import NOT_BUILT
from netdoctor.facts.firewall import FirewallBackend, FirewallText, SetText
from netdoctor.facts.host import Missing, NamespaceId


class _Reader(NamedTuple):
    what: str
    backend: FirewallBackend
    tool: str
    read: Callable[[Access, bool], Iterable[FirewallText]]


READERS = (
    _Reader("legacy iptables rules", "legacy", "iptables-legacy-save", lambda access, _: legacy.read(access)),
    _Reader("nftables rules", "nft", "nft", nft.read),
)

Found = tuple[tuple[FirewallText, ...], tuple[Missing, ...]]


def read_firewall(access: Access, namespace: NamespaceId) -> Found:
    """Return the tables of a namespace, those that could not be read with their error, and what is missing.

    Where it may not even be asked which tables there are, one nameless table of family inet stands for them. Of a very
    large table only the base chains are read.
    """
    return _read(access, namespace, whole=False)


def read_whole_firewall(access: Access, namespace: NamespaceId) -> Found:
    """Return the same with all chains of all tables."""
    return _read(access, namespace, whole=True)


def _read(access: Access, namespace: NamespaceId, whole: bool) -> Found:
    found: list[FirewallText] = []
    missing: list[Missing] = []
    for reader in READERS:
        try:
            texts = list(reader.read(access, whole))
        except OSError as error:
            if error.errno in NOT_BUILT:
                continue
            entry = _unreadable(f"{reader.what} of {namespace.label}", error)
            missing.append(entry)
            found.append(FirewallText(reader.backend, "inet", reader.tool, "", error=entry.why))
            continue
        found.extend(texts)
        missing.extend(_missing(text, namespace) for text in texts if text.error is not None)
    return tuple(found), tuple(missing)


def read_chain(
    access: Access, table: FirewallText, chain: str, namespace: NamespaceId
) -> tuple[tuple[str, ...], tuple[Missing, ...]]:
    """Return one chain of a table that was read in part (see `Namespace.firewall_chain`), or what is missing."""
    return _part(f"chain {chain}", table, namespace, lambda: nft.chain_of(access, table, chain))


def read_set(
    access: Access, table: FirewallText, name: str, key: tuple[str, ...] | None, namespace: NamespaceId
) -> tuple[tuple[str, ...], tuple[Missing, ...]]:
    """Return one set of a native table that was read in part (see `Namespace.firewall_set`), or what is missing."""
    return _part(f"set {name}", table, namespace, lambda: nft.set_of(access, table, name, key))


def _part(
    what: str, table: FirewallText, namespace: NamespaceId, reader: Callable[[], str]
) -> tuple[tuple[str, ...], tuple[Missing, ...]]:
    try:
        return (reader(),), ()
    except ToolError as error:
        where = f"{what} of table {table.family} {table.table} of {namespace.label}"
        return (), (Missing(where, str(error), error.remedy),)


def read_ipsets(access: Access, namespace: NamespaceId) -> tuple[tuple[SetText, ...], tuple[Missing, ...]]:
    """Return the ipsets of a namespace, and what is missing."""
    what = f"ipsets of {namespace.label}"
    try:
        return tuple(ipset.read(access)), ()
    except ToolError as error:
        return (), (Missing(what, str(error), error.remedy),)
    except OSError as error:
        return (), () if error.errno in NOT_BUILT else (_unreadable(what, error),)


def _missing(text: FirewallText, namespace: NamespaceId) -> Missing:
    what = f"table {text.family} {text.table} ({text.backend}) of {namespace.label}"
    return Missing(
        what, text.error or "", f"install {text.tool}, or run it in that namespace and see what it says"
    )


def _unreadable(what: str, error: OSError) -> Missing:
    if error.errno in (errno.EPERM, errno.EACCES):
        return Missing(what, "no permission to read them", "run netdoctor as root")
    return Missing(what, error.strerror or str(error), "run netdoctor again")
