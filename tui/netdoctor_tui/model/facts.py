"""The raw facts of a namespace, or of one device in it, as rows under headings. Long tables stay one row a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from netdoctor.facts.host import NamespaceFacts
from netdoctor.facts.links import Link
from netdoctor.facts.records import Route
from netdoctor.render.sanitize import visible
from netdoctor_tui.model.factlines import (
    Names,
    address_line,
    fdb_line,
    link_lines,
    neighbour_line,
    route_line,
    rule_line,
    socket_line,
)
from netdoctor_tui.model.rows import Row, Span, row


def fact_rows(facts: NamespaceFacts, interface: str | None) -> list[Row]:
    """Return the facts of the namespace; of one device, where its name is given. Every text is made visible."""
    link = next((one for one in facts.links if one.name == interface), None)
    rows: list[Row] = []
    for heading, lines in _sections(facts, link):
        held = [row(f"  {visible(line)}", copy=visible(line).strip()) for line in lines]
        rows.append(row(Span(heading, "accent"), Span(f"  {len(held)}", "dim")))
        rows += held
    return rows


def _sections(facts: NamespaceFacts, link: Link | None) -> Iterator[tuple[str, Iterable[str]]]:
    name = Names(facts)
    links = facts.links if link is None else (link,)
    yield "DEVICES" if link is None else "DEVICE", [line for one in links for line in link_lines(one, name)]
    yield "ADDRESSES", [address_line(held, name) for held in facts.addresses if _of(link, held.ifindex)]
    yield (
        "ROUTES",
        [route_line(route, name) for route in facts.routes if link is None or _leaves_by(route, link)],
    )
    if link is None:
        yield "POLICY RULES", [rule_line(rule) for rule in facts.rules]
    yield (
        "NEIGHBOURS",
        [neighbour_line(entry, name) for entry in facts.neighbours if _of(link, entry.ifindex)],
    )
    entries = [
        entry for entry in facts.fdb if _of(link, entry.ifindex) or (link and entry.master == link.index)
    ]
    yield "FDB", [fdb_line(entry, name) for entry in entries]
    if vlans := [vlan for vlan in facts.vlans if _of(link, vlan.ifindex)]:
        flags = [(" PVID" if vlan.pvid else "") + (" untagged" if vlan.untagged else "") for vlan in vlans]
        yield (
            "VLANS",
            [f"{name(one.ifindex)} {one.vid}{flag}" for one, flag in zip(vlans, flags, strict=True)],
        )
    yield (
        "SYSCTLS",
        [f"{key} = {text}" for key, text in sorted(facts.sysctls.items()) if _sysctl_of(link, key)],
    )
    if link is None:
        yield "TABLES OF RULES", list(_tables(facts))
        yield "SOCKETS", [socket_line(item) for item in facts.sockets or ()]


def _of(link: Link | None, ifindex: int) -> bool:
    return link is None or ifindex == link.index


def _leaves_by(route: Route, link: Link) -> bool:
    return any(hop.oif == link.index for hop in route.nexthops)


def _sysctl_of(link: Link | None, key: str) -> bool:
    """Tell whether a sysctl is of the device, or of all."""
    parts = key.split("/")
    if link is None or len(parts) < 4 or parts[1] not in ("conf", "neigh"):
        return True
    return "/".join(parts[2:-1]) in (link.name, "all", "default")


def _tables(facts: NamespaceFacts) -> Iterator[str]:
    for table in facts.firewall:
        if table.error is not None:
            yield f"{table.backend} {table.family} {table.table}: not read: {table.error}"
            continue
        kinds = Counter("rule" for line in table.text.splitlines() if "-A " in line[:60])
        count = kinds["rule"] or table.text.count('{"rule":')
        yield f"{table.family} {table.table} ({table.tool}): {count} rules"
    for item in facts.rulesets:
        yield f"{item.kind} {item.family}: {item.detail}"
