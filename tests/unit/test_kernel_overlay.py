"""VXLAN and macvlan: drivers/net/vxlan/vxlan_core.c and drivers/net/macvlan.c."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from netdoctor.facts.links import Macvlan, Vxlan
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    Ending,
    LinkDown,
    MacvlanKept,
    NeighbourUnresolved,
    NotModelled,
    NoVtep,
    VxlanNotSent,
    VxlanRefused,
)
from netdoctor.kernel.packet import ZERO_MAC, Frame, Ip
from netdoctor.kernel.walk import Walk
from tests.unit.networks import NUD_NOARP, NUD_PERMANENT, Net, macvlans, overlay, remotes

B = "10.0.0.2"


def edit(net: Net, node: str, **fields: object) -> Net:
    """Change the configuration of a node's VXLAN device."""
    data = net[node].link("vx0").vxlan or Vxlan()
    net[node].edit("vx0", vxlan=replace(data, **fields))
    return net


def refused(end: Ending) -> str:
    assert isinstance(end, VxlanRefused | VxlanNotSent), end
    return end.why


def outer(walk: Walk) -> list[Ip]:
    """The outer packets that left a node."""
    frames = [step.carries for step in walk.steps if step.stage == "transmit"]
    found = [frame.payload for frame in frames if isinstance(frame, Frame) and isinstance(frame.payload, Ip)]
    return [packet for packet in found if packet.vni is not None]


def test_a_frame_goes_to_the_remotes_of_its_lladdr() -> None:
    net = remotes(overlay())
    walk = net.walk("a", B)
    assert walk.answered
    assert {(p.src, p.dst, p.dport, p.vni) for p in outer(walk)} == {
        ("192.168.0.1", "192.168.0.2", 4789, 7),
        ("192.168.0.2", "192.168.0.1", 4789, 7),
    }


def test_without_an_entry_and_without_a_default_entry_nothing_is_sent() -> None:
    end = overlay().ending("a", B)
    assert isinstance(end, NoVtep)
    assert end.lladdr == "ff:ff:ff:ff:ff:ff"


def test_an_entry_of_its_own_comes_before_the_default_entry() -> None:
    net = remotes(overlay(learning=False))
    net["n"].fdb("vx0", net["b"].mac("eth0"), NUD_PERMANENT, dst="192.168.0.77")
    end = net.ending("a", B)
    assert isinstance(end, NeighbourUnresolved)
    assert end.asker.address == "192.168.0.77"


def test_a_flooded_frame_goes_to_every_default_entry() -> None:
    net = remotes(overlay())
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.77")
    assert net.answered("a", B)


def test_learning_teaches_where_the_reply_goes() -> None:
    net = overlay()
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.2")
    assert net.answered("a", B)


def test_without_learning_the_reply_needs_an_entry_of_its_own() -> None:
    net = overlay(learning=False)
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.2")
    end = net.ending("a", B)
    assert isinstance(end, NoVtep)
    assert end.at == net["m"].at("vx0")


@pytest.mark.parametrize(
    ("state", "learning", "expected"),
    [(NUD_NOARP, True, "learning-conflict"), (NUD_PERMANENT, True, "learning-conflict"), (0, True, None)],
    ids=["static", "permanent", "learned"],
)
def test_a_static_entry_for_another_remote_drops_the_frame(
    state: int, learning: bool, expected: str | None
) -> None:
    net = remotes(overlay(learning=learning))
    net["m"].fdb("vx0", net["a"].mac("eth0"), state, dst="192.168.0.77")
    if expected is None:
        assert net.answered("a", B)
    else:
        assert refused(net.ending("a", B)) == expected


def test_without_learning_a_contradicting_entry_only_misleads_the_reply() -> None:
    net = remotes(overlay(learning=False))
    net["m"].fdb("vx0", net["a"].mac("eth0"), NUD_PERMANENT, dst="192.168.0.77")
    end = net.ending("a", B)
    assert isinstance(end, NeighbourUnresolved)
    assert end.asker.address == "192.168.0.77"


def test_the_far_vtep_takes_its_own_vni_only() -> None:
    end = edit(remotes(overlay()), "m", vni=8).ending("a", B)
    assert refused(end) == "vni"


def test_the_far_vtep_listens_on_its_own_port_only() -> None:
    end = edit(remotes(overlay()), "m", port=8472).ending("a", B)
    assert refused(end) == "port-closed"


def test_an_entry_may_name_port_and_vni() -> None:
    net = edit(overlay(learning=False), "m", port=8472, vni=8)
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.2", port=8472, vni=8)
    net["m"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.1", port=4789, vni=7)
    assert net.answered("a", B)


def test_what_is_learned_names_neither_port_nor_vni() -> None:
    net = edit(overlay(), "m", port=8472, vni=8)
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.2", port=8472, vni=8)
    net["m"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.1", port=4789, vni=7)
    assert refused(net.ending("a", B)) == "port-closed"


def test_a_vtep_that_is_down_has_closed_its_port() -> None:
    net = remotes(overlay())
    net["m"].edit("vx0", flags=0)
    assert refused(net.ending("a", B)) == "port-closed"


def test_a_frame_from_the_vteps_own_lladdr_is_dropped() -> None:
    net = remotes(overlay())
    net["a"].edit("eth0", address=net["m"].mac("vx0"))
    assert refused(net.ending("a", B)) == "own-lladdr"


def test_a_remote_that_is_this_node_never_leaves_it() -> None:
    net = overlay()
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.1")
    assert not outer(net.walk("a", B))
    assert not net.answered("a", B)


def test_an_entry_with_a_device_finds_no_vtep_of_its_own_node() -> None:
    """vxlan_find_sock() asks for a socket bound to that device; so nothing comes back in, and the flood goes on."""
    net = overlay()
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.1", via=net["n"].index("eth0"))
    ends = [end for end in net.walk("a", B).endings if isinstance(end, VxlanNotSent)]
    assert [end.why for end in ends] == ["self"] * len(ends)
    assert ends
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.2")
    net["m"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.1")
    assert net.answered("a", B)


def test_what_comes_back_from_ones_own_node_is_learned_behind_loopback() -> None:
    net = overlay()
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="192.168.0.1")
    walk = net.walk("a", B)
    at = net["n"].at("vx0")
    assert walk.remotes[at.inode, at.ifindex, net["a"].mac("eth0")] == "127.0.0.1"


def test_a_remote_of_zero_is_not_sent_to() -> None:
    net = overlay()
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="0.0.0.0")
    assert refused(net.ending("a", B)) == "remote-any"


def test_a_local_address_that_the_node_lost_stops_the_tunnel() -> None:
    end = edit(remotes(overlay()), "n", local="192.168.0.9").ending("a", B)
    assert refused(end) == "local-address"


def test_without_a_route_the_outer_packet_is_not_sent() -> None:
    net = overlay()
    net["n"].fdb("vx0", ZERO_MAC, NUD_PERMANENT, dst="172.16.0.1")
    assert refused(net.ending("a", B)) == "no-route"


def test_an_outer_route_through_the_tunnel_itself_is_a_loop() -> None:
    net = remotes(overlay())
    net["n"].route("192.168.0.2/32 dev vx0")
    assert refused(net.ending("a", B)) == "loop"


def test_an_outer_packet_with_df_does_not_fit_where_the_inner_one_fills_the_underlay() -> None:
    net = remotes(overlay())
    assert net.answered("a", B, size=1472)
    edit(net, "n", df=1)
    assert not net.answered("a", B, size=1472)
    assert net.answered("a", B, size=1422)


def test_a_device_with_external_metadata_is_not_modelled() -> None:
    end = edit(remotes(overlay()), "n", collect_metadata=True).ending("a", B)
    assert isinstance(end, NotModelled)


@pytest.mark.parametrize(
    ("state", "answered"),
    [("PERMANENT", True), ("REACHABLE", True), ("NOARP", True), ("STALE", False), (None, False)],
)
def test_a_proxy_answers_from_its_neighbours_and_floods_no_question(
    state: str | None, answered: bool
) -> None:
    net = remotes(overlay(proxy=True))
    if state:
        net["n"].neigh("vx0", B, net["b"].mac("eth0"), state)
    net["m"].neigh("vx0", "10.0.0.1", net["a"].mac("eth0"))
    if answered:
        assert net.answered("a", B)
    else:
        end = net.ending("a", B)
        assert isinstance(end, ArpNotAnswered)
        assert end.why == "proxy-no-neighbour"


# macvlan


@pytest.mark.parametrize(
    ("one", "other", "answered"),
    [
        ("bridge", "bridge", True),
        ("private", "private", False),
        ("vepa", "vepa", False),
        ("bridge", "private", False),
        ("private", "bridge", False),
    ],
)
def test_siblings_reach_each_other_directly_in_mode_bridge_only(one: str, other: str, answered: bool) -> None:
    assert macvlans(one, other).walk("a", B).answered == answered


@pytest.mark.parametrize("mode", ["bridge", "private", "vepa", "passthru"])
def test_every_mode_reaches_the_outside(mode: str) -> None:
    net = macvlans(mode, "bridge")
    if mode == "passthru":
        net["b"].edit("eth0", flags=0)
    assert net.answered("a", "10.0.0.9")


def test_a_parent_and_its_child_never_reach_each_other() -> None:
    net = macvlans()
    assert isinstance(net.ending("a", "10.0.0.8"), MacvlanKept | NeighbourUnresolved)
    assert not net.answered("h", "10.0.0.1")


def test_a_parent_that_is_down_stops_its_children() -> None:
    net = macvlans()
    net["h"].edit("eth0", flags=0)
    end = net.ending("a", "10.0.0.9")
    assert isinstance(end, LinkDown)
    assert end.at == net["h"].at("eth0")


@pytest.mark.parametrize(("listed", "answered"), [(True, True), (False, False)])
def test_mode_source_takes_only_the_senders_on_its_list(listed: bool, answered: bool) -> None:
    net = macvlans("source", "bridge")
    sources = (net["o"].mac("eth0"),) if listed else ("02:00:00:00:99:99",)
    net["a"].edit("eth0", macvlan=Macvlan("source", sources=sources))
    assert net.walk("o", "10.0.0.1").answered == answered


def reflected(mode: str) -> Net:
    """The parent is cabled to a bridge port of o in hairpin mode, which sends back what comes in."""
    net = macvlans(mode)
    net["o"].bridge("br0").edit("eth0", master=net["o"].index("br0"), slave_kind="bridge")
    net["o"].port("eth0", hairpin=True)
    return net


@pytest.mark.parametrize(("mode", "answered"), [("vepa", True), ("private", False)])
def test_vepa_siblings_reach_each_other_where_the_switch_sends_frames_back(mode: str, answered: bool) -> None:
    assert reflected(mode).walk("a", B).answered == answered
