"""Which NICs of several hosts are taken to be on one wire, and what crosses it."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import Request, resolve
from netdoctor.facts.fleet import Fleet, Member
from netdoctor.report import Report
from tests.unit.networks import Ns


def joined(**hosts: Ns | list[Ns]) -> Fleet:
    """A fleet of hosts by name, each of one namespace or several."""
    return Fleet(
        Member(name, tuple(ns.facts() for ns in (given if isinstance(given, list) else [given])))
        for name, given in hosts.items()
    )


def sees(ns: Ns, other: int) -> Ns:
    """Let link-netnsid 0 of the namespace stand for another."""
    ns.nsid(other)
    return ns


def nic(inode: int, name: str, *addresses: str, **fields: Any) -> Ns:
    """A namespace with one NIC, eth0."""
    return Ns(inode, name).dev("eth0", *addresses, kind=None, **fields)


def wired(fleet: Fleet) -> set[frozenset[str]]:
    """The pairs of `host device` that are on one wire."""
    label = {}
    for known in fleet.namespaces():
        ns = fleet.namespace(known.inode)
        assert ns is not None
        for link in ns.links():
            label[known.inode, link.index] = f"{known.host} {link.name}"  # type: ignore[attr-defined]
    return {frozenset({label[port], label[other]}) for port in label for other in fleet.wires.others(port)}


def pair(one: str, other: str) -> set[frozenset[str]]:
    return {frozenset({one, other})}


def ping(fleet: Fleet, source: str, destination: str) -> Report:
    return diagnose(fleet, resolve(fleet, Request(source, destination)))


def test_addresses_in_one_subnet() -> None:
    fleet = joined(
        a=nic(1, "one", "10.1.0.1/24"), b=nic(1, "two", "10.1.0.2/24"), c=nic(1, "3", "10.2.0.3/24")
    )
    assert wired(fleet) == pair("a eth0", "b eth0")
    report = ping(fleet, "one", "two")
    assert report.verdict == "reachable"
    assert report.question.source.host == "a"
    assert report.question.destination.host == "b"
    assert report.question.destination.namespace is not None
    assert report.question.destination.namespace.inode == 1


def test_private_bridges_of_one_subnet_have_nothing_to_do_with_each_other() -> None:
    hosts = {
        name: Ns(1, name).dev("eth0", f"10.1.0.{n}/24", kind=None).bridge("docker0", f"172.17.0.{n}/16")
        for n, name in ((1, "a"), (2, "b"))
    }
    fleet = joined(**hosts)
    assert wired(fleet) == pair("a eth0", "b eth0")
    assert ping(fleet, "a", "172.17.0.2").verdict != "reachable"


def test_the_same_address_on_both_is_two_wires() -> None:
    hosts = {
        name: Ns(1, name).dev("eth0", "10.0.2.15/24", kind=None).dev("eth1", f"192.168.56.{n}/24", kind=None)
        for n, name in ((11, "a"), (12, "b"))
    }
    assert wired(joined(**hosts)) == pair("a eth1", "b eth1")


def test_a_dummy_and_a_pair_with_its_peer_are_no_nics() -> None:
    one = Ns(1, "a").dev("d0", "10.1.0.1/24", kind="dummy")
    assert wired(joined(a=one, b=nic(1, "b", "10.1.0.2/24"))) == set()
    inner = sees(Ns(2, "pod").dev("eth0", "10.1.0.3/24", kind="veth", iflink=2, link_netnsid=0), 1)
    outer = sees(Ns(1, "a").dev("v", kind="veth", iflink=2, link_netnsid=0), 2)
    assert wired(joined(a=[outer, inner], b=nic(1, "b", "10.1.0.2/24"))) == set()


def test_a_neighbour_that_names_the_others_lladdr() -> None:
    one = nic(1, "a", "10.1.0.1/32").neigh("eth0", "10.9.0.2", "02:00:00:00:01:09", "STALE")
    other = nic(1, "b", "10.9.0.2/32", address="02:00:00:00:01:09")
    assert wired(joined(a=one, b=other)) == pair("a eth0", "b eth0")


def test_a_confirmed_neighbour_that_is_somebody_else() -> None:
    one = nic(1, "a", "10.1.0.1/24").neigh("eth0", "10.1.0.2", "02:00:00:00:77:77", "REACHABLE")
    assert wired(joined(a=one, b=nic(1, "b", "10.1.0.2/24"))) == set()


def test_the_address_may_be_on_a_bridge_or_a_macvlan_over_the_nic() -> None:
    bridged = Ns(1, "a").bridge("br0", "10.1.0.1/24").dev("eth0", kind=None, master="br0")
    child = sees(Ns(2, "pod").dev("m0", "10.1.0.3/24", kind="macvlan", iflink=2, link_netnsid=0), 1)
    fleet = joined(a=bridged, b=[nic(1, "b", promiscuity=1), child])
    assert wired(fleet) == pair("a eth0", "b eth0")
    assert ping(fleet, "a", "10.1.0.3").verdict == "reachable"


def test_two_nics_of_one_bridge_are_not_both_on_the_wire() -> None:
    two = Ns(1, "a").bridge("br0", "10.1.0.1/24").dev("eth0", kind=None, master="br0", carrier=False)
    two.dev("eth1", kind=None, master="br0").dev("eth2", kind=None, master="br0")
    fleet = joined(a=two, b=nic(2, "b", "10.1.0.2/24"))
    assert wired(fleet) == pair("a eth1", "b eth0")
    assert ping(fleet, "a", "b").verdict == "reachable"
    two.fdb("eth2", "02:00:00:00:00:77")
    heard = joined(a=two, b=nic(1, "b", "10.1.0.2/24", address="02:00:00:00:00:77"))
    assert wired(heard) == pair("a eth2", "b eth0")


def test_one_nic_each_and_one_of_them_bare() -> None:
    assert wired(joined(a=nic(1, "a", "10.1.0.1/24"), b=nic(1, "b"))) == pair("a eth0", "b eth0")
    two = Ns(1, "b").dev("eth0", kind=None).dev("eth1", kind=None)
    assert wired(joined(a=nic(1, "a", "10.1.0.1/24"), b=two)) == set()


def routed(**last: Any) -> Fleet:
    one = nic(1, "a", "10.1.0.1/24").route("default via 10.1.0.254 dev eth0")
    other = nic(1, "b", "10.2.0.2/24", **last).route("default via 10.2.0.254 dev eth0")
    return joined(a=one, b=other)


def test_a_router_that_no_snapshot_shows() -> None:
    report = ping(routed(), "a", "10.2.0.2")
    assert report.verdict == "reachable"
    wires = [edge for edge in report.path.edges if edge.kind == "wire"]
    assert wires
    assert all(edge.state == "assumed" and "router" in edge.label for edge in wires)
    assert [s.packet.ttl for s in report.path.legs[0].steps if s.host == "b"][0] == 63


def test_an_unseen_router_that_did_not_answer() -> None:
    fleet = routed()
    ns = fleet.members[0].namespaces[0]
    failed = replace(
        ns, neighbours=Ns(1, "x").dev("eth0").neigh("eth0", "10.1.0.254", None, "FAILED").facts().neighbours
    )
    fleet = Fleet([replace(fleet.members[0], namespaces=(failed,)), fleet.members[1]])
    report = ping(fleet, "a", "10.2.0.2")
    assert report.verdict == "unreachable"
    assert report.causes[0].location.host == "a"


def test_what_an_unseen_router_does_with_a_pods_address_is_not_known() -> None:
    pod = sees(Ns(2, "pod").dev("eth0", "10.244.2.2/24", kind="veth", iflink=3, link_netnsid=0), 1)
    node = sees(
        nic(1, "b", "10.2.0.2/24").dev("v", "10.244.2.1/24", kind="veth", iflink=2, link_netnsid=0), 2
    )
    one = nic(1, "a", "10.1.0.1/24").route("default via 10.1.0.254 dev eth0")
    report = ping(joined(a=one, b=[node, pod]), "a", "pod")
    assert report.verdict == "unknown"
    assert "10.1.0.254" in report.missing[-1].what


def test_a_frame_longer_than_the_far_nics_mtu() -> None:
    def ask(kind: str | None) -> Report:
        far = Ns(1, "b").dev("eth0", "10.1.0.2/24", kind=kind, mtu=1400)
        return diagnose(
            fleet := joined(a=nic(1, "a", "10.1.0.1/24"), b=far), resolve(fleet, Request("a", "b", size=1450))
        )

    assert ask("veth").verdict == "unreachable"
    report = ask(None)
    assert report.verdict == "unknown"
    assert "MTU of 1400" in report.missing[-1].what


@pytest.mark.parametrize("count", [2000])
def test_many_nics_cost_little(count: int) -> None:
    hosts = {}
    for name in "abc":
        ns = Ns(1, name)
        for number in range(count):
            ns._links.append(replace(ns._links[0], index=number + 2, name=f"e{number}", flags=1, kind=None))
            ns.addr(f"e{number}", f"10.0.{number % 250}.{ord(name)}/24")
        hosts[name] = ns
    fleet = joined(**hosts)
    assert len(fleet.wires.others((1, 2))) >= 3 * count // 250 - 1
