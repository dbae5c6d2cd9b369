"""What changes do to the facts, as two sets: so that a fix which takes back an earlier one is known for that."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import Host, Namespace
from netdoctor.facts.links import Record
from netdoctor.facts.overlay import Draft
from netdoctor.fix.change import Change, applied

Fact = tuple[int, str, Hashable]


class Effect(Record, frozen=True):
    """The facts that go and those that come, each with its namespace's inode and its kind."""

    removed: frozenset[Fact]
    added: frozenset[Fact]


def effect(host: Host, changes: Iterable[Change]) -> Effect:
    """Return what the changes, made in order, do to the facts of `host`."""
    before: dict[Fact, bool] = {}
    now = host
    for change in changes:
        ns = now.namespace(change.inode)
        if ns is None:
            continue
        draft = Draft(ns)
        change.apply(draft)
        after = set(_facts(change.inode, draft))
        was = set(_were(change.inode, ns, draft))
        # A fact that comes and goes within the changes is no effect of theirs.
        for fact in was ^ after:
            if before.setdefault(fact, fact in was) == (fact in after):
                del before[fact]
        now = applied(now, (change,))
    return Effect(
        frozenset(fact for fact, stood in before.items() if stood),
        frozenset(fact for fact, stood in before.items() if not stood),
    )


def undoes(later: Effect, earlier: Effect) -> bool:
    """Tell whether `later` puts back what `earlier` took away, or takes away all that `earlier` did but add."""
    if later.added & earlier.removed:
        return True
    return bool(earlier.added) and not earlier.removed and earlier.added <= later.removed


def _facts(inode: int, draft: Draft) -> Iterator[Fact]:
    for kind, records in draft.replaced.items():
        yield from _records(inode, kind, records)
    yield from ((inode, "sysctl", (name, value)) for name, value in draft.sysctls.items())


def _were(inode: int, ns: Namespace, draft: Draft) -> Iterator[Fact]:
    """The same kinds of fact before the change."""
    untouched = Draft(ns)
    for kind in draft.replaced:
        yield from _records(inode, kind, getattr(untouched, kind))
    yield from ((inode, "sysctl", (name, (ns.sysctl(name) or "").strip())) for name in draft.sysctls)


def _records(inode: int, kind: str, records: Iterable[Hashable]) -> Iterator[Fact]:
    for record in records:
        if isinstance(record, FirewallText):
            yield from (
                (inode, kind, (record.backend, record.family, record.table, line)) for line in _rules(record)
            )
        else:
            yield inode, kind, record


def _rules(item: FirewallText) -> Iterable[str]:
    """The rules of a table, each on its own: a fix changes one of them."""
    if item.tool != "nft":
        return item.text.splitlines()
    return (json.dumps(entry, sort_keys=True) for entry in json.loads(item.text)["nftables"])
