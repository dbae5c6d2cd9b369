"""What a rule's statements do to a packet, and the targets that NAT may give it.

Sources: net/netfilter/xt_mark.c, xt_connmark.c, xt_HL.c, xt_CT.c, xt_NETMAP.c, nf_nat_core.c, nft_nat.c, nft_numgen.c.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address

from msgspec.structs import replace

from netdoctor.kernel.netfilter import membership
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.netfilter.view import View

#: Among more addresses than this the first stands for all: they are alike to whoever wrote the range.
MAX_TARGETS = 8
Verdicts = list[m.Verdict | None]


def marked(statement: m.SetMark, seen: Seen) -> Seen | None:
    """Return the packet as the mark makes it; None where there is no connection to mark or to read from."""
    if (statement.ct or statement.source == "ct") and not seen.tracked:
        return None
    old = seen.ct_mark if statement.ct else seen.mark
    value = statement.value
    if statement.source:
        value = (seen.ct_mark if statement.source == "ct" else seen.mark) & statement.source_mask
    new = ((old & ~statement.mask) ^ value) & 0xFFFFFFFF
    return replace(seen, ct_mark=new) if statement.ct else replace(seen, mark=new)


def with_ttl(statement: m.SetTtl, seen: Seen) -> Seen:
    """TTL set, or counted up or down within 0 … 255."""
    change = {"set": -seen.ttl, "inc": 0, "dec": -2 * statement.value}[statement.how]
    return replace(seen, ttl=min(max(seen.ttl + statement.value + change, 0), 255))


def targets(statement: m.Translate, hook: m.Hook, seen: Seen) -> tuple[list[m.Translate], bool]:
    """Return what the statement may translate to, and whether that is all of it."""
    if statement.kind == "netmap":
        return [_netmap(statement, hook, seen)], True
    if statement.addresses is None:
        return [statement], True
    low, high = (ip_address(address) for address in statement.addresses)
    first, last = int(low), int(high)
    if first == last:
        return [statement], True
    if statement.kind == "snat" and not statement.random and statement.ports is None and seen.src:
        # get_unique_tuple(): a source that lies in the range already is kept.
        source = ip_address(seen.src)
        if source.version == low.version and first <= int(source) <= last:
            return [replace(statement, addresses=(seen.src, seen.src))], True
    every = [str(type(low)(number)) for number in range(first, min(last, first + MAX_TARGETS - 1) + 1)]
    complete = last - first < MAX_TARGETS
    return [replace(statement, addresses=(a, a)) for a in (every if complete else every[:1])], complete


def _netmap(statement: m.Translate, hook: m.Hook, seen: Seen) -> m.Translate:
    kind = "dnat" if hook in ("prerouting", "output") else "snat"
    if statement.network is None:
        return statement
    old = ip_address(seen.dst if kind == "dnat" else seen.src)
    network = ip_address(statement.network[0])
    host_mask = (1 << (old.max_prefixlen - statement.network[1])) - 1
    new = str(type(old)((int(network) & ~host_mask) | (int(old) & host_mask)))
    if kind == "dnat":
        return m.Translate("dnat", addresses=(new, new), ports=statement.ports)
    return m.Translate("snat", addresses=(new, new), ports=statement.ports)


def looked_up(statement: m.Lookup, view: View) -> Verdicts | None:
    """Return the verdicts a verdict map may give, likely ones first (None is a miss); None for an unknown map."""
    elements = _elements(statement, view)
    if elements is None:
        return None
    if statement.chance:
        return list(dict.fromkeys(payload for _, payload in elements)) or [None]
    answer = membership.find(elements, statement.fields, view.seen, _exceptions(statement, view))
    if answer is None:
        return [None]
    if answer[0] is None:
        return [None, *dict.fromkeys(payload for _, payload in elements)]
    return [answer[1] if answer[0] else None]


def translated(statement: m.TranslateByMap, view: View) -> Sequence[m.Translate | None] | None:
    """Return what a map may translate to (None among them is a miss: the rule breaks off); None if it is unknown."""
    elements = _elements(statement, view)
    if elements is None:
        return None
    if statement.numgen:
        values = list(dict.fromkeys(payload for _, payload in elements))
        return [_to(statement, value) for value in values] or [None]
    answer = membership.find(elements, statement.fields, view.seen, _exceptions(statement, view))
    if answer is None:
        return [None]
    if answer[0] is None:
        return None
    return [_to(statement, answer[1]) if answer[0] else None]


def _elements(statement: m.Lookup | m.TranslateByMap, view: View) -> membership.Elements | None:
    if not statement.name:
        return statement.elements
    found = _named(statement, view)
    return found.elements if found is not None and found.known else None


def _exceptions(statement: m.Lookup | m.TranslateByMap, view: View) -> tuple[tuple[str, ...], ...]:
    found = _named(statement, view) if statement.name else None
    return found.exceptions if found is not None else ()


def _named(statement: m.Lookup | m.TranslateByMap, view: View) -> m.SetFacts | None:
    """Return the map; of a large one no more than what this packet finds, unless chance may find any of it."""
    by_chance = statement.chance if isinstance(statement, m.Lookup) else statement.numgen
    key = None if by_chance else membership.key_of(statement.fields, view.seen)
    return view.rules.set(view.place, statement.name, key)


def _to(statement: m.TranslateByMap, value: tuple[str, int | None]) -> m.Translate:
    address, port = value
    network, slash, length = address.partition("/")
    if slash:
        return m.Translate("netmap", network=(network, int(length)))
    addresses = (address, address) if address else None
    return m.Translate(statement.kind, addresses=addresses, ports=None if port is None else (port, port))
