"""The bridge: br_handle_frame(), should_deliver(), br_flood(), br_dev_xmit(), and VLAN filtering."""

from __future__ import annotations

from typing import Any

import pytest

from netdoctor.facts.records import NTF_STICKY
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    Ending,
    Looped,
    NeighbourUnresolved,
    NoCarrier,
    NotForMe,
    NotForwardedByBridge,
    TooBig,
)
from tests.unit.networks import NUD_NOARP, NUD_PERMANENT, Net, bridged

B, HOST = "10.0.0.2", "10.0.0.254"


def why(end: Ending) -> str:
    assert isinstance(end, NotForwardedByBridge), end
    return end.why


def known(net: Net) -> Net:
    """Containers a and b know each other's lladdr, so that no ARP is needed."""
    net["a"].neigh("eth0", B, net["b"].mac("eth0"))
    net["b"].neigh("eth0", "10.0.0.1", net["a"].mac("eth0"))
    return net


@pytest.mark.parametrize("address", [B, "10.0.0.3", HOST])
def test_ports_and_host_reach_each_other(address: str) -> None:
    assert bridged().answered("a", address)


@pytest.mark.parametrize(
    ("state", "expected"), [(0, "state"), (1, "state"), (2, "state"), (3, None), (4, "state")]
)
@pytest.mark.parametrize("port", ["va", "vb"])
def test_only_a_forwarding_port_passes_frames(port: str, state: int, expected: str | None) -> None:
    net = bridged()
    net["h"].port(port, state=state)
    if expected is None:
        assert net.answered("a", B)
    else:
        end = net.ending("a", B)
        assert why(end) == expected
        assert end.at == net["h"].at(port)


def test_a_port_of_a_bridge_that_is_down_passes_nothing() -> None:
    net = bridged()
    net["h"].edit("br0", flags=0)
    assert why(net.ending("a", B)) == "state"


def test_a_learning_port_learns_and_passes_nothing() -> None:
    net = bridged()
    net["h"].port("va", state=2)
    walk = net.walk("a", B)
    assert walk.fdb[net["h"].inode, net["h"].index("br0"), 0, net["a"].mac("eth0")] == net["h"].index("va")


@pytest.mark.parametrize(("isolated", "answered"), [("", True), ("va", True), ("vb", True), ("va vb", False)])
def test_isolated_ports_reach_only_ports_that_are_not(isolated: str, answered: bool) -> None:
    net = bridged()
    for port in isolated.split():
        net["h"].port(port, isolated=True)
    assert net.walk("a", B).answered == answered
    assert net.answered("a", HOST)
    assert answered or why(net.ending("a", B)) == "isolated"


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ({"bcast_flood": False}, "broadcast-flood"),
        ({"unicast_flood": False}, None),
        ({"mcast_flood": False}, None),
        ({"proxyarp": True}, "proxyarp"),
    ],
)
def test_a_broadcast_question_passes_a_port_by_its_own_flag(
    flags: dict[str, bool], expected: str | None
) -> None:
    net = bridged()
    net["h"].port("vb", **flags)
    if expected is None:
        assert net.answered("a", B)
    else:
        assert why(net.ending("a", B)) == expected


def test_unknown_unicast_passes_a_port_by_its_own_flag() -> None:
    net = known(bridged())
    net["h"].port("vb", unicast_flood=False)
    end = net.ending("a", B)
    assert (why(end), end.at) == ("unicast-flood", net["h"].at("vb"))
    net["h"].fdb("vb", net["b"].mac("eth0"))
    assert net.answered("a", B)


def test_what_the_host_sends_to_all_passes_ports_without_broadcast_flood() -> None:
    net = bridged()
    net["h"].port("vb", bcast_flood=False)
    assert net.answered("h", B)


def test_a_locked_port_takes_only_what_the_fdb_has_behind_it() -> None:
    net = bridged()
    net["h"].port("va", locked=True)
    end = net.ending("a", B)
    assert (why(end), end.at) == ("locked", net["h"].at("va"))
    net["h"].fdb("va", net["a"].mac("eth0"), NUD_NOARP)
    assert net.answered("a", B)


def test_a_locked_port_refuses_what_the_fdb_has_behind_another() -> None:
    net = bridged()
    net["h"].port("va", locked=True).fdb("vc", net["a"].mac("eth0"), NUD_NOARP)
    assert why(net.ending("a", B)) == "locked"


def test_a_static_entry_moves_with_traffic() -> None:
    net = known(bridged())
    net["h"].fdb("vc", net["a"].mac("eth0"), NUD_NOARP)
    assert net.answered("a", B)


def test_a_sticky_entry_does_not_move() -> None:
    net = known(bridged())
    net["h"].fdb("vc", net["a"].mac("eth0"), NUD_NOARP, flags=NTF_STICKY)
    end = net.ending("a", B)
    assert isinstance(end, NotForMe)
    assert (end.at, end.flow.leg) == (net["c"].at("eth0"), "reply")


def test_a_port_that_does_not_learn_leaves_the_entry_where_it_is() -> None:
    net = known(bridged())
    net["h"].port("va", learning=False).fdb("vc", net["a"].mac("eth0"), NUD_NOARP)
    assert isinstance(net.ending("a", B), NotForMe)


def test_without_ageing_time_nothing_is_learned() -> None:
    net = known(bridged(ageing_time=0))
    net["h"].fdb("vc", net["a"].mac("eth0"), NUD_NOARP)
    assert isinstance(net.ending("a", B), NotForMe)


def test_an_entry_for_the_port_the_frame_came_by_drops_it() -> None:
    net = known(bridged())
    net["h"].fdb("va", net["b"].mac("eth0"), NUD_NOARP)
    end = net.ending("a", B)
    assert (why(end), end.at) == ("same-port", net["h"].at("va"))


def test_a_hairpin_port_sends_back_where_it_came_from() -> None:
    net = known(bridged())
    net["h"].port("va", hairpin=True).fdb("va", net["b"].mac("eth0"), NUD_NOARP)
    assert isinstance(net.ending("a", B), NotForMe)


def test_a_local_entry_takes_the_frame_up_to_the_host() -> None:
    net = known(bridged())
    net["h"].fdb("vb", net["b"].mac("eth0"), NUD_PERMANENT)
    end = net.ending("a", B)
    assert (why(end), end.at) == ("local-entry", net["h"].at("br0"))


def test_the_lladdrs_of_ports_and_bridge_are_local_without_an_entry() -> None:
    net = bridged()
    net["a"].neigh("eth0", HOST, net["h"].mac("br0"))
    assert net.answered("a", HOST)
    net = bridged()
    net["a"].neigh("eth0", HOST, net["h"].mac("vb"))
    assert why(net.ending("a", HOST)) == "local-entry"


def test_the_lladdr_of_the_port_it_came_by_is_the_hosts() -> None:
    """br_pass_frame_up() after eth_type_trans() of the port: PACKET_HOST."""
    net = bridged()
    net["a"].neigh("eth0", HOST, net["h"].mac("va"))
    assert net.answered("a", HOST)


def test_a_bridge_without_other_ports_floods_nowhere() -> None:
    alone = Net("a", "h")
    alone["h"].bridge("br0").dev("va", master="br0")
    alone["a"].dev("eth0", "10.0.0.1/24").neigh("eth0", B, "02:00:00:00:99:99")
    alone.cable("a/eth0", "h/va")
    assert why(alone.ending("a", B)) == "no-port"


def test_a_frame_longer_than_a_ports_mtu_is_dropped_without_a_word() -> None:
    net = bridged()
    net["h"].edit("vb", mtu=1000)
    end = net.ending("a", B, size=1400)
    assert isinstance(end, TooBig)
    assert (end.at, end.mtu) == (net["h"].at("vb"), 1000)
    assert net.answered("a", B, size=972)


def test_one_vlan_tag_more_than_the_mtu_still_passes() -> None:
    """is_skb_forwardable() leaves room for the tag."""
    net = bridged()
    net["h"].edit("vb", mtu=1000)
    assert net.answered("a", B, size=976)
    assert isinstance(net.ending("a", B, size=977), TooBig)


def test_a_port_whose_other_end_is_down_has_no_carrier() -> None:
    net = bridged()
    net["b"].edit("eth0", flags=0)
    assert isinstance(net.ending("a", B), NoCarrier)


def test_an_address_of_the_host_is_answered_whatever_device_it_is_on() -> None:
    net = bridged()
    net["h"].dev("eth9", "192.0.2.1/24")
    assert net.answered("a", "192.0.2.1")


def test_a_loop_of_two_bridges_ends() -> None:
    net = bridged()
    net["h"].bridge("br1")
    for one, other in (("x0", "x1"), ("y0", "y1")):
        net["h"].dev(one, master="br0").dev(other, master="br1")
        net.cable(f"h/{one}", f"h/{other}")
    walk = net.walk("a", "10.0.0.77")
    assert any(isinstance(end, Looped) for end in walk.endings)
    assert isinstance(net.ending("a", "10.0.0.77"), Looped | NeighbourUnresolved)


# VLAN filtering


def filtered(a: dict[str, Any], b: dict[str, Any]) -> Net:
    net = bridged(vlan_filtering=True)
    net["h"].vlan("va", **a).vlan("vb", **b)
    return net


ACCESS = {"pvid": True, "untagged": True}


@pytest.mark.parametrize(
    ("a", "b", "expected"),
    [
        ({"vid": 5, **ACCESS}, {"vid": 5, **ACCESS}, None),
        ({"vid": 5, **ACCESS}, {"vid": 6, **ACCESS}, "vlan-egress"),
        ({"vid": 5, "untagged": True}, {"vid": 5, **ACCESS}, "vlan-ingress"),
        ({"vid": 5, **ACCESS, "state": 4}, {"vid": 5, **ACCESS}, "vlan-ingress"),
        ({"vid": 5, **ACCESS}, {"vid": 5, **ACCESS, "state": 4}, "vlan-egress"),
    ],
    ids=["same", "other-vlan", "no-pvid", "blocked-in", "blocked-out"],
)
def test_an_untagged_frame_belongs_to_the_pvid_of_its_port(
    a: dict[str, Any], b: dict[str, Any], expected: str | None
) -> None:
    net = filtered(a, b)
    if expected is None:
        assert net.answered("a", B)
    else:
        assert why(net.ending("a", B)) == expected


def test_a_port_that_has_the_vlan_tagged_sends_it_tagged_and_the_container_ignores_it() -> None:
    end = filtered({"vid": 5, **ACCESS}, {"vid": 5, "pvid": True}).ending("a", B)
    assert isinstance(end, NotForMe)
    assert end.frame.vlan == 5


def test_the_host_is_reached_only_in_the_vlans_of_the_bridge_itself() -> None:
    net = filtered({"vid": 5, **ACCESS}, {"vid": 5, **ACCESS})
    assert why(net.ending("a", HOST)) == "vlan-egress"
    net["h"].vlan("br0", 5, **ACCESS)
    assert net.answered("a", HOST)


def test_without_filtering_the_vlans_are_ignored() -> None:
    net = bridged()
    net["h"].vlan("va", 5, **ACCESS).vlan("vb", 6, **ACCESS)
    assert net.answered("a", B)


def test_an_entry_of_another_vlan_is_not_looked_at() -> None:
    net = known(filtered({"vid": 5, **ACCESS}, {"vid": 5, **ACCESS}))
    net["h"].fdb("va", net["b"].mac("eth0"), NUD_NOARP, vlan=6)
    assert net.answered("a", B)


# neigh_suppress: the bridge answers ARP for what it knows


def suppressing(lladdr: str | None) -> Net:
    """The port vb suppresses; the bridge's neighbour table has 10.0.0.2 at `lladdr`, which the FDB has behind vb."""
    net = bridged()
    net["h"].port("vb", neigh_suppress=True)
    if lladdr is not None:
        net["h"].neigh("br0", B, lladdr).fdb("vb", lladdr, NUD_NOARP)
    return net


def test_neigh_suppress_answers_from_the_neighbours_of_the_bridge() -> None:
    net = suppressing("02:00:00:00:02:02")
    walk = net.walk("a", B)
    assert walk.answered
    assert any(step.action == "suppress" for step in walk.steps)


def test_neigh_suppress_answers_wrongly_where_the_neighbour_is_stale() -> None:
    assert isinstance(suppressing("02:00:00:00:99:99").ending("a", B), NotForMe)


def test_neigh_suppress_asks_on_where_the_bridge_knows_nothing() -> None:
    assert suppressing(None).answered("a", B)


def test_neigh_suppress_answers_nothing_that_came_by_a_suppressing_port() -> None:
    net = bridged()
    net["h"].port("va", neigh_suppress=True).neigh("br0", B, "02:00:00:00:99:99").fdb(
        "vb", "02:00:00:00:99:99"
    )
    assert net.answered("a", B)


def test_neigh_suppress_needs_an_entry_in_the_fdb_too() -> None:
    net = suppressing(None)
    net["h"].neigh("br0", B, "02:00:00:00:99:99")
    assert net.answered("a", B)


def test_a_question_with_noarp_on_the_owner_is_not_answered() -> None:
    net = bridged()
    net["b"].edit("eth0", flags=net["b"].link("eth0").flags | 0x80)
    end = net.ending("a", B)
    assert isinstance(end, ArpNotAnswered)
    assert end.why == "noarp"
