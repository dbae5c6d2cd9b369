"""VLAN devices, ipvlans, bonds and VRFs in the twin, on small networks; the guest's kernel is asked by tests/vm."""

from __future__ import annotations

from typing import Any

import pytest

from netdoctor.facts.links import Bond, BondSlave, Ipvlan, Vlan, Vrf
from netdoctor.facts.records import NextHop, Route, Rule
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    BondKept,
    Ending,
    IpvlanKept,
    NoCarrier,
    NoRoute,
    NotForMe,
    NotListening,
    NotModelled,
    Swallowed,
)
from tests.unit.networks import Net


def _net(*names: str, cables: tuple[tuple[str, str], ...]) -> Net:
    net = Net(*names)
    for ends in cables:
        for end in ends:
            space, dev = end.split("/")
            net[space].dev(dev)
        net.cable(*ends)
    return net


def _vlans(left: Vlan, right: Vlan) -> Net:
    net = _net("a", "b", cables=(("a/eth0", "b/eth0"),))
    net["a"].dev("v", "10.0.0.1/24", kind="vlan", iflink=net["a"].index("eth0"), vlan=left)
    net["b"].dev("v", "10.0.0.2/24", kind="vlan", iflink=net["b"].index("eth0"), vlan=right)
    return net


def test_two_ends_of_one_vlan() -> None:
    assert _vlans(Vlan(10), Vlan(10)).answered("a", "10.0.0.2")


@pytest.mark.parametrize("other", [Vlan(20), Vlan(10, 0x88A8)])
def test_another_id_or_protocol_is_somebody_elses(other: Vlan) -> None:
    end = _vlans(Vlan(10), other).ending("a", "10.0.0.2")
    assert isinstance(end, NotForMe)
    assert end.frame.vlan == 10


def test_a_vlan_in_a_vlan() -> None:
    net = _vlans(Vlan(7, 0x88A8), Vlan(7, 0x88A8))
    for name, address in (("a", "10.1.0.1/24"), ("b", "10.1.0.2/24")):
        net[name].dev("in", address, kind="vlan", iflink=net[name].index("v"), vlan=Vlan(10))
    assert net.answered("a", "10.1.0.2")


def test_a_vlan_device_on_a_bridge_port_takes_the_frames_before_the_bridge() -> None:
    net = _net("a", "b", cables=(("a/eth0", "b/eth0"),))
    net["a"].dev("v", "10.0.0.1/24", kind="vlan", iflink=net["a"].index("eth0"), vlan=Vlan(10))
    net["b"].bridge("br0").edit("eth0", master=net["b"].index("br0"), slave_kind="bridge")
    net["b"].dev("v", "10.0.0.2/24", kind="vlan", iflink=net["b"].index("br0"), vlan=Vlan(10))
    net["b"].edit("v", address=net["b"].mac("br0"))
    assert net.answered("a", "10.0.0.2")
    net["b"].dev("old", up=False, kind="vlan", iflink=net["b"].index("eth0"), vlan=Vlan(10))
    assert net.ending("a", "10.0.0.2").at == net["b"].at("old")


def _ipvlan(flag: str = "bridge", mode: str = "l2") -> Net:
    net = _net("node", "a", "b", "x", cables=(("node/eth0", "x/eth0"),))
    net["node"].addr("eth0", "10.0.0.1/24")
    net["x"].addr("eth0", "10.0.0.4/24")
    parent, mac = net["node"].index("eth0"), net["node"].mac("eth0")
    for name, address in (("a", "10.0.0.2/24"), ("b", "10.0.0.3/24")):
        fields: dict[str, Any] = {"address": mac, "iflink": parent, "link_netnsid": net[name].nsid(net["node"].inode)}
        net[name].dev("eth0", address, kind="ipvlan", ipvlan=Ipvlan(mode, flag), noarp=mode != "l2", **fields)
    return net


def test_ipvlans_reach_one_another_and_the_outside_but_not_their_parent() -> None:
    net = _ipvlan()
    assert net.answered("a", "10.0.0.3")
    assert net.answered("a", "10.0.0.4")
    assert net.answered("x", "10.0.0.3")
    assert not net.answered("a", "10.0.0.1")
    assert not net.answered("node", "10.0.0.2")


def test_private_keeps_siblings_apart() -> None:
    net = _ipvlan("private")
    end = net.ending("a", "10.0.0.3")
    # The broadcast request comes to the sibling; its answer is the first that is dropped.
    assert isinstance(end, IpvlanKept)
    assert end.at == net["a"].at("eth0")
    assert net.answered("a", "10.0.0.4")


def test_mode_l3_answers_no_arp_and_is_reached_by_a_route() -> None:
    net = _ipvlan(mode="l3")
    assert isinstance(net.ending("x", "10.0.0.2"), ArpNotAnswered)
    net["x"].route("10.0.0.2/32 via 10.0.0.1 dev eth0")
    assert net.answered("x", "10.0.0.2")


@pytest.mark.parametrize("mode", ["l3", "l3s"])
def test_no_forwarding_is_needed_in_mode_l3(mode: str) -> None:
    net = _ipvlan(mode=mode)
    net["node"].sysctl(conf__eth0__forwarding=0, ip_forward=0)
    net["x"].route("10.0.0.2/32 via 10.0.0.1 dev eth0")
    assert net.answered("x", "10.0.0.2")


def _bond(data: Bond, *slaves: BondSlave) -> Net:
    net = _net("a", "b", cables=tuple((f"a/e{number}", f"b/e{number}") for number in range(len(slaves))))
    for number, slave in enumerate(slaves):
        net["a"].edit(f"e{number}", slave=slave, slave_kind="bond", address="02:00:00:00:aa:aa")
    index = len(slaves) + 2
    net["a"].dev("bond0", "10.0.0.1/24", kind="bond", bond=data, address="02:00:00:00:aa:aa")
    assert net["a"].index("bond0") == index
    net["b"].bridge("br0", "10.0.0.2/24")
    for number in range(len(slaves)):
        net["a"].edit(f"e{number}", master=index)
        net["b"].edit(f"e{number}", master=net["b"].index("br0"), slave_kind="bridge")
    return net


def test_the_active_slave_sends() -> None:
    net = _bond(Bond("active-backup", active=2, miimon=100), BondSlave(), BondSlave(backup=True))
    walk = net.walk("a", "10.0.0.2")
    assert walk.answered
    assert net["a"].at("e0") in {step.at for step in walk.steps if step.stage == "transmit"}
    assert net["a"].at("e1") not in {step.at for step in walk.steps if step.stage == "transmit"}


@pytest.mark.parametrize(("miimon", "answered"), [(100, True), (0, False)])
def test_only_a_monitored_bond_leaves_a_dead_slave(miimon: int, answered: bool) -> None:
    net = _bond(Bond("active-backup", active=2, miimon=miimon), BondSlave(), BondSlave(backup=True))
    net["b"].edit("e0", flags=0)
    assert net.answered("a", "10.0.0.2") is answered


def test_a_bond_without_a_slave_that_works() -> None:
    net = _bond(Bond("active-backup", active=2, miimon=100), BondSlave())
    net["b"].edit("e0", flags=0)
    assert isinstance(net.ending("a", "10.0.0.2"), NoCarrier)


def test_what_comes_by_an_inactive_slave_is_discarded() -> None:
    net = _bond(Bond("active-backup", active=3, miimon=100), BondSlave(backup=True), BondSlave())
    net["b"].edit("e1", port=None).edit("e1", master=None, slave_kind=None)
    assert isinstance(net.ending("b", "10.0.0.1"), BondKept)


def test_balancing_over_several_slaves_is_not_modelled() -> None:
    net = _bond(Bond("balance-alb", active=2, miimon=100), BondSlave(), BondSlave())
    assert isinstance(net.ending("a", "10.0.0.2"), NotModelled)


def test_a_master_that_nobody_modelled_is_named() -> None:
    net = _net("a", "b", cables=(("a/eth0", "b/eth0"),))
    net["a"].addr("eth0", "10.0.0.1/24")
    net["b"].dev("team0", "10.0.0.2/24", kind="team")
    net["b"].edit("eth0", master=net["b"].index("team0"), slave_kind="team")
    end = net.ending("a", "10.0.0.2")
    assert isinstance(end, NotModelled)
    assert "team device team0" in end.what


def test_an_ifb_swallows_what_nobody_redirected() -> None:
    net = Net("a")
    net["a"].dev("ifb0", "10.0.0.1/24", kind="ifb", noarp=True)
    assert isinstance(net.ending("a", "10.0.0.9"), Swallowed)


def _vrf() -> Net:
    net = _net("r", "m", cables=(("r/p", "m/eth0"),))
    router = net["r"].dev("blue", kind="vrf", vrf=Vrf(10), noarp=True)
    router.addr("p", "10.0.0.1/24").edit("p", master=router.index("blue"), slave_kind="vrf")
    net["m"].addr("eth0", "10.0.0.2/24")
    port = router.index("p")
    router._routes = [r for r in router._routes if all(hop.oif != port for hop in r.nexthops)]
    local = Route(2, 10, "10.0.0.1", 32, "local", (NextHop(port),), "10.0.0.1")
    router._routes += [local, Route(2, 10, "10.0.0.0", 24, "unicast", (NextHop(port),), "10.0.0.1")]
    return net


def _end(net: Net, **ping: Any) -> Ending:
    return net.ending("m", "10.0.0.1", **ping)


def test_an_address_of_a_vrf_is_local_by_its_rule() -> None:
    net = _vrf()
    assert isinstance(_end(net), ArpNotAnswered)
    net["r"].rule(1000, l3mdev=True)
    assert net.answered("m", "10.0.0.1")


def test_a_program_outside_of_the_vrf_does_not_see_its_routes() -> None:
    net = _vrf()
    net["r"].rule(1000, l3mdev=True)
    assert isinstance(net.ending("r", "10.0.0.2"), NoRoute)
    net["r"].route("10.0.0.0/24 dev blue src 10.0.0.1")
    assert Rule(2, 1000, l3mdev=True) in net["r"].facts().rules


def test_a_listener_outside_of_the_vrf_hears_it_where_the_sysctl_says_so() -> None:
    net = _vrf()
    net["r"].rule(1000, l3mdev=True).listens("tcp", 80)
    assert isinstance(_end(net, proto="tcp", port=80), NotListening)
    net["r"].sysctl(tcp_l3mdev_accept=1)
    assert net.answered("m", "10.0.0.1", proto="tcp", port=80)
