"""The network namespaces there are, those that cannot be entered, and which programs their rules are read with."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from netdoctor.collect.access import Access
from netdoctor.collect.firewall import ipset, legacy, nft
from netdoctor.collect.firewall.loaded import Loaded, loaded
from netdoctor.collect.live import LiveHost
from netdoctor.collect.rulesets import NOT_BUILT
from netdoctor.facts.host import Missing
from netdoctor.preflight.privileges import ROOT
from netdoctor.preflight.records import Item

#: So many that cannot be entered are named.
NAMED = 10


class Seen(NamedTuple):
    """The namespaces: how many there are, the names of those that stay closed, and by program what is read with it."""

    number: int
    closed: tuple[str, ...]
    unread: tuple[str, ...]
    used: Mapping[str, str]
    missing: tuple[Missing, ...]


def look() -> Seen:
    """Find all namespaces, and enter each as a diagnosis would."""
    closed, unread = [], []
    used: defaultdict[str, list[str]] = defaultdict(list)
    with LiveHost() as host:
        found = host.namespaces()
        for one in found:
            if host.namespace(one.inode) is None:
                closed.append(one.label)
                continue
            try:
                for program in _programs(host.pool.access(one)):
                    used[program].append(one.label)
            except OSError:
                unread.append(one.label)
        missing = host.missing
    said = {program: _where(names) for program, names in used.items()}
    return Seen(len(found), tuple(closed), tuple(unread), said, missing)


def examine(seen: Seen) -> Iterator[Item]:
    """Yield what there is to say of the namespaces."""
    entered = seen.number - len(seen.closed)
    found = f"{entered} of {seen.number} can be entered"
    if not seen.closed:
        yield Item("namespaces", "network namespaces", "ok", found, needed=True)
    else:
        cost = f"nothing is known of {_listed(seen.closed)}"
        yield Item("namespaces", "network namespaces", "limited", found, cost, ROOT, True)
    if seen.unread:
        cost = f"what the rules of {_listed(seen.unread)} do is unknown"
        found = f"in {entered - len(seen.unread)} of {entered} it may be asked whether there are any"
        yield Item("namespaces", "rules", "limited", found, cost, ROOT, True)
    for part in seen.missing:
        if part.what != "other network namespaces":  # said above, with their names
            yield Item("namespaces", part.what, "limited", "not seen", part.why, part.how_to_get_it)


def _programs(access: Access) -> Iterator[str]:
    """Yield the programs with which the rules and sets of a namespace are read. Raises OSError: it may not be asked."""
    for kind, _ in access.run(legacy.loaded_kinds):
        yield kind.command[0]
    for table in _native(access):
        tool, names = nft.SAVERS.get(table.family, ("", ()))
        yield tool if table.name in names else "nft"
    try:
        if ipset.present(access):
            yield "ipset"
    except OSError as error:
        if error.errno not in NOT_BUILT:
            raise


def _native(access: Access) -> tuple[Loaded, ...]:
    try:
        return loaded(access)
    except OSError as error:
        if error.errno not in NOT_BUILT:
            raise
        return ()


def _listed(names: Iterable[str]) -> str:
    all_of_them = list(dict.fromkeys(names))
    more = f" and {len(all_of_them) - NAMED} more" if len(all_of_them) > NAMED else ""
    return ", ".join(all_of_them[:NAMED]) + more


def _where(names: list[str]) -> str:
    distinct = list(dict.fromkeys(names))
    return distinct[0] + (f" and {len(distinct) - 1} more have such" if len(distinct) > 1 else " has such")
