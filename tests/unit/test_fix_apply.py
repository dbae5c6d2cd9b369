"""What the kernel changes along with a change, and how a fix is put together and written down."""

from __future__ import annotations

import pytest

from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.processes import Process
from netdoctor.facts.records import IFA_F_SECONDARY, RTNH_F_ONLINK, Address, NextHop, Route, Rule
from netdoctor.fix import command
from netdoctor.fix.change import Change, Fix, applied, commands
from netdoctor.fix.layer2 import SetMaster, SetMtu, SetPort, SetUp
from netdoctor.fix.layer3 import (
    AddAddress,
    AddRoute,
    DeleteAddress,
    DeleteRoute,
    SetSysctl,
    route_words,
    rule_words,
)
from netdoctor.fix.move import move
from netdoctor.fix.prefix import address_routes
from tests.unit.networks import Net, Ns, bridged, routed


def after(net: Net, name: str, *changes: Change) -> NamespaceFacts:
    found = applied(net.host(), changes).namespace(net[name].inode)
    assert found is not None
    return found.facts()


def prefixes(facts: NamespaceFacts, ifindex: int) -> list[str]:
    routes = (r for r in facts.routes if any(hop.oif == ifindex for hop in r.nexthops))
    return [f"{r.type} {r.dst}/{r.prefixlen}" for r in routes]


@pytest.mark.parametrize(
    ("prefix", "flags", "expected"),
    [
        ("10.0.0.1/24", 0, ["local 10.0.0.1/32", "unicast 10.0.0.0/24", "broadcast 10.0.0.255/32"]),
        ("10.0.0.1/32", 0, ["local 10.0.0.1/32"]),
        ("10.0.0.1/31", 0, ["local 10.0.0.1/32", "unicast 10.0.0.0/31"]),
        ("10.0.0.1/24", 0x200, ["local 10.0.0.1/32", "broadcast 10.0.0.255/32"]),
    ],
    ids=["subnet", "host", "point-to-point", "noprefixroute"],
)
def test_an_address_brings_its_routes(prefix: str, flags: int, expected: list[str]) -> None:
    local, _, length = prefix.partition("/")
    routes = address_routes(Address(2, 2, local, int(length), local, flags=flags))
    assert [f"{r.type} {r.dst}/{r.prefixlen}" for r in routes] == expected


def test_an_address_on_a_device_that_is_down_brings_the_local_route_only() -> None:
    net = Net("n")
    net["n"].dev("eth0", up=False)
    facts = after(net, "n", AddAddress(1, Address(2, 2, "10.0.0.1", 24, "10.0.0.1")))
    assert prefixes(facts, 2) == ["local 10.0.0.1/32"]


def test_with_a_devices_last_address_all_its_routes_go() -> None:
    net = Net("n")
    net["n"].dev("eth0", "10.0.0.1/24").route("10.9.0.0/16 via 10.0.0.9 dev eth0")
    (ifa,) = (a for a in net["n"].facts().addresses if a.ifindex == 2)
    assert prefixes(after(net, "n", DeleteAddress(1, ifa)), 2) == []


def test_with_one_of_two_addresses_only_its_own_routes_go() -> None:
    net = Net("n")
    net["n"].dev("eth0", "10.0.0.1/24", "10.1.0.1/24").route("10.9.0.0/16 via 10.0.0.9 dev eth0")
    ifa = net["n"].facts().addresses[1]
    kept = prefixes(after(net, "n", DeleteAddress(1, ifa)), 2)
    assert "unicast 10.9.0.0/16" in kept
    assert "unicast 10.0.0.0/24" not in kept
    assert "unicast 10.1.0.0/24" in kept


def test_a_prefix_that_another_address_shares_stays() -> None:
    net = Net("n")
    net["n"].dev("eth0", "10.0.0.1/24").addr("eth0", "10.0.0.2/24", flags=IFA_F_SECONDARY)
    ifa = net["n"].facts().addresses[2]
    kept = prefixes(after(net, "n", DeleteAddress(1, ifa)), 2)
    assert "unicast 10.0.0.0/24" in kept
    assert "local 10.0.0.2/32" not in kept


def test_a_bridge_that_comes_up_enables_its_ports() -> None:
    net = bridged()
    net["h"].edit("br0", flags=0)
    for port in ("va", "vb", "vc"):
        net["h"].port(port, state=0)
    assert not net.answered("a", "10.0.0.2")
    facts = after(net, "h", SetUp(net["h"].inode, net["h"].index("br0")))
    assert [link.port.state for link in facts.links if link.port] == [3, 3, 3]


def test_a_route_instead_of_another_takes_the_place_of_the_first_of_its_key() -> None:
    net = Net("n")
    net["n"].dev("eth0", "10.0.0.1/24").dev("eth1")
    net["n"].route("10.9.0.0/16 dev eth0").route("10.9.0.0/16 dev eth0 metric 9")
    new = Route(2, 254, "10.9.0.0", 16, nexthops=(NextHop(3),))
    facts = after(net, "n", AddRoute(1, new, instead=True))
    assert [(r.nexthops[0].oif, r.priority) for r in facts.routes if r.dst == "10.9.0.0"] == [(3, 0), (2, 9)]


def test_a_sysctl_laid_over_is_read_back_and_others_stay() -> None:
    net = Net("n")
    net["n"].dev("eth0").sysctl(conf__eth0__rp_filter=1, conf__eth0__arp_ignore=2)
    found = applied(net.host(), (SetSysctl(1, "ipv4/conf/eth0/rp_filter", "0"),)).namespace(1)
    assert found is not None
    assert [found.sysctl(f"ipv4/conf/eth0/{key}") for key in ("rp_filter", "arp_ignore")] == ["0", "2"]


def test_the_host_beneath_is_not_touched() -> None:
    net = bridged()
    host = net.host()
    before = [ns.facts() for known in host.namespaces() if (ns := host.namespace(known.inode))]
    applied(host, (SetMtu(1, 2, 900), SetUp(4, 2)))
    assert [ns.facts() for known in host.namespaces() if (ns := host.namespace(known.inode))] == before


def test_changes_build_on_each_other() -> None:
    net = Net("n")
    net["n"].bridge("br0").dev("eth0")
    facts = after(net, "n", SetMaster(1, 3, 2), SetPort(1, 3, "isolated", True))
    (link,) = (item for item in facts.links if item.name == "eth0")
    assert (link.master, link.port is not None and link.port.isolated) == (2, True)


def test_a_namespace_that_is_gone_is_left_out() -> None:
    host = Net("n").host()
    assert applied(host, (SetMtu(9, 2, 900),)).namespace(9) is None
    assert commands(host, Fix("", (SetMtu(9, 2, 900),))) == ()


def test_each_command_is_written_for_the_state_before_it() -> None:
    net = routed()
    inode, index = net["b"].inode, net["b"].index("eth0")
    _, changes = move(
        net.host(), inode, index, net["r"].inode, "moved", (net["r"].inode, net["r"].index("vb"))
    )
    lines = commands(net.host(), Fix("", (*changes, SetUp(net["r"].inode, changes[1].link.index))))  # type: ignore[attr-defined]
    assert [" ".join(line) for line in lines] == [
        "ip -n b link set dev eth0 netns r name moved",
        "ip -n r link set dev moved up",
    ]


def test_a_moved_device_keeps_its_ifindex_where_that_is_free() -> None:
    net = routed()
    peer = (net["r"].inode, net["r"].index("vb"))
    assert move(net.host(), net["b"].inode, 2, net["r"].inode, "moved", peer)[0] == 4
    net["b"].dev("x").dev("y").dev("z")
    assert move(net.host(), net["b"].inode, 5, net["r"].inode, "moved", peer)[0] == 5


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        (NamespaceId(1, ("web",), ("/run/netns/web",)), "ip -n web link"),
        (NamespaceId(1, ("web",), ("/var/run/netns/web",)), "ip -n web link"),
        (NamespaceId(1, (), ("/run/docker/netns/1f",)), "nsenter --net=/run/docker/netns/1f ip link"),
        (NamespaceId(1, processes=(Process(7, "nginx"),)), "nsenter --net=/proc/7/ns/net ip link"),
        (NamespaceId(1, is_host=True, paths=("/proc/1/ns/net",)), "ip link"),
    ],
    ids=["named", "named-by-var-run", "bind-mount", "process", "host"],
)
def test_a_command_enters_the_namespace_it_is_for(known: NamespaceId, expected: str) -> None:
    assert " ".join(command.ip(known, "link")) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("ipv4/ip_forward", "net.ipv4.ip_forward=1"),
        ("ipv4/conf/eth0/rp_filter", "net.ipv4.conf.eth0.rp_filter=1"),
        ("ipv4/conf/eth0.100/rp_filter", "net/ipv4/conf/eth0.100/rp_filter=1"),
    ],
)
def test_a_dot_in_a_name_makes_sysctl_take_slashes(name: str, expected: str) -> None:
    assert command.sysctl(NamespaceId(1, is_host=True), name, "1") == ("sysctl", "-w", expected)


@pytest.mark.parametrize(
    "text",
    [
        "10.9.0.0/16 dev eth0",
        "10.9.0.5/32 via 10.0.0.9 dev eth0",
        "default via 10.0.0.9 dev eth0",
        "10.9.0.0/16 via 10.0.0.9 dev eth0 src 10.0.0.1 metric 5 tos 16 table 7",
        "10.9.0.0/16 dev eth0 scope link",
        "blackhole 10.9.0.0/16",
        "throw 10.9.0.0/16 table 7",
        "unreachable default metric 100",
        "10.9.0.0/16 nexthop via 10.0.0.9 dev eth0 nexthop via 10.1.0.9 dev eth1 weight 3",
        "10.9.0.0/16 nhid 7",
    ],
)
def test_a_route_is_written_in_the_words_it_was_made_with(text: str) -> None:
    ns = Ns(1, "n").dev("eth0", "10.0.0.1/24").dev("eth1", "10.1.0.1/24").route(text)
    assert " ".join(route_words(ns.view(), ns.facts().routes[-1])) == text


def test_onlink_is_written_for_a_new_route_only() -> None:
    ns = Ns(1, "n").dev("eth0")
    route = Route(2, 254, "10.9.0.0", 16, nexthops=(NextHop(2, "192.0.2.1", RTNH_F_ONLINK),))
    assert AddRoute(1, route).commands(ns.view())[0][-1] == "onlink"
    assert DeleteRoute(1, route).commands(ns.view())[0][-1] == "eth0"


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule(2, 100, table=7), "from all pref 100 lookup 7"),
        (Rule(2, 100, table=7, src="10.0.0.0", src_len=8), "from 10.0.0.0/8 pref 100 lookup 7"),
        (Rule(2, 100, table=7, dst="10.0.0.0", dst_len=8), "from all to 10.0.0.0/8 pref 100 lookup 7"),
        (Rule(2, 100, table=7, invert=True, iif="eth0"), "not from all iif eth0 pref 100 lookup 7"),
        (Rule(2, 100, table=7, fwmark=16, fwmask=255), "from all fwmark 0x10/0xff pref 100 lookup 7"),
        (Rule(2, 100, table=7, oif="eth0", ip_proto=17), "from all oif eth0 ipproto 17 pref 100 lookup 7"),
        (Rule(2, 100, table=7, dport=(53, 53)), "from all dport 53-53 pref 100 lookup 7"),
        (Rule(2, 100, "goto", goto=200), "from all pref 100 goto 200"),
        (Rule(2, 100, "prohibit"), "from all pref 100 prohibit"),
        (
            Rule(2, 100, table=7, suppress_prefixlength=0),
            "from all pref 100 lookup 7 suppress_prefixlength 0",
        ),
    ],
)
def test_a_rule_is_written_in_the_words_of_ip_rule(rule: Rule, expected: str) -> None:
    assert " ".join(rule_words(rule)) == expected
