"""Policy rules and the FIB, as fib_rules_lookup() and fib_table_lookup() go through them."""

from __future__ import annotations

from typing import Any

import pytest

from netdoctor.facts.records import Rule
from netdoctor.kernel.fib import FibFlow, FibHit, FibMiss, lookup
from netdoctor.kernel.output import select_path
from netdoctor.kernel.walk import Walk
from tests.unit.networks import RULES, Net, Ns


def node(*routes: str, **down: bool) -> Ns:
    """A namespace with eth0 (10.0.0.1/24), eth1 (10.1.0.1/24), eth2 and the given routes."""
    ns = Ns(1, "n").dev("eth0", "10.0.0.1/24", up=down.get("eth0", True), carrier=down.get("carrier", True))
    ns.dev("eth1", "10.1.0.1/24").dev("eth2")
    for route in routes:
        ns.route(route)
    return ns


def way(ns: Ns, dst: str = "10.9.0.5", **flow: Any) -> str:
    """The devices that are left to choose from, or the errno."""
    found = lookup(ns.view(), FibFlow(dst, **flow))
    if isinstance(found, FibMiss):
        return found.error
    return " ".join(ns.view().link(hop.oif or 0).name for hop in found.nexthops)  # type: ignore[union-attr]


def table(ns: Ns, dst: str = "10.9.0.5", **flow: Any) -> int:
    found = lookup(ns.view(), FibFlow(dst, **flow))
    assert isinstance(found, FibHit)
    return found.table


@pytest.mark.parametrize(
    ("routes", "expected"),
    [
        (("10.0.0.0/8 dev eth0", "10.9.0.0/16 dev eth1"), "eth1"),
        (("10.9.0.0/16 dev eth1", "10.9.0.4/30 dev eth0", "10.9.0.5/32 dev eth2"), "eth2"),
        (("default via 10.0.0.9 dev eth0", "10.9.0.0/24 dev eth1"), "eth1"),
        (("10.9.0.0/24 dev eth1 metric 10", "10.9.0.0/24 dev eth0 metric 5"), "eth0"),
        (("10.9.0.0/24 dev eth1", "10.9.0.0/24 dev eth0 metric 5"), "eth1"),
        (("10.9.0.0/24 dev eth0", "10.9.0.0/24 dev eth1"), "eth0"),
        (("10.8.0.0/24 dev eth0",), "ENETUNREACH"),
    ],
    ids=["longest", "host-route", "default-last", "lower-metric", "no-metric-first", "older-first", "none"],
)
def test_the_longest_prefix_wins_then_the_metric_then_the_older(
    routes: tuple[str, ...], expected: str
) -> None:
    assert way(node(*routes)) == expected


@pytest.mark.parametrize(("tos", "expected"), [(0, "eth0"), (16, "eth1"), (8, "eth0")])
def test_a_route_with_tos_takes_that_tos_only_and_comes_before_one_without(tos: int, expected: str) -> None:
    ns = node("10.9.0.0/24 dev eth0", "10.9.0.0/24 dev eth1 tos 16 metric 50")
    assert way(ns, tos=tos) == expected


@pytest.mark.parametrize(
    ("kind", "error"), [("blackhole", "EINVAL"), ("unreachable", "EHOSTUNREACH"), ("prohibit", "EACCES")]
)
def test_a_rejecting_route_ends_the_lookup_with_its_error(kind: str, error: str) -> None:
    assert way(node(f"{kind} 10.9.0.0/24", "10.0.0.0/8 dev eth0")) == error


@pytest.mark.parametrize("own_rule", [False, True])
def test_throw_leaves_the_table_without_an_answer(own_rule: bool) -> None:
    ns = node("throw 10.9.0.0/24", "10.0.0.0/8 dev eth0", "10.9.0.0/24 dev eth1 table 253")
    if own_rule:
        ns.rule(100, 7)
    assert way(ns) == "eth1"


def test_throw_goes_on_with_the_next_rule() -> None:
    ns = node("throw 10.9.0.0/24 table 7", "10.9.0.0/24 dev eth1").rule(100, 7)
    assert (way(ns), table(ns)) == ("eth1", 254)


def test_local_and_main_are_one_trie_while_there_is_no_rule_of_ones_own() -> None:
    ns = node("local 10.9.0.0/16 dev lo table 255", "10.9.0.0/24 dev eth1")
    assert way(ns) == "eth1"


def test_local_comes_first_once_there_is_a_rule() -> None:
    ns = node("local 10.9.0.0/16 dev lo table 255", "10.9.0.0/24 dev eth1").rule(100, 7)
    assert way(ns) == "lo"


def test_local_wins_among_equal_prefixes() -> None:
    assert way(node("10.9.0.5/32 dev eth1", "local 10.9.0.5/32 dev lo table 255")) == "lo"


def test_the_table_default_is_searched_last() -> None:
    ns = node("default via 10.1.0.9 dev eth1 table 253")
    assert (way(ns), table(ns)) == ("eth1", 253)


@pytest.mark.parametrize(
    ("rule", "flow", "taken"),
    [
        (Rule(2, 9, table=7), {}, True),
        (Rule(2, 9, table=7, src="10.0.0.0", src_len=24), {"src": "10.0.0.1"}, True),
        (Rule(2, 9, table=7, src="10.0.0.0", src_len=24), {"src": "10.1.0.1"}, False),
        (Rule(2, 9, table=7, src="10.0.0.0", src_len=24), {}, False),
        (Rule(2, 9, table=7, dst="10.9.0.0", dst_len=16), {}, True),
        (Rule(2, 9, table=7, dst="10.8.0.0", dst_len=16), {}, False),
        (Rule(2, 9, table=7, iif="eth0"), {"iif": "eth0"}, True),
        (Rule(2, 9, table=7, iif="eth0"), {}, False),
        (Rule(2, 9, table=7, iif="lo"), {}, True),
        (Rule(2, 9, table=7, oif="eth1"), {"oif": 3}, True),
        (Rule(2, 9, table=7, oif="eth1"), {}, False),
        (Rule(2, 9, table=7, fwmark=0x10, fwmask=0xF0), {"mark": 0x1F}, True),
        (Rule(2, 9, table=7, fwmark=0x10, fwmask=0xFF), {"mark": 0x1F}, False),
        (Rule(2, 9, table=7, fwmark=0, fwmask=0xFF), {"mark": 0x1F}, False),
        (Rule(2, 9, table=7, ip_proto=1), {"proto": 1}, True),
        (Rule(2, 9, table=7, ip_proto=17), {"proto": 1}, False),
        (Rule(2, 9, table=7, dport=(1000, 2000)), {"dport": 1025}, True),
        (Rule(2, 9, table=7, dport=(1000, 1024)), {"dport": 1025}, False),
        (Rule(2, 9, table=7, tos=16), {"tos": 16}, True),
        (Rule(2, 9, table=7, tos=16), {}, False),
        (Rule(2, 9, table=7, invert=True, iif="eth0"), {}, True),
        (Rule(2, 9, table=7, invert=True, iif="eth0"), {"iif": "eth0"}, False),
        (Rule(2, 9, table=7, invert=True), {}, False),
        (Rule(2, 9, table=7, uid_range=(0, 0)), {}, True),
        (Rule(2, 9, table=7, uid_range=(1000, 2000)), {}, False),
        (Rule(2, 9, table=7, l3mdev=True), {}, False),
        (Rule(10, 9, table=7), {}, False),
    ],
)  # fmt: skip
def test_a_rule_selects_by_all_it_names(rule: Rule, flow: dict[str, Any], taken: bool) -> None:
    ns = node("default via 10.0.0.9 dev eth0", "default via 10.1.0.9 dev eth1", "default dev eth1 table 7")
    ns.only_rules(RULES[0], rule, *RULES[1:])
    assert (table(ns, **flow) == 7) == taken


@pytest.mark.parametrize(
    ("action", "error"), [("blackhole", "EINVAL"), ("unreachable", "ENETUNREACH"), ("prohibit", "EACCES")]
)
def test_a_rejecting_rule_ends_the_lookup(action: str, error: str) -> None:
    assert way(node("10.9.0.0/24 dev eth1").rule(100, action=action)) == error


def test_goto_goes_on_at_its_target() -> None:
    ns = node("10.9.0.0/24 dev eth1", "10.9.0.0/24 dev eth0 table 7")
    ns.rule(100, action="goto", goto=32766).rule(200, 7)
    assert table(ns) == 254


def test_goto_without_its_target_goes_on_with_the_next_rule() -> None:
    ns = node("10.9.0.0/24 dev eth1", "10.9.0.0/24 dev eth0 table 7")
    ns.rule(100, action="goto", goto=500).rule(200, 7)
    assert table(ns) == 7


def test_nop_does_nothing() -> None:
    assert table(node("10.9.0.0/24 dev eth1").rule(100, action="nop")) == 254


@pytest.mark.parametrize(("length", "expected"), [(0, "eth0"), (15, "eth0"), (16, "eth1"), (None, "eth0")])
def test_suppress_prefixlength_passes_over_what_is_that_short(length: int | None, expected: str) -> None:
    ns = node("10.9.0.0/16 dev eth0 table 7", "10.9.0.0/24 dev eth1")
    ns.rule(100, 7, suppress_prefixlength=length)
    assert way(ns) == expected


def test_suppress_ifgroup_passes_over_devices_of_that_group() -> None:
    ns = node("10.9.0.0/16 dev eth0 table 7", "10.9.0.0/24 dev eth1").edit("eth0", group=4)
    assert way(ns.rule(100, 7, suppress_ifgroup=4)) == "eth1"


def test_without_the_rule_for_local_own_addresses_are_not_found() -> None:
    assert way(node().only_rules(*RULES[1:]), "10.1.0.1") == "eth1"


def test_without_any_rule_nothing_is_found() -> None:
    assert way(node("default dev eth0").only_rules()) == "ENETUNREACH"


@pytest.mark.parametrize(
    ("state", "sysctl", "expected"),
    [
        ({"eth0": False}, 0, "eth1"),
        ({"carrier": False}, 0, "eth0"),
        ({"carrier": False}, 1, "eth1"),
    ],
    ids=["dead", "linkdown-is-used", "linkdown-ignored"],
)
def test_a_route_over_a_dead_device_is_passed_over(
    state: dict[str, bool], sysctl: int, expected: str
) -> None:
    ns = node("10.9.0.0/24 dev eth0", "10.0.0.0/8 dev eth1", **state)
    assert way(ns.sysctl(conf__eth0__ignore_routes_with_linkdown=sysctl)) == expected


def test_the_linkdown_sysctl_of_all_counts_too() -> None:
    ns = node("10.9.0.0/24 dev eth0", "10.0.0.0/8 dev eth1", carrier=False)
    assert way(ns.sysctl(conf__all__ignore_routes_with_linkdown=1)) == "eth1"


def test_own_addresses_outlive_their_device() -> None:
    assert way(node(eth0=False), "10.0.0.1") == "eth0"


def test_with_oif_only_legs_of_that_device_count() -> None:
    ns = node("10.9.0.0/24 dev eth0", "10.0.0.0/8 dev eth1")
    assert way(ns, oif=ns.index("eth1")) == "eth1"


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("10.9.0.0/24 nexthop via 10.0.0.9 dev eth0 nexthop via 10.1.0.9 dev eth1", "eth0 eth1"),
        ("10.9.0.0/24 nhid 10", "eth0"),
        ("10.9.0.0/24 nhid 12", "eth0 eth1"),
        ("10.9.0.0/24 nhid 13", "EINVAL"),
        ("10.9.0.0/24 nhid 14", "eth1"),
    ],
    ids=["multipath", "object", "group", "blackhole-object", "group-with-dead-leg"],
)
def test_nexthop_objects_and_groups_are_followed(route: str, expected: str) -> None:
    ns = node(route).edit("eth2", flags=0)
    ns.nexthop(10, "eth0", gateway="10.0.0.9").nexthop(11, "eth1", gateway="10.1.0.9").nexthop(15, "eth2")
    ns.nexthop(12, group=((10, 1), (11, 3))).nexthop(13, blackhole=True).nexthop(14, group=((15, 1), (11, 1)))
    assert way(ns) == expected


def test_a_leg_of_a_multipath_route_without_carrier_is_still_chosen() -> None:
    ns = node("10.9.0.0/24 nexthop via 10.0.0.9 dev eth0 nexthop via 10.1.0.9 dev eth1", carrier=False)
    assert way(ns) == "eth0 eth1"
    assert way(ns.sysctl(conf__eth0__ignore_routes_with_linkdown=1)) == "eth1"


@pytest.mark.parametrize(("use_neigh", "count"), [(0, 2), (1, 1)])
def test_fib_multipath_use_neigh_leaves_failed_gateways_out(use_neigh: int, count: int) -> None:
    net = Net("n")
    ns = (
        net["n"]
        .dev("eth0", "10.0.0.1/24")
        .dev("eth1", "10.1.0.1/24")
        .sysctl(fib_multipath_use_neigh=use_neigh)
    )
    ns.route("10.9.0.0/24 nexthop via 10.0.0.9 dev eth0 nexthop via 10.1.0.9 dev eth1")
    ns.neigh("eth0", "10.0.0.9", None, "FAILED")
    hit, walk = lookup(ns.view(), FibFlow("10.9.0.5")), Walk(net.host())
    assert isinstance(hit, FibHit)
    chosen = select_path(walk, ns.view(), hit)
    assert [options for _, _, options in walk.choices] == ([2] if count == 2 else [])
    assert count == 2 or chosen.oif == ns.index("eth1")


def test_the_leg_whose_source_is_the_packets_is_preferred() -> None:
    net = Net("n")
    ns = net["n"].dev("eth0", "10.0.0.1/24").dev("eth1", "10.1.0.1/24")
    ns.route("10.9.0.0/24 nexthop via 10.0.0.9 dev eth0 nexthop via 10.1.0.9 dev eth1")
    hit, walk = lookup(ns.view(), FibFlow("10.9.0.5")), Walk(net.host())
    assert isinstance(hit, FibHit)
    assert select_path(walk, ns.view(), hit, "10.1.0.1").oif == ns.index("eth1")
    assert not walk.choices
