"""Which source a packet gets (inet_select_addr()) and which it may come in with (fib_validate_source())."""

from __future__ import annotations

from typing import Any

import pytest

from netdoctor.facts.records import IFA_F_SECONDARY, RT_SCOPE_HOST, RT_SCOPE_LINK
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.input import InputWay, Refused, route_input, validate_source
from netdoctor.kernel.output import route_output
from netdoctor.kernel.packet import Flow, Ip
from netdoctor.kernel.source import confirm_address, select_address
from netdoctor.kernel.walk import Walk
from tests.unit.networks import Net, Ns


def chosen(ns: Ns, dst: str | None = None, scope: int = 0) -> str | None:
    return select_address(ns.view(), ns.link("eth0"), dst, scope)


def test_the_first_primary_address_is_taken() -> None:
    ns = Ns(1, "n").dev("eth0", "10.0.0.1/24", "10.1.0.1/24")
    assert chosen(ns) == "10.0.0.1"


def test_an_address_in_the_gateways_prefix_comes_before_the_first() -> None:
    ns = Ns(1, "n").dev("eth0", "10.0.0.1/24", "10.1.0.1/24")
    assert chosen(ns, "10.1.0.9") == "10.1.0.1"


def test_without_a_match_the_first_is_taken() -> None:
    ns = Ns(1, "n").dev("eth0", "10.0.0.1/24", "10.1.0.1/24")
    assert chosen(ns, "10.7.0.9") == "10.0.0.1"


def test_a_secondary_address_is_never_taken() -> None:
    ns = Ns(1, "n").dev("eth0").addr("eth0", "10.0.0.5/24", flags=IFA_F_SECONDARY).addr("eth0", "10.1.0.1/24")
    assert chosen(ns, "10.0.0.9") == "10.1.0.1"


@pytest.mark.parametrize(
    ("held", "asked", "localnet", "expected"),
    [
        (RT_SCOPE_LINK, 0, 0, "10.9.0.1"),
        (RT_SCOPE_LINK, RT_SCOPE_LINK, 0, "10.0.0.1"),
        (RT_SCOPE_HOST, RT_SCOPE_LINK, 0, "10.9.0.1"),
        (RT_SCOPE_HOST, RT_SCOPE_LINK, 1, "10.0.0.1"),
        (0, RT_SCOPE_LINK, 0, "10.0.0.1"),
    ],
    ids=["link-for-global", "link-for-link", "host-for-link", "host-for-link-with-route-localnet", "global"],
)
def test_an_address_of_narrower_scope_is_passed_over(
    held: int, asked: int, localnet: int, expected: str
) -> None:
    ns = Ns(1, "n").dev("eth0").addr("eth0", "10.0.0.1/24", scope=held).dev("eth1", "10.9.0.1/24")
    assert chosen(ns.sysctl(conf__eth0__route_localnet=localnet), scope=asked) == expected


def test_a_device_without_address_borrows_the_first_of_another() -> None:
    ns = Ns(1, "n").dev("eth0").dev("eth1", "10.1.0.1/24").dev("eth2", "10.2.0.1/24")
    assert chosen(ns) == "10.1.0.1"


def test_an_address_of_scope_link_is_not_borrowed() -> None:
    ns = Ns(1, "n").dev("eth0").dev("eth1").addr("eth1", "10.1.0.1/24", scope=RT_SCOPE_LINK)
    assert chosen(ns.dev("eth2", "10.2.0.1/24"), scope=RT_SCOPE_LINK) == "10.2.0.1"


def test_with_no_address_at_all_there_is_none() -> None:
    assert chosen(Ns(1, "n").dev("eth0")) is None


@pytest.mark.parametrize(
    ("route", "expected"),
    [
        ("10.9.0.0/24 via 10.1.0.9 dev eth0", "10.1.0.1"),
        ("10.9.0.0/24 via 10.0.0.9 dev eth0", "10.0.0.1"),
        ("10.9.0.0/24 via 10.1.0.9 dev eth0 src 10.2.0.1", "10.2.0.1"),
        ("10.9.0.0/24 dev eth0 scope link", "10.0.0.1"),
    ],
    ids=["gateway", "other-gateway", "src-of-the-route", "on-link"],
)
def test_the_source_suits_the_gateway_unless_the_route_names_one(route: str, expected: str) -> None:
    assert output(route, "10.9.0.5") == expected


def output(route: str, dst: str, **flow: Any) -> str:
    net = Net("n")
    net["n"].dev("eth0", "10.0.0.1/24", "10.1.0.1/24").dev("eth1", "10.2.0.1/24").route(route)
    way = route_output(Walk(net.host()), 1, FibFlow(dst, **flow))
    return way.error if isinstance(way, FibMiss) else way.src


def test_to_an_own_address_the_source_is_that_address() -> None:
    assert output("10.9.0.0/24 dev eth0", "10.2.0.1") == "10.2.0.1"


@pytest.mark.parametrize(("src", "expected"), [("10.2.0.1", "10.2.0.1"), ("10.2.0.7", "ENETUNREACH")])
def test_a_given_source_has_to_be_an_own_address(src: str, expected: str) -> None:
    assert output("10.9.0.0/24 dev eth0", "10.9.0.5", src=src) == expected


@pytest.mark.parametrize(("localnet", "expected"), [(0, "EINVAL"), (1, "127.0.0.1")])
def test_loopback_leaves_by_another_device_only_with_route_localnet(localnet: int, expected: str) -> None:
    net = Net("n")
    net["n"].dev("eth0", "10.0.0.1/24").sysctl(conf__eth0__route_localnet=localnet)
    way = route_output(Walk(net.host()), 1, FibFlow("10.0.0.9", "127.0.0.1"))
    assert (way.error if isinstance(way, FibMiss) else way.src) == expected


def test_without_a_route_a_given_device_is_taken_as_on_link() -> None:
    net = Net("n")
    ns = net["n"].dev("eth0", "10.0.0.1/24")
    way = route_output(Walk(net.host()), 1, FibFlow("10.9.0.5", oif=ns.index("eth0")))
    assert not isinstance(way, FibMiss)
    assert (way.oif, way.gateway, way.src) == (ns.index("eth0"), None, "10.0.0.1")


# fib_validate_source(): 10.0.0.0/24 is behind eth0, 10.1.0.0/24 behind eth1, 10.9.0.0/16 behind eth1.


def gate(*routes: str, **sysctls: int) -> Ns:
    ns = Ns(1, "n").dev("eth0", "10.0.0.1/24").dev("eth1", "10.1.0.1/24")
    for route in ("10.9.0.0/16 via 10.1.0.9 dev eth1", *routes):
        ns.route(route)
    return ns.sysctl(**{"conf__all__send_redirects": 0, "conf__eth0__send_redirects": 0, **sysctls})


def verdict(ns: Ns, src: str, oif: str | None = "eth1", mark: int = 0) -> str:
    out = ns.index(oif) if oif else 0
    refused = validate_source(ns.view(), ns.link("eth0"), src, "10.1.0.5", out, FibFlow("10.1.0.5", src, mark=mark))
    return "ok" if refused is None else refused.why


@pytest.mark.parametrize(
    ("src", "by_all", "by_device", "expected"),
    [
        ("10.0.0.9", 0, 0, "ok"),
        ("10.0.0.9", 1, 0, "ok"),
        ("10.9.0.9", 0, 0, "ok"),
        ("10.9.0.9", 0, 1, "reverse-path"),
        ("10.9.0.9", 1, 0, "reverse-path"),
        ("10.9.0.9", 0, 2, "ok"),
        ("10.9.0.9", 1, 2, "ok"),
        ("10.9.0.9", 2, 1, "ok"),
        ("192.0.2.1", 0, 0, "ok"),
        ("192.0.2.1", 0, 2, "reverse-path"),
        ("192.0.2.1", 2, 0, "reverse-path"),
        ("192.0.2.1", 1, 1, "reverse-path"),
        ("10.0.0.1", 0, 0, "martian-source"),
        ("10.1.0.1", 0, 0, "martian-source"),
        ("10.1.0.1", 2, 0, "martian-source"),
        ("10.0.0.255", 1, 0, "martian-source"),
        ("10.0.0.255", 0, 0, "ok"),
    ],
)
def test_rp_filter_is_the_larger_of_all_and_the_device(
    src: str, by_all: int, by_device: int, expected: str
) -> None:
    assert verdict(gate(conf__all__rp_filter=by_all, conf__eth0__rp_filter=by_device), src) == expected


@pytest.mark.parametrize("mode", [0, 1, 2])
def test_accept_local_lets_an_own_address_in(mode: int) -> None:
    ns = gate(conf__eth0__rp_filter=mode, conf__all__accept_local=1)
    # The route of an own address names the device that holds it: strict refuses those of other devices.
    assert verdict(ns, "10.1.0.1") == ("reverse-path" if mode == 1 else "ok")
    assert verdict(ns, "10.0.0.1") == "ok"


@pytest.mark.parametrize(("mode", "expected"), [(0, "ok"), (1, "reverse-path"), (2, "reverse-path")])
def test_a_device_without_address_takes_only_what_is_routed_to_it(mode: int, expected: str) -> None:
    ns = Ns(1, "n").dev("eth0").dev("eth1", "10.1.0.1/24").route("10.0.0.9/32 dev eth0")
    ns.sysctl(conf__eth0__rp_filter=mode)
    assert verdict(ns, "10.0.0.9") == "ok"
    assert verdict(ns, "10.1.0.9") == expected


@pytest.mark.parametrize(("valid", "expected"), [(0, "reverse-path"), (1, "ok")])
def test_the_way_back_sees_the_mark_only_with_src_valid_mark(valid: int, expected: str) -> None:
    ns = gate("default dev eth0 table 7", conf__eth0__rp_filter=1, conf__eth0__src_valid_mark=valid)
    ns.rule(100, 7, fwmark=5, fwmask=0xFF)
    assert verdict(ns, "10.9.0.9", mark=5) == expected


def test_the_way_back_is_looked_up_as_coming_in_by_the_way_out() -> None:
    ns = gate("default dev eth0 table 7", conf__eth0__rp_filter=1).rule(100, 7, iif="eth1")
    assert verdict(ns, "10.9.0.9") == "ok"
    assert verdict(ns, "10.9.0.9", oif=None) == "reverse-path"


def test_a_blackhole_on_the_way_back_counts_as_no_way() -> None:
    ns = gate("blackhole 10.0.0.9/32", conf__eth0__rp_filter=2)
    assert verdict(ns, "10.0.0.9") == "reverse-path"


def test_every_leg_of_a_multipath_route_is_a_way_back() -> None:
    ns = gate(
        "10.5.0.0/16 nexthop via 10.1.0.9 dev eth1 nexthop via 10.0.0.9 dev eth0", conf__eth0__rp_filter=1
    )
    assert verdict(ns, "10.5.0.1") == "ok"


def test_out_by_the_way_in_is_checked_in_full_where_redirects_are_sent() -> None:
    """Without rp_filter the full check still refuses what is a broadcast address here."""
    assert verdict(gate(), "10.0.0.255", oif="eth0") == "ok"
    assert verdict(gate(conf__eth0__send_redirects=1), "10.0.0.255", oif="eth0") == "martian-source"


def test_a_rule_of_ones_own_makes_the_check_a_full_one() -> None:
    assert verdict(gate().rule(100, 7), "10.0.0.255") == "martian-source"


# ip_route_input_slow()


def came(ns: Ns, src: str, dst: str, dev: str = "eth0") -> str:
    net = Net("n")
    net.all["n"] = ns
    packet = Ip(Flow("request"), src, dst, 64, 84)
    way = route_input(Walk(net.host()), ns.view(), ns.link(dev), packet)
    if isinstance(way, Refused):
        return way.why
    assert isinstance(way, InputWay)
    return way.kind


@pytest.mark.parametrize(
    ("src", "dst", "expected"),
    [
        ("10.0.0.9", "10.0.0.1", "local"),
        ("10.0.0.9", "10.1.0.1", "local"),
        ("10.0.0.9", "10.9.0.5", "forward"),
        ("10.0.0.9", "10.0.0.255", "broadcast"),
        ("10.0.0.9", "10.1.0.255", "broadcast"),
        ("10.0.0.9", "255.255.255.255", "broadcast"),
        ("10.0.0.9", "172.16.0.1", "no-route"),
        ("224.0.0.1", "10.0.0.1", "martian-address"),
        ("255.255.255.255", "10.0.0.1", "martian-address"),
        ("0.0.0.0", "10.0.0.1", "martian-address"),
        ("10.0.0.9", "0.1.2.3", "martian-address"),
        ("127.0.0.1", "10.0.0.1", "martian-address"),
        ("10.0.0.9", "127.0.0.1", "martian-address"),
        ("10.0.0.1", "10.1.0.1", "martian-source"),
    ],
)
def test_what_comes_in_is_for_here_for_another_or_for_nobody(src: str, dst: str, expected: str) -> None:
    assert came(gate().forwards(), src, dst) == expected


def test_route_localnet_lets_loopback_addresses_in() -> None:
    assert came(gate(conf__eth0__route_localnet=1), "10.0.0.9", "127.0.0.1") == "local"


def test_forwarding_is_the_business_of_the_device_it_came_in_by() -> None:
    assert came(gate(conf__eth0__forwarding=1), "10.0.0.9", "10.9.0.5") == "forward"
    assert came(gate(conf__eth1__forwarding=1), "10.0.0.9", "10.9.0.5") == "forwarding-off"
    assert came(gate(conf__all__forwarding=1), "10.0.0.9", "10.9.0.5") == "forwarding-off"


def test_without_forwarding_a_missing_route_is_not_noticed() -> None:
    assert came(gate(), "10.0.0.9", "172.16.0.1") == "forwarding-off"


# inet_confirm_addr(), which arp_ignore asks


@pytest.mark.parametrize(
    ("dev", "peer", "local", "expected"),
    [
        ("eth0", None, "10.0.0.1", True),
        ("eth0", None, "10.1.0.1", False),
        (None, None, "10.1.0.1", True),
        ("eth0", "10.0.0.9", "10.0.0.1", True),
        ("eth0", "10.7.0.9", "10.0.0.1", False),
        ("eth0", None, "10.0.0.7", False),
    ],
)
def test_an_address_is_confirmed_on_its_device_in_the_askers_prefix(
    dev: str | None, peer: str | None, local: str, expected: bool
) -> None:
    ns = gate()
    link = ns.link(dev) if dev else None
    assert confirm_address(ns.view(), link, peer, local, RT_SCOPE_HOST) == expected
