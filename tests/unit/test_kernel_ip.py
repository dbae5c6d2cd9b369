"""IPv4 above layer 2, the devices below it, and the echo: ip_forward(), ip_output(), icmp_echo(), veth_xmit()."""

from __future__ import annotations

import pytest

from netdoctor.kernel.endings import (
    DeliveredElsewhere,
    EchoIgnored,
    ForwardingOff,
    FragNeeded,
    LeavesHost,
    LinkDown,
    MartianSource,
    NoCarrier,
    NoRoute,
    NotForMe,
    NotModelled,
    ReversePath,
    Swallowed,
    TooBig,
    TtlExceeded,
)
from netdoctor.kernel.packet import Ip
from tests.unit.networks import Net, bridged, routed

B = "10.2.0.2"


def test_a_router_passes_the_packet_on_and_takes_one_from_its_ttl() -> None:
    walk = routed().walk("a", B)
    assert walk.answered
    delivered = next(step for step in walk.steps if step.stage == "deliver" and step.action == "echo")
    assert isinstance(delivered.carries, Ip)
    assert delivered.carries.ttl == 63


@pytest.mark.parametrize(
    ("dev", "leg"), [("va", "request"), ("vb", "reply")], ids=["in-by-va", "the-reply-in-by-vb"]
)
def test_forwarding_counts_on_the_device_the_packet_came_in_by(dev: str, leg: str) -> None:
    net = routed()
    net["r"].sysctl(**{f"conf__{dev}__forwarding": 0})
    end = net.ending("a", B)
    assert isinstance(end, ForwardingOff)
    assert (end.at, end.flow.leg) == (net["r"].at(dev), leg)


def test_the_ttl_runs_out() -> None:
    net = routed()
    net["a"].sysctl(ip_default_ttl=1)
    assert isinstance(net.ending("a", B), TtlExceeded)


def test_the_reply_has_a_ttl_of_its_own() -> None:
    net = routed()
    net["b"].sysctl(ip_default_ttl=1)
    end = net.ending("a", B)
    assert isinstance(end, TtlExceeded)
    assert end.flow.leg == "reply"


def test_two_routers_that_send_to_each_other_end_by_ttl() -> None:
    net = Net("a", "r", "s")
    net["a"].dev("eth0", "10.1.0.2/24").route("default via 10.1.0.1 dev eth0")
    net["r"].dev("va", "10.1.0.1/24").dev("vs", "10.5.0.1/24").route(
        "10.9.0.0/16 via 10.5.0.2 dev vs"
    ).forwards()
    net["s"].dev("vr", "10.5.0.2/24").route("default via 10.5.0.1 dev vr").forwards()
    net.cable("a/eth0", "r/va").cable("r/vs", "s/vr")
    assert isinstance(net.ending("a", "10.9.0.1"), TtlExceeded)


@pytest.mark.parametrize(
    ("where", "route", "error", "forwarding"),
    [
        ("r", "unreachable 10.2.0.2/32", "EHOSTUNREACH", True),
        ("r", "prohibit 10.2.0.2/32", "EACCES", True),
        ("r", "blackhole 10.2.0.2/32", "EINVAL", True),
        ("a", "unreachable 10.2.0.2/32", "EHOSTUNREACH", False),
        ("a", "throw 0.0.0.0/0 metric 1", None, False),
    ],
)
def test_a_rejecting_route_ends_the_packet(
    where: str, route: str, error: str | None, forwarding: bool
) -> None:
    net = routed()
    net[where].route(route)
    if error is None:
        assert net.answered("a", B)
        return
    end = net.ending("a", B)
    assert isinstance(end, NoRoute)
    assert (end.error, end.forwarding, end.at.inode) == (error, forwarding, net[where].inode)


@pytest.mark.parametrize(("mode", "answered"), [(0, True), (1, False), (2, False)])
def test_a_source_without_a_way_back_is_dropped_by_rp_filter(mode: int, answered: bool) -> None:
    net = routed()
    net["a"].dev("eth1", "172.16.0.1/32").neigh("eth0", "10.1.0.1", net["r"].mac("va"))
    net["r"].sysctl(conf__va__rp_filter=mode)
    end = net.ending("a", B, source="172.16.0.1")
    assert isinstance(end, NoRoute if answered else ReversePath)
    assert end.flow.leg == ("reply" if answered else "request")


def test_a_source_that_is_the_routers_own_is_a_martian() -> None:
    net = routed()
    net["r"].dev("eth9", "172.16.0.1/32")
    net["a"].dev("eth1", "172.16.0.1/32").neigh("eth0", "10.1.0.1", net["r"].mac("va"))
    end = net.ending("a", B, source="172.16.0.1")
    assert isinstance(end, MartianSource)
    assert not end.arp


def test_an_address_on_any_device_of_the_router_takes_the_packet() -> None:
    net = routed()
    net["r"].addr("lo", "10.2.0.2/32")
    walk = net.walk("a", B)
    assert walk.answered
    assert walk.reply_from == net["r"].inode


def test_a_subnet_broadcast_is_delivered_and_not_answered() -> None:
    end = routed().ending("a", "10.2.0.255")
    assert isinstance(end, DeliveredElsewhere)
    assert end.broadcast


def test_ping_refuses_a_broadcast_destination_of_its_own_net() -> None:
    end = routed().ending("a", "10.1.0.255")
    assert isinstance(end, NoRoute)
    assert end.error == "broadcast"


def test_an_own_address_goes_through_lo_and_needs_it_up() -> None:
    net = routed()
    assert net.answered("a", "10.1.0.2")
    net["a"].edit("lo", flags=0x8)
    end = net.ending("a", "10.1.0.2")
    assert isinstance(end, LinkDown)
    assert end.at == net["a"].at("lo")


def test_icmp_echo_ignore_all_swallows_the_request() -> None:
    net = routed()
    net["b"].sysctl(icmp_echo_ignore_all=1)
    assert isinstance(net.ending("a", B), EchoIgnored)


def test_icmp_echo_ignore_all_of_a_router_does_not_concern_what_it_forwards() -> None:
    net = routed()
    net["r"].sysctl(icmp_echo_ignore_all=1)
    assert net.answered("a", B)


# MTU


@pytest.mark.parametrize(
    ("size", "df", "ending"),
    [(972, True, None), (973, True, FragNeeded), (1400, True, FragNeeded), (1400, False, None)],
)
def test_a_router_fragments_or_refuses_what_is_longer_than_the_mtu_of_the_way_out(
    size: int, df: bool, ending: type | None
) -> None:
    net = routed()
    net["r"].edit("vb", mtu=1000)
    net["b"].edit("eth0", mtu=1000)
    if ending is None:
        assert net.answered("a", B, size=size, df=df)
    else:
        end = net.ending("a", B, size=size, df=df)
        assert isinstance(end, ending)
        assert end.at.inode == net["r"].inode


def test_the_mtu_of_a_route_counts() -> None:
    net = routed()
    net["r"].route("10.2.0.2/32 dev vb mtu 900")
    end = net.ending("a", B, size=1000, df=True)
    assert isinstance(end, FragNeeded)
    assert end.mtu == 900


def test_a_pair_takes_no_frame_longer_than_the_mtu_of_its_other_end() -> None:
    net = routed()
    net["b"].edit("eth0", mtu=1000)
    end = net.ending("a", B, size=1200)
    assert isinstance(end, TooBig)
    assert end.at == net["b"].at("eth0")


# devices


def test_a_device_that_is_down_has_no_routes_and_receives_nothing() -> None:
    net = routed()
    net["r"].edit("vb", flags=0)
    end = net.ending("a", B)
    assert isinstance(end, NoRoute)
    assert end.forwarding


def test_a_pair_whose_other_end_is_down_has_no_carrier() -> None:
    net = routed()
    net["b"].edit("eth0", flags=0)
    end = net.ending("a", B)
    assert isinstance(end, NoCarrier)
    assert (end.at, end.peer) == (net["r"].at("vb"), net["b"].at("eth0"))


def test_a_nic_leads_out_of_what_is_visible() -> None:
    net = Net("a")
    net["a"].dev("eth0", "10.0.0.1/24", kind=None)
    walk = net.walk("a", "10.0.0.2")
    assert any(isinstance(end, LeavesHost) for end in walk.endings)


def test_a_pair_whose_other_end_is_nowhere_leads_out_too() -> None:
    net = Net("a")
    net["a"].dev("eth0", "10.0.0.1/24", kind="veth", iflink=7, link_netnsid=3)
    end = net.ending("a", "10.0.0.2")
    assert isinstance(end, LeavesHost)
    assert end.why == "peer"


def test_a_dummy_swallows() -> None:
    net = Net("a")
    net["a"].dev("eth0", "10.0.0.1/24", kind="dummy").neigh("eth0", "10.0.0.2", "02:00:00:00:00:09")
    assert isinstance(net.ending("a", "10.0.0.2"), Swallowed)


def test_a_kind_of_device_that_is_not_known_is_said_to_be_so() -> None:
    net = Net("a")
    net["a"].dev("eth0", "10.0.0.1/24", kind="netdevsim").neigh("eth0", "10.0.0.2", "02:00:00:00:00:09")
    assert isinstance(net.ending("a", "10.0.0.2"), NotModelled)


def test_a_frame_for_another_lladdr_is_not_taken_in() -> None:
    net = routed()
    net["a"].neigh("eth0", "10.1.0.1", "02:00:00:00:99:99")
    end = net.ending("a", B)
    assert isinstance(end, NotForMe)
    assert end.at == net["r"].at("va")


# the conversation


def test_ping_asks_for_its_source_with_a_udp_socket_first() -> None:
    """connect(2) looks up UDP: a rule for ICMP alone does not serve it, one for UDP alone decides it."""
    net = routed()
    net["a"].rule(100, action="prohibit", ip_proto=17)
    end = net.ending("a", B)
    assert isinstance(end, NoRoute)
    assert end.error == "EACCES"


def test_a_rule_for_the_source_applies_once_the_source_is_chosen() -> None:
    net = routed()
    net["a"].rule(100, action="unreachable", src="10.1.0.2", src_len=32)
    assert isinstance(net.ending("a", B), NoRoute)


def test_the_reply_leaves_from_the_address_that_was_asked() -> None:
    net = bridged()
    net["b"].addr("eth0", "10.0.0.52/32")
    net["b"].rule(100, action="prohibit", src="10.0.0.52", src_len=32)
    assert net.answered("a", "10.0.0.2")
    end = net.ending("a", "10.0.0.52")
    assert isinstance(end, NoRoute)
    assert end.flow.leg == "reply"


def forked() -> Net:
    """Router r reaches 10.9.0.1 by two legs, over s and over t; both own it."""
    net = Net("a", "r", "s", "t")
    net["a"].dev("eth0", "10.1.0.2/24").route("default via 10.1.0.1 dev eth0")
    net["r"].dev("va", "10.1.0.1/24").dev("vs", "10.5.0.1/24").dev("vt", "10.6.0.1/24")
    net["r"].route("10.9.0.1/32 nexthop via 10.5.0.2 dev vs nexthop via 10.6.0.2 dev vt").forwards()
    net["s"].dev("vr", "10.5.0.2/24").dev("eth9", "10.9.0.1/32").route("default via 10.5.0.1 dev vr")
    net["t"].dev("vr", "10.6.0.2/24").dev("eth9", "10.9.0.1/32").route("default via 10.6.0.1 dev vr")
    return net.cable("a/eth0", "r/va").cable("r/vs", "s/vr").cable("r/vt", "t/vr")


def test_both_legs_of_a_multipath_route_are_walked() -> None:
    walks = forked().walks("a", "10.9.0.1")
    assert [walk.reply_from for walk in walks] == [3, 4]
    assert all(walk.answered for walk in walks)


def test_one_dead_leg_makes_one_walk_fail() -> None:
    net = forked()
    net["t"].sysctl(icmp_echo_ignore_all=1)
    assert [walk.answered for walk in net.walks("a", "10.9.0.1")] == [True, False]
