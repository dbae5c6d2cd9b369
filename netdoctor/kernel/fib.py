"""Policy rules and the FIB: which entry an address meets, and why none.

net/core/fib_rules.c fib_rules_lookup(), net/ipv4/fib_rules.c fib4_rule_match(), net/ipv4/fib_trie.c fib_table_lookup().
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from netdoctor.facts.host import Namespace, covers
from netdoctor.facts.links import Link, Record
from netdoctor.facts.records import (
    RTNH_F_DEAD,
    RTNH_F_LINKDOWN,
    NextHop,
    NexthopObject,
    Route,
    Rule,
)
from netdoctor.kernel import l3mdev
from netdoctor.kernel.packet import IPPROTO_ICMP
from netdoctor.kernel.sysctls import conf_or

#: What a route type that rejects answers (fib_props[]); `throw` only leaves the table.
TYPE_ERRORS = {"blackhole": "EINVAL", "unreachable": "EHOSTUNREACH", "prohibit": "EACCES", "throw": "EAGAIN"}
RULE_ERRORS = {"blackhole": "EINVAL", "unreachable": "ENETUNREACH", "prohibit": "EACCES"}


class FibFlow(Record, frozen=True):
    """The key of a lookup (struct flowi4). `src` None is an unset source; `iif` is `lo` for what is sent locally.

    `l3mdev` is the ifindex of the VRF whose table is asked first, where the devices do not say it already. `anysrc`
    lets the source be somebody else's (FLOWI_FLAG_ANYSRC).
    """

    dst: str
    src: str | None = None
    iif: str = "lo"
    oif: int | None = None
    mark: int = 0
    tos: int = 0
    proto: int = IPPROTO_ICMP
    sport: int = 0
    dport: int = 0
    ignore_linkstate: bool = False
    l3mdev: int = 0
    anysrc: bool = False


class FibHit(Record, frozen=True):
    """The entry that decides, and its usable next hops."""

    route: Route
    nexthops: tuple[NextHop, ...]
    table: int
    rule: Rule | None = None


class FibMiss(Record, frozen=True):
    """No way: the errno, the tables searched, and the entry or rule that rejected, where one did."""

    error: str
    tables: tuple[int, ...] = ()
    route: Route | None = None
    rule: Rule | None = None


def lookup(ns: Namespace, flow: FibFlow) -> FibHit | FibMiss:
    """Look `flow` up through the policy rules of `ns`, as fib_lookup() does."""
    if not custom_rules(ns):
        return _merged(ns, flow)
    flow = _in_domain(ns, flow)
    family = 10 if ":" in flow.dst else 2
    rules = [rule for rule in ns.rules() if rule.family == family]
    tables: list[int] = []
    position = 0
    hops = 0
    while position < len(rules) and hops < 4 * len(rules) + 4:
        hops += 1
        rule = rules[position]
        position += 1
        if not _matches(ns, rule, flow):
            continue
        if rule.action == "goto":
            target = next((n for n, r in enumerate(rules) if r.priority == rule.goto), None)
            position = position if target is None else target
            continue
        if rule.action in RULE_ERRORS:
            return FibMiss(RULE_ERRORS[rule.action], tuple(tables), None, rule)
        if rule.action != "table":
            continue
        table = l3mdev.table(ns, ns.link(flow.l3mdev)) if rule.l3mdev else rule.table
        tables.append(table)
        found = table_lookup(ns, table, flow)
        if found is None or (isinstance(found, FibMiss) and found.error == "EAGAIN"):
            continue
        if isinstance(found, FibMiss):
            return FibMiss(found.error, tuple(tables), found.route, rule)
        if rule.suppress_prefixlength is not None and found.route.prefixlen <= rule.suppress_prefixlength:
            continue
        if rule.suppress_ifgroup is not None and _in_group(ns, found, rule.suppress_ifgroup):
            continue
        return FibHit(found.route, found.nexthops, table, rule)
    return FibMiss("ENETUNREACH", tuple(tables))


def _in_domain(ns: Namespace, flow: FibFlow) -> FibFlow:
    """l3mdev_update_flow(): the VRF of the asked device, else of the one it came in by; a VRF as such is no way out."""
    out = ns.link(flow.oif) if flow.oif else None
    if out is None and (flow.l3mdev or flow.iif == "lo"):
        return flow
    master = l3mdev.domain(ns, out if out is not None else ns.link_named(flow.iif))
    if master is None:
        return flow
    oif = None if out is master or out == master else flow.oif
    return replace(flow, l3mdev=flow.l3mdev or master.index, oif=oif)


def table_lookup(ns: Namespace, table: int, flow: FibFlow) -> FibHit | FibMiss | None:
    """Look `flow` up in one table; None where nothing there matches (fib_table_lookup())."""
    return _first(ns, ns.routes_to(table, flow.dst), flow)


def _merged(ns: Namespace, flow: FibFlow) -> FibHit | FibMiss:
    """Without rules of one's own local and main are one trie: the longest prefix of both wins, local before main.

    fib_trie_unmerge() splits them with the first rule; a `throw` then only ends the table.
    """
    both = sorted((*ns.routes_to(255, flow.dst), *ns.routes_to(254, flow.dst)), key=lambda route: -route.prefixlen)
    found = _first(ns, both, flow)
    if found is None or (isinstance(found, FibMiss) and found.error == "EAGAIN"):
        found = table_lookup(ns, 253, flow)
    if found is None or (isinstance(found, FibMiss) and found.error == "EAGAIN"):
        return FibMiss("ENETUNREACH", (255, 254, 253))
    rule = next((rule for rule in ns.rules() if rule.family == 2 and rule.table == _table(found)), None)
    return FibMiss(found.error, found.tables, found.route) if isinstance(found, FibMiss) else replace(found, rule=rule)


def _table(found: FibHit | FibMiss) -> int:
    return found.route.table if found.route is not None else 254


def _first(ns: Namespace, routes: Iterable[Route], flow: FibFlow) -> FibHit | FibMiss | None:
    for route in routes:
        if route.tos and route.tos != flow.tos:
            continue
        if route.type in TYPE_ERRORS:
            return FibMiss(TYPE_ERRORS[route.type], (route.table,), route)
        hops, blackhole = route_nexthops(ns, route)
        if blackhole:
            return FibMiss("EINVAL", (route.table,), route)
        good = tuple(hop for hop in hops if _good(ns, hop, flow, route.type == "local"))
        if good:
            return FibHit(route, good, route.table)
    return None


def route_nexthops(ns: Namespace, route: Route) -> tuple[tuple[NextHop, ...], bool]:
    """Return the next hops of a route, its nexthop object followed, and whether that object is a blackhole."""
    if route.nh_id is None:
        return route.nexthops, False
    objects = _members(ns, route.nh_id)
    if objects is None:
        return route.nexthops, False
    blackhole = any(nh.blackhole for nh, _ in objects)
    return tuple(NextHop(nh.oif, nh.gateway, nh.flags, weight) for nh, weight in objects), blackhole


def _members(ns: Namespace, nh_id: int) -> list[tuple[NexthopObject, int]] | None:
    found = ns.nexthop(nh_id)
    if found is None:
        return None
    if not found.group:
        return [(found, 1)]
    members = ((ns.nexthop(member), weight) for member, weight in found.group)
    return [(nh, weight) for nh, weight in members if nh is not None]


def _matches(ns: Namespace, rule: Rule, flow: FibFlow) -> bool:
    return _selected(ns, rule, flow) != rule.invert


def _selected(ns: Namespace, rule: Rule, flow: FibFlow) -> bool:
    if rule.iif and rule.iif != flow.iif:
        return False
    if rule.oif:
        link = ns.link(flow.oif) if flow.oif else None
        if link is None or link.name != rule.oif:
            return False
    if (rule.fwmark ^ flow.mark) & rule.fwmask:
        return False
    if rule.src and not covers(rule.src, rule.src_len, flow.src or "0.0.0.0"):
        return False
    if rule.dst and not covers(rule.dst, rule.dst_len, flow.dst):
        return False
    if rule.tos and rule.tos != flow.tos:
        return False
    if rule.ip_proto and rule.ip_proto != flow.proto:
        return False
    if rule.sport and not rule.sport[0] <= flow.sport <= rule.sport[1]:
        return False
    if rule.dport and not rule.dport[0] <= flow.dport <= rule.dport[1]:
        return False
    # Tunnel metadata select by what this twin has none of; root (uid 0) is who asks.
    if (rule.l3mdev and not flow.l3mdev) or rule.tun_id:
        return False
    return not (rule.uid_range and not rule.uid_range[0] <= 0 <= rule.uid_range[1])


def _good(ns: Namespace, hop: NextHop, flow: FibFlow, local: bool) -> bool:
    """fib_lookup_good_nhc(): not dead, not linkdown where that is ignored, and out of the asked device.

    Dead and linkdown follow from the device, so that they stay true under a fix laid over the facts. An own address
    stays reachable while its device is down (fib_sync_down_dev() passes over RT_SCOPE_NOWHERE).
    """
    if hop.oif is None:
        return True
    if flow.oif and flow.oif != hop.oif:
        return False
    link = ns.link(hop.oif)
    if local or link is None:
        return local
    if not link.up:
        return False
    ignored = conf_or(ns, link.name, "ignore_routes_with_linkdown")
    return link.carrier or not ignored or flow.ignore_linkstate


def hop_linkdown(ns: Namespace, hop: NextHop) -> bool:
    """Tell whether the device of a next hop has no carrier (RTNH_F_LINKDOWN) or is gone (RTNH_F_DEAD)."""
    link = ns.link(hop.oif) if hop.oif is not None else None
    if link is None:
        return bool(hop.flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN))
    return not (link.up and link.carrier)


def _in_group(ns: Namespace, hit: FibHit, group: int) -> bool:
    links = (ns.link(hop.oif) for hop in hit.nexthops if hop.oif is not None)
    return any(link is not None and link.group == group for link in links)


def custom_rules(ns: Namespace) -> bool:
    """Tell whether the rules differ from the three the kernel starts with (fib4_has_custom_rules())."""
    ipv4 = [rule for rule in ns.rules() if rule.family == 2]
    plain = [(r.priority, r.table) for r in ipv4 if r == Rule(2, r.priority, "table", r.table)]
    return plain != [(0, 255), (32766, 254), (32767, 253)] or len(plain) != len(ipv4)


def local_type(ns: Namespace, address: str, link: Link | None = None) -> str | None:
    """inet_addr_type(): the type of `address` in the local table (local, broadcast), else None for unicast.

    With `link`, in the table of that device's VRF (inet_addr_type_dev_table()).
    """
    for route in ns.routes_to(l3mdev.local_table(ns, link), address):
        return route.type
    return None
