"""Addresses, routes, rules, nexthops, neighbours and FDB entries against what iproute2 shows."""

from __future__ import annotations

from collections import Counter
from ipaddress import ip_network
from typing import Any

import pytest

from netdoctor.collect.live import LiveHost
from netdoctor.collect.namespace import LiveNamespace
from netdoctor.facts.host import longest_first
from netdoctor.facts.records import AF_INET6, NTF_PROXY, RTNH_F_LINKDOWN, RTNH_F_ONLINK, Route
from netdoctor.facts.tables import TableNamespace

from .conftest import Bench, opened

NETWORK = """
    link set lo up
    link add br0 type bridge
    link set br0 up
    link add v0 type veth peer name v1
    link set v0 master br0 up
    link set v1 up
    link add p0 type veth peer name p1
    link set p0 up
    link set p1 up
    addr add 10.0.0.1/24 brd + dev v1
    addr add 10.0.0.2/24 dev v1
    addr add 10.9.0.1 peer 10.9.0.2/32 dev p0
    addr add fd00:1::1/64 dev v1 nodad
    route add default via 10.0.0.254
    route add 10.1.0.0/16 via 10.0.0.9 metric 5
    route add 10.1.0.0/16 via 10.0.0.8 metric 3
    route add 10.1.2.0/24 via 10.0.0.7 table 100 src 10.0.0.2 mtu 1300
    route add 10.1.2.3 dev v1 scope link table 1000
    route add 10.2.0.0/16 nexthop via 10.0.0.9 weight 3 nexthop via 169.254.1.1 dev v1 onlink weight 1
    route add 10.3.0.0/16 tos 0x10 via 10.0.0.9
    route add 10.4.0.0/16 via inet6 fd00:1::9 dev v1
    route add blackhole 10.5.0.0/16
    route add unreachable 10.6.0.0/16 metric 42
    route add prohibit 10.7.0.0/16
    route add throw 10.8.0.0/16 table 100
    -6 route add fd00:2::/64 via fd00:1::9
    -6 route add fd00:3::/64 nexthop via fd00:1::9 nexthop via fd00:1::8
    nexthop add id 10 via 10.0.0.9 dev v1
    nexthop add id 11 via 10.0.0.8 dev v1
    nexthop add id 12 group 10,3/11,1
    nexthop add id 13 blackhole
    nexthop add id 14 via 10.0.0.9 fdb
    nexthop add id 15 group 14 fdb
    route add 10.20.0.0/16 nhid 12
    route add 10.21.0.0/16 nhid 10
    rule add pref 100 from 10.0.0.0/24 lookup 100
    rule add pref 101 to 10.1.0.0/16 iif v1 fwmark 0x10/0xf0 lookup 1000
    rule add pref 102 not oif v1 tos 0x10 lookup 100
    rule add pref 103 ipproto tcp dport 80-90 sport 1000 uidrange 5-9 prohibit
    rule add pref 104 goto 200
    rule add pref 200 lookup main suppress_prefixlength 0
    rule add pref 201 from 10.77.0.0/16 blackhole
    -6 rule add pref 100 from fd00:1::/64 lookup 100
    neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev v1 nud permanent
    neigh add 10.0.0.8 lladdr 02:00:00:00:00:08 dev v1 nud stale
    neigh add 10.0.0.7 dev v1 nud failed
    neigh add fd00:1::9 lladdr 02:00:00:00:00:09 dev v1 nud noarp router
    neigh add proxy 10.0.0.77 dev v1
    link add vx0 type vxlan id 42 dstport 4790 local 10.0.0.1
    link set vx0 master br0 up
"""

FDB = """
    02:00:00:00:01:01 dev v0 master static
    02:00:00:00:01:02 dev v0 master static sticky
    02:00:00:00:01:03 dev v0 master permanent
    02:00:00:00:01:04 dev br0 self local
    00:00:00:00:00:00 dev vx0 self dst 10.0.0.5
    02:00:00:00:01:05 dev vx0 self dst 10.0.0.6 port 1234 vni 77 via v1
    02:00:00:00:01:06 dev vx0 self nhid 15
    02:00:00:00:01:05 dev vx0 master static
"""


@pytest.fixture
def full(bench: Bench) -> str:
    """A namespace with at least one of everything."""
    name = bench.add("records")
    bench.ip(name, NETWORK)
    for line in filter(None, (line.strip() for line in FDB.splitlines())):
        bench.run("bridge", "-n", name, "fdb", "append", *line.split())
    return name


def by_name(namespace: LiveNamespace) -> dict[int, str]:
    return {link.index: link.name for link in namespace.links()}


def test_addresses(bench: Bench, host: LiveHost, full: str) -> None:
    namespace = opened(host, bench, full)
    names = by_name(namespace)
    ours = Counter(
        (
            names[a.ifindex],
            a.local,
            a.prefixlen,
            a.broadcast,
            None if a.address == a.local else a.address,
            a.secondary,
        )
        for a in namespace.addresses()
    )
    theirs = Counter(
        (
            link["ifname"],
            info["local"],
            info["prefixlen"],
            info.get("broadcast"),
            info.get("address"),
            bool(info.get("secondary")),
        )
        for link in bench.json(full, "ip", "addr", "show")
        for info in link["addr_info"]
    )
    assert ours == theirs
    [owner] = namespace.owners("10.0.0.2")
    assert (names[owner.ifindex], owner.secondary) == ("v1", True)
    [owner] = namespace.owners("fd00:1::1")
    assert owner.family == AF_INET6
    assert namespace.owners("10.0.0.3") == ()
    assert namespace.owners("10.9.0.2") == (), "a peer's address is not an own one"
    assert [a.local for a in namespace.addresses(owner.ifindex)][:2] == ["10.0.0.1", "10.0.0.2"]


def shown_destination(route: Route) -> str:
    network = ip_network(f"{route.dst}/{route.prefixlen}")
    if network.prefixlen == 0:
        return "default"
    return str(network.network_address) if network.prefixlen == network.max_prefixlen else str(network)


def tables() -> dict[str, int]:
    return {"default": 253, "main": 254, "local": 255}


def shown_routes(bench: Bench, full: str, family: str) -> list[tuple[Any, ...]]:
    routes = []
    for entry in bench.json(full, "ip", family, "route", "show", "table", "all"):
        table = entry.get("table", "main")
        hops = [
            (hop["dev"], hop.get("gateway") or hop.get("via", {}).get("host"), hop.get("weight", 1))
            for hop in entry.get("nexthops", [])
        ]
        if not hops and "dev" in entry:
            hops = [(entry["dev"], entry.get("gateway") or entry.get("via", {}).get("host"), 1)]
        routes.append(
            (
                entry["dst"],
                tables().get(table) or int(table),
                entry.get("type", "unicast"),
                entry.get("metric", 0),
                entry.get("prefsrc"),
                entry.get("nhid"),
                tuple(hops),
            )
        )
    return routes


@pytest.mark.parametrize(("family", "number"), [("-4", 2), ("-6", 10)])
def test_routes(bench: Bench, host: LiveHost, full: str, family: str, number: int) -> None:
    namespace = opened(host, bench, full)
    names = by_name(namespace)
    ours = [
        (
            shown_destination(route),
            route.table,
            route.type,
            route.priority,
            route.prefsrc,
            route.nh_id,
            tuple((names[hop.oif], hop.gateway, hop.weight) for hop in route.nexthops if hop.oif is not None),
        )
        for route in namespace.routes()
        if route.family == number
    ]
    assert ours == shown_routes(bench, full, family)


def test_what_iproute2_prints_otherwise(bench: Bench, host: LiveHost, full: str) -> None:
    routes = {(r.dst, r.table): r for r in opened(host, bench, full).routes()}
    assert routes["10.1.2.0", 100].mtu == 1300
    assert routes["10.3.0.0", 254].tos == 0x10
    legs = routes["10.2.0.0", 254].nexthops
    assert [leg.weight for leg in legs] == [3, 1]
    assert legs[1].flags & RTNH_F_ONLINK
    assert routes["10.1.2.3", 1000].scope == 253
    assert routes["10.4.0.0", 254].nexthops[0].gateway == "fd00:1::9"


def test_a_carrier_that_is_lost_shows(bench: Bench, host: LiveHost, full: str) -> None:
    bench.ip(full, "link set p1 down")
    routes = {(r.dst, r.table): r for r in opened(host, bench, full).routes()}
    assert routes["10.9.0.2", 254].nexthops[0].flags & RTNH_F_LINKDOWN


@pytest.mark.parametrize(
    "destination",
    [
        "10.1.2.3",
        "10.1.9.9",
        "10.2.0.1",
        "10.0.0.1",
        "10.0.0.255",
        "8.8.8.8",
        "fd00:3::1",
        "fd00:1::1",
        "ff02::1",
    ],
)
def test_the_index_finds_what_a_scan_finds(bench: Bench, full: str, destination: str) -> None:
    from netdoctor.facts.host import covers

    with LiveHost() as whole, LiveHost() as indexed:
        routes = opened(whole, bench, full).routes()
        namespace = opened(indexed, bench, full)
        for table in {route.table for route in routes}:
            scanned = (r for r in routes if r.table == table and covers(r.dst, r.prefixlen, destination))
            assert namespace.routes_to(table, destination) == longest_first(scanned)
        assert namespace.routes_to(4711, destination) == ()


def test_rules(bench: Bench, host: LiveHost, full: str) -> None:
    rules = opened(host, bench, full).rules()
    assert [r.priority for r in rules] == sorted(r.priority for r in rules)
    ipv4 = {rule.priority: rule for rule in rules if rule.family == 2}
    shown = {entry["priority"]: entry for entry in bench.json(full, "ip", "rule", "show")}
    assert set(ipv4) == set(shown)
    assert (ipv4[100].src, ipv4[100].src_len, ipv4[100].table) == ("10.0.0.0", 24, 100)
    assert (ipv4[101].dst, ipv4[101].dst_len, ipv4[101].iif) == ("10.1.0.0", 16, "v1")
    assert (ipv4[101].fwmark, ipv4[101].fwmask, ipv4[101].table) == (0x10, 0xF0, 1000)
    assert (ipv4[102].invert, ipv4[102].oif, ipv4[102].tos) == (True, "v1", 0x10)
    assert (ipv4[103].action, ipv4[103].ip_proto) == ("prohibit", 6)
    assert (ipv4[103].dport, ipv4[103].sport, ipv4[103].uid_range) == ((80, 90), (1000, 1000), (5, 9))
    assert (ipv4[104].action, ipv4[104].goto) == ("goto", 200)
    assert (ipv4[200].table, ipv4[200].suppress_prefixlength) == (254, 0)
    assert ipv4[201].action == "blackhole"
    assert (ipv4[32766].table, ipv4[32766].suppress_prefixlength) == (254, None)
    assert [r.src for r in rules if r.family == AF_INET6 and r.priority == 100] == ["fd00:1::"]


def test_nexthop_objects(bench: Bench, host: LiveHost, full: str) -> None:
    namespace = opened(host, bench, full)
    shown = {entry["id"]: entry for entry in bench.json(full, "ip", "nexthop", "show")}
    ours = {nexthop.id: nexthop for nexthop in namespace.nexthops()}
    assert set(ours) == set(shown) == {10, 11, 12, 13, 14, 15}
    for nh_id, nexthop in ours.items():
        entry = shown[nh_id]
        assert nexthop.gateway == entry.get("gateway")
        assert nexthop.group == tuple((m["id"], m.get("weight", 1)) for m in entry.get("group", ()))
        assert nexthop.blackhole == ("blackhole" in entry)
        assert nexthop.fdb == ("fdb" in entry)
        assert namespace.nexthop(nh_id) == nexthop
    assert namespace.nexthop(16) is None
    assert ours[12].group == ((10, 3), (11, 1))


def test_neighbours(bench: Bench, host: LiveHost, full: str) -> None:
    namespace = opened(host, bench, full)
    names = by_name(namespace)
    ours = {(names[n.ifindex], n.dst): n for n in namespace.neighbours() if not n.proxy}
    shown = bench.json(full, "ip", "neigh", "show", "nud", "all")
    for entry in shown:
        neighbour = ours[entry["dev"], entry["dst"]]
        assert neighbour.state == entry["state"][0]
        assert neighbour.lladdr == entry.get("lladdr")
        if entry["dev"] == "v1":
            assert namespace.neighbour(neighbour.ifindex, entry["dst"]) == neighbour
    assert len(ours) == len(shown)
    [proxy] = [n for n in namespace.neighbours() if n.flags & NTF_PROXY]
    assert (names[proxy.ifindex], proxy.dst) == ("v1", "10.0.0.77")
    assert namespace.neighbour(proxy.ifindex, "10.0.0.77") is None
    assert namespace.neighbour(1, "10.0.0.9") is None


def test_fdb(bench: Bench, host: LiveHost, full: str) -> None:
    namespace = opened(host, bench, full)
    names = by_name(namespace)
    ours = Counter(
        (
            e.lladdr,
            names[e.ifindex],
            names.get(e.master or 0),
            e.dst,
            e.port,
            e.vni,
            names.get(e.via),
            e.nh_id,
        )
        for e in namespace.fdb_entries()
    )
    theirs = Counter(
        (
            entry["mac"],
            entry["ifname"],
            entry.get("master"),
            entry.get("dst"),
            entry.get("port"),
            entry.get("vni"),
            entry.get("viaIf"),
            entry.get("nhid"),
        )
        for entry in bench.json(full, "bridge", "fdb", "show")
    )
    assert ours == theirs


def test_fdb_of_one_address(bench: Bench, host: LiveHost, full: str) -> None:
    namespace = opened(host, bench, full)
    bridge, port, vxlan = (namespace.link_named(name) for name in ("br0", "v0", "vx0"))
    assert bridge is not None
    assert port is not None
    assert vxlan is not None
    [static] = namespace.fdb(bridge.index, "02:00:00:00:01:01")
    assert (static.ifindex, static.static, static.local, static.sticky) == (port.index, True, False, False)
    [sticky] = namespace.fdb(bridge.index, "02:00:00:00:01:02")
    assert sticky.sticky
    [local] = namespace.fdb(bridge.index, "02:00:00:00:01:03")
    assert local.local
    assert [e.dst for e in namespace.fdb(vxlan.index, "00:00:00:00:00:00")] == ["10.0.0.5"]
    both = namespace.fdb(vxlan.index, "02:00:00:00:01:05")
    assert {(e.master, e.dst) for e in both} == {(bridge.index, None), (None, "10.0.0.6")}
    assert namespace.fdb(bridge.index, "02:00:00:00:0f:0f") == ()


def test_a_record_answers_as_the_live_host(bench: Bench, full: str) -> None:
    bench.ip(full, f"link add far type veth peer name far netns {bench.add('far')}")
    with LiveHost() as whole, LiveHost() as fresh:
        facts = opened(whole, bench, full).facts()
        table, live = TableNamespace(facts), opened(fresh, bench, full)
        assert facts.nsids
        assert {nsid: live.peer_namespace(nsid) for nsid in facts.nsids} == facts.nsids
        for link in facts.links:
            assert live.link(link.index) == table.link(link.index)
            assert live.ports(link.index) == table.ports(link.index)
            assert live.addresses(link.index) == table.addresses(link.index)
            assert live.vlans(link.index) == table.vlans(link.index)
        for address in ("10.0.0.1", "fd00:1::1", "10.0.0.200"):
            assert live.owners(address) == table.owners(address)
        for route in facts.routes:
            assert live.routes_to(route.table, route.dst) == table.routes_to(route.table, route.dst)
        for neighbour in facts.neighbours:
            asked = (neighbour.ifindex, neighbour.dst)
            assert live.neighbour(*asked) == table.neighbour(*asked)
        for entry in facts.fdb:
            for ifindex in {entry.ifindex, entry.master or 0}:
                assert live.fdb(ifindex, entry.lladdr) == table.fdb(ifindex, entry.lladdr)
        for nexthop in facts.nexthops:
            assert live.nexthop(nexthop.id) == table.nexthop(nexthop.id)
        assert live.rules() == table.rules()
        assert live.rulesets() == table.rulesets()
