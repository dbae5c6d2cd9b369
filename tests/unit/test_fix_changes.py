"""Every change does to the facts what its commands do to the kernel: the pairs, one row each."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from netdoctor.facts.connections import Entry
from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import NamespaceFacts
from netdoctor.facts.links import (
    IFF_BROADCAST,
    IFF_LOWER_UP,
    IFF_NOARP,
    IFF_UP,
    Ipvlan,
    Link,
    Macvlan,
    Tunnel,
    Vlan,
    Vxlan,
)
from netdoctor.facts.overlay import Draft
from netdoctor.facts.records import (
    RTNH_F_LINKDOWN,
    Address,
    BridgeVlan,
    FdbEntry,
    Neighbour,
    NextHop,
    Route,
    Rule,
)
from netdoctor.facts.wireguard import AllowedIp, WgPeer, WireGuard
from netdoctor.fix.carrier import CarrierOn
from netdoctor.fix.change import Change
from netdoctor.fix.connections import ForgetConnection
from netdoctor.fix.firewall import AllowBefore, Allowed, DeleteFirewallRule, Spot, SwapInRule
from netdoctor.fix.flush import FlushNeighbour, FlushRouteCache
from netdoctor.fix.layer2 import (
    AddFdb,
    AddVlan,
    DeleteFdb,
    DeleteNeighbour,
    SetArp,
    SetLladdr,
    SetMacvlanMode,
    SetMaster,
    SetMtu,
    SetNeighbour,
    SetPort,
    SetPortState,
    SetUp,
)
from netdoctor.fix.layer3 import (
    AddAddress,
    AddRoute,
    AddRule,
    DeleteAddress,
    DeleteRoute,
    DeleteRule,
    SetSysctl,
)
from netdoctor.fix.macvlan import AddMacvlan, AddMacvlanSource
from netdoctor.fix.masquerade import Masquerade
from netdoctor.fix.move import Arrive, Leave, Rewire
from netdoctor.fix.ports import LeaveBridge, ProxyArpOff
from netdoctor.fix.stacked import DeleteLink, Enslave, MonitorBond, RetagVlan, SetActiveSlave, SetIpvlan
from netdoctor.fix.tunnel import SetTunnel
from netdoctor.fix.vxlan import AddRemote, CreateVxlan, RecreateVxlan, ReplaceRemote, SetVxlan
from netdoctor.fix.wireguard import SetWgPeer
from tests.unit.networks import NUD_NOARP, NUD_PERMANENT, Ns

MAC, OTHER = "02:00:00:00:00:aa", "02:00:00:00:00:bb"
ETH0, ETH1, BR0, VB, VX0, MV0, TAP0, GRE1, WG0 = range(2, 11)
GRE = Tunnel("192.0.2.1", "192.0.2.2", iflags=0x2000, oflags=0x2000, ikey=1, okey=1)
LAN, PEER = AllowedIp("10.20.0.0", 16), WgPeer("first", "192.0.2.2", 51820, (AllowedIp("10.99.0.2", 32),))
VXLAN = Vxlan(7, local="192.0.2.1", port=4789, learning=False)
ROUTE = Route(2, 254, "10.9.0.0", 16, nexthops=(NextHop(ETH0, "10.0.0.9"),))
BLACKHOLE = Route(2, 254, "10.8.0.0", 16, "blackhole")
RULE = Rule(2, 100, table=7, src="10.0.0.0", src_len=24)
STATIC = FdbEntry(VB, MAC, NUD_NOARP, master=BR0)
REMOTE = FdbEntry(VX0, MAC, NUD_PERMANENT, dst="192.0.2.9")
NEW_VXLAN = Link(30, "vx9", IFF_UP | IFF_BROADCAST | IFF_LOWER_UP, 1450, "vxlan", MAC, vxlan=VXLAN)
ADDRESS = Address(ETH1, 2, "10.5.0.1", 24, "10.5.0.1")
DROP_TCP, DROP_ALL = "-A FORWARD -s 10.0.0.5/32 -p tcp -j DROP", "-A FORWARD -j DROP"
SAVED = FirewallText(
    "legacy", "ip", "iptables-legacy-save", "filter",
    f"*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n[2:120] {DROP_TCP}\n[0:0] {DROP_ALL}\nCOMMIT\n",
)  # fmt: skip
FLOW = Entry(17, "10.0.0.1", "10.0.0.9", 5, 53, "10.0.0.7", "10.0.0.1", 53, 5, zone=3)
SAVED_NAT = FirewallText("nft", "ip", "iptables-nft-save", "nat", "*nat\n:POSTROUTING ACCEPT [0:0]\nCOMMIT\n")
CHAIN = {"family": "inet", "table": "t", "chain": "forward"}
NATIVE_RULES = [{"rule": {**CHAIN, "handle": 4, "expr": [{"accept": None}]}},
                {"rule": {**CHAIN, "handle": 9, "expr": [{"drop": None}]}}]  # fmt: skip
NATIVE = FirewallText("nft", "inet", "nft", "t", json.dumps({"nftables": NATIVE_RULES}))
SECOND, NATIVE_SECOND = (
    Spot("legacy", "ip", "filter", "FORWARD", 2),
    Spot("nft", "inet", "t", "forward", 2, 9),
)
TO_PORT = Allowed("10.0.0.5", "10.0.0.9", 6, 80)

Facts = Callable[[NamespaceFacts], bool]


def bench() -> Ns:
    """One namespace with something of every kind; eth1 is down, tap0 and the port vb are bare."""
    ns = Ns(1, "n").dev("eth0", "10.0.0.1/24", noarp=True).dev("eth1", "10.6.0.1/24", up=False)
    ns.bridge("br0").dev("vb", master="br0").dev("vx0", kind="vxlan", vxlan=VXLAN, address=OTHER, mtu=1450)
    ns.dev("mv0", kind="macvlan", iflink=ETH0, macvlan=Macvlan("private")).dev("tap0", carrier=False)
    ns.dev("gre1", kind="gre", arp_type=778, tunnel=GRE).dev("wg0", kind="wireguard", arp_type=65534)
    ns._tables["wireguards"] = [WireGuard(WG0, "own", 51820, peers=(PEER, WgPeer("second", allowed=(LAN,))))]
    ns.port("vb", state=0, isolated=True, proxyarp=True)
    ns.neigh("eth0", "10.0.0.9", MAC, "STALE").neigh("eth0", "10.0.0.8", MAC, "PERMANENT")
    ns.vlan("vb", 1, pvid=True, untagged=True)
    ns._routes += [
        ROUTE,
        BLACKHOLE,
        Route(2, 254, "10.7.0.0", 16, nexthops=(NextHop(8, flags=RTNH_F_LINKDOWN),)),
    ]
    ns._tables["fdb"] += [STATIC, REMOTE]
    ns._tables["firewall"] = [SAVED, SAVED_NAT, NATIVE]
    ns._tables["connections"] = [FLOW]
    return ns.rule(100, 7, src="10.0.0.0", src_len=24)


def rules_of(facts: NamespaceFacts, table: FirewallText) -> list[str]:
    """The rules of a table in save format, without counters."""
    text = next(item.text for item in facts.firewall if item.table == table.table)
    return [line.partition("] ")[2] for line in text.splitlines() if line.startswith("[")]


def handles(facts: NamespaceFacts) -> list[int | None]:
    """The handles of the native rules; one that was put there has none."""
    text = next(item.text for item in facts.firewall if item.tool == "nft")
    return [item["rule"].get("handle") for item in json.loads(text)["nftables"]]


def link(facts: NamespaceFacts, index: int) -> Link:
    return next(item for item in facts.links if item.index == index)


def marked(facts: NamespaceFacts) -> bool:
    """Some route has a hop that is marked dead or linkdown."""
    return any(hop.flags for route in facts.routes for hop in route.nexthops)


def states(facts: NamespaceFacts) -> list[tuple[int, str, str]]:
    return [(n.ifindex, n.dst, n.state) for n in facts.neighbours]


#: The change, its commands (one a line), and what is true of the facts afterwards and was not before.
ROWS: list[tuple[Change, str, Facts]] = [
    (
        SetUp(1, ETH1),
        "ip -n n link set dev eth1 up",
        lambda f: link(f, ETH1).up and any(r.dst == "10.6.0.0" and r.table == 254 for r in f.routes),
    ),
    (
        SetMaster(1, ETH1, BR0),
        "ip -n n link set dev eth1 master br0",
        lambda f: link(f, ETH1).master == BR0 and BridgeVlan(ETH1, 1, True, True) in f.vlans,
    ),
    (
        LeaveBridge(1, VB),
        "ip -n n link set dev vb nomaster",
        lambda f: link(f, VB).master is None and STATIC not in f.fdb and not f.vlans,
    ),
    (
        SetPort(1, VB, "isolated", False),
        "bridge -n n link set dev vb isolated off",
        lambda f: not (p := link(f, VB).port) or not p.isolated,
    ),
    (
        SetPort(1, VB, "unicast_flood", False),
        "bridge -n n link set dev vb flood off",
        lambda f: bool((p := link(f, VB).port) and not p.unicast_flood),
    ),
    (
        SetPortState(1, VB, BR0),
        "bridge -n n link set dev vb state 3",
        lambda f: bool((p := link(f, VB).port) and p.state == 3),
    ),
    (
        SetPortState(1, VB, BR0, stop_stp=True),
        "ip -n n link set dev br0 type bridge stp_state 0\nbridge -n n link set dev vb state 3",
        lambda f: bool((p := link(f, VB).port) and p.state == 3),
    ),
    (
        ProxyArpOff(1, VB),
        "ip -n n link set dev vb type bridge_slave proxy_arp off proxy_arp_wifi off",
        lambda f: bool((p := link(f, VB).port) and not p.proxyarp),
    ),
    (SetArp(1, ETH0), "ip -n n link set dev eth0 arp on", lambda f: not link(f, ETH0).flags & IFF_NOARP),
    (SetMtu(1, ETH0, 9000), "ip -n n link set dev eth0 mtu 9000", lambda f: link(f, ETH0).mtu == 9000),
    (
        SetLladdr(1, ETH0, MAC),
        f"ip -n n link set dev eth0 address {MAC}",
        lambda f: link(f, ETH0).address == MAC and not states(f),
    ),
    (
        SetMacvlanMode(1, MV0, "bridge"),
        "ip -n n link set dev mv0 type macvlan mode bridge",
        lambda f: bool((m := link(f, MV0).macvlan) and m.mode == "bridge"),
    ),
    (
        AddMacvlanSource(1, MV0, MAC),
        f"ip -n n link set dev mv0 type macvlan macaddr add {MAC}",
        lambda f: bool((m := link(f, MV0).macvlan) and m.sources == (MAC,)),
    ),
    (
        AddMacvlan(1, 20, ETH0, "mv9", MAC),
        f"ip -n n link add link eth0 name mv9 address {MAC} type macvlan mode bridge\n"
        "ip -n n link set dev mv9 up",
        lambda f: any(item.name == "mv9" and item.iflink == ETH0 and item.up for item in f.links),
    ),
    (
        CreateVxlan(1, NEW_VXLAN),
        f"ip -n n link add vx9 address {MAC} mtu 1450 type vxlan id 7 local 192.0.2.1 dstport 4789 nolearning\n"
        "ip -n n link set dev vx9 up",
        lambda f: NEW_VXLAN in f.links,
    ),
    (
        RetagVlan(1, ETH0, "eth9", Vlan(20, 0x88A8), MAC),
        "ip -n n link del dev eth0\n"
        f"ip -n n link add link eth9 name eth0 address {MAC} mtu 1500 type vlan protocol 802.1ad id 20\n"
        "ip -n n addr add 10.0.0.1/24 dev eth0\n"
        "ip -n n link set dev eth0 up\n"
        "ip -n n route add 10.9.0.0/16 via 10.0.0.9 dev eth0",
        lambda f: link(f, ETH0).vlan == Vlan(20, 0x88A8),
    ),
    (DeleteLink(1, TAP0), "ip -n n link del dev tap0", lambda f: all(item.index != TAP0 for item in f.links)),
    (
        SetIpvlan(1, MV0, Ipvlan("l3", "bridge")),
        "ip -n n link set dev mv0 type ipvlan mode l3 bridge",
        lambda f: link(f, MV0).ipvlan == Ipvlan("l3", "bridge"),
    ),
    (
        SetActiveSlave(1, MV0, ETH1),
        "ip -n n link set dev mv0 type bond active_slave eth1",
        lambda f: bool((b := link(f, MV0).bond) and b.active == ETH1),
    ),
    (
        Enslave(1, ETH0, BR0),
        "ip -n n link set dev eth0 down\nip -n n link set dev eth0 master br0",
        lambda f: link(f, ETH0).master == BR0 and link(f, ETH0).slave_kind == "bond",
    ),
    (
        MonitorBond(1, MV0),
        "ip -n n link set dev mv0 type bond miimon 100",
        lambda f: bool((b := link(f, MV0).bond) and b.miimon == 100),
    ),
    (CarrierOn(1, TAP0), "", lambda f: link(f, TAP0).carrier and not marked(f)),
    (
        SetNeighbour(1, ETH0, "10.0.0.9", OTHER),
        f"ip -n n neigh replace 10.0.0.9 lladdr {OTHER} dev eth0 nud permanent",
        lambda f: Neighbour(ETH0, 2, "10.0.0.9", "PERMANENT", OTHER) in f.neighbours and len(f.neighbours) == 2,
    ),
    (
        DeleteNeighbour(1, ETH0, "10.0.0.8"),
        "ip -n n neigh del 10.0.0.8 dev eth0",
        lambda f: states(f) == [(ETH0, "10.0.0.9", "STALE")],
    ),
    (
        FlushNeighbour(1, ETH0, "10.0.0.9"),
        "ip -n n neigh flush to 10.0.0.9 dev eth0",
        lambda f: states(f) == [(ETH0, "10.0.0.8", "PERMANENT")],
    ),
    (FlushRouteCache(1), "ip -n n route flush cache", lambda f: True),
    (
        AddFdb(1, FdbEntry(VB, OTHER, NUD_NOARP, master=BR0)),
        f"bridge -n n fdb add {OTHER} dev vb master static",
        lambda f: any(e.lladdr == OTHER and e.ifindex == VB for e in f.fdb),
    ),
    (
        AddFdb(1, FdbEntry(VX0, OTHER, dst="192.0.2.8")),
        f"bridge -n n fdb append {OTHER} dev vx0 dst 192.0.2.8",
        lambda f: any(e.dst == "192.0.2.8" for e in f.fdb),
    ),
    (DeleteFdb(1, STATIC), f"bridge -n n fdb del {MAC} dev vb master", lambda f: STATIC not in f.fdb),
    (DeleteFdb(1, REMOTE), f"bridge -n n fdb del {MAC} dev vx0 dst 192.0.2.9", lambda f: REMOTE not in f.fdb),
    (
        AddVlan(1, BridgeVlan(VB, 5, True, True)),
        "bridge -n n vlan add dev vb vid 5 pvid untagged",
        lambda f: [v.vid for v in f.vlans if v.pvid] == [5],
    ),
    (
        AddVlan(1, BridgeVlan(BR0, 5), itself=True),
        "bridge -n n vlan add dev br0 vid 5 self",
        lambda f: BridgeVlan(BR0, 5) in f.vlans,
    ),
    (
        SetSysctl(1, "ipv4/conf/eth0/rp_filter", "0"),
        "nsenter --net=/run/netns/n sysctl -w net.ipv4.conf.eth0.rp_filter=0",
        lambda f: f.sysctls.get("ipv4/conf/eth0/rp_filter") == "0",
    ),
    (
        SetSysctl(1, "ipv4/ip_forward", "1"),
        "nsenter --net=/run/netns/n sysctl -w net.ipv4.ip_forward=1",
        lambda f: all(f.sysctls.get(f"ipv4/conf/{item.name}/forwarding") == "1" for item in f.links),
    ),
    (
        AddAddress(1, ADDRESS),
        "ip -n n addr add 10.5.0.1/24 dev eth1",
        lambda f: ADDRESS in f.addresses and any(r.dst == "10.5.0.1" and r.type == "local" for r in f.routes),
    ),
    (
        DeleteAddress(1, Address(ETH0, 2, "10.0.0.1", 24, "10.0.0.1")),
        "ip -n n addr del 10.0.0.1/24 dev eth0",
        lambda f: all(h.oif != ETH0 for r in f.routes for h in r.nexthops),
    ),
    (
        AddRoute(1, Route(2, 254, "10.4.0.0", 16, nexthops=(NextHop(ETH0),), scope=253)),
        "ip -n n route add 10.4.0.0/16 dev eth0 scope link",
        lambda f: any(r.dst == "10.4.0.0" for r in f.routes),
    ),
    (
        AddRoute(1, Route(2, 254, "10.9.0.0", 16, nexthops=(NextHop(ETH1, "10.6.0.9"),)), instead=True),
        "ip -n n route replace 10.9.0.0/16 via 10.6.0.9 dev eth1",
        lambda f: [r.nexthops[0].oif for r in f.routes if r.dst == "10.9.0.0"] == [ETH1],
    ),
    (DeleteRoute(1, BLACKHOLE), "ip -n n route del blackhole 10.8.0.0/16", lambda f: BLACKHOLE not in f.routes),
    (AddRule(1, Rule(2, 50, table=9)), "ip -n n rule add from all pref 50 lookup 9", lambda f: f.rules[1].table == 9),
    (DeleteRule(1, RULE), "ip -n n rule del from 10.0.0.0/24 pref 100 lookup 7", lambda f: RULE not in f.rules),
    (
        AddRemote(1, FdbEntry(VX0, OTHER, dst="192.0.2.8", port=8472, vni=9)),
        f"bridge -n n fdb append {OTHER} dev vx0 dst 192.0.2.8 port 8472 vni 9 self permanent",
        lambda f: FdbEntry(VX0, OTHER, NUD_PERMANENT, dst="192.0.2.8", port=8472, vni=9) in f.fdb,
    ),
    (
        ReplaceRemote(1, REMOTE, FdbEntry(VX0, MAC, dst="192.0.2.8")),
        f"bridge -n n fdb replace {MAC} dev vx0 dst 192.0.2.8 self permanent",
        lambda f: [e.dst for e in f.fdb if e.dst] == ["192.0.2.8"],
    ),
    (
        SetVxlan(1, VX0, local="192.0.2.5", learning=True),
        "ip -n n link set dev vx0 type vxlan local 192.0.2.5 learning",
        lambda f: bool((v := link(f, VX0).vxlan) and v.local == "192.0.2.5" and v.learning),
    ),
    (
        RecreateVxlan(1, VX0, Vxlan(8, local="192.0.2.1", port=4789, learning=False)),
        "ip -n n link del dev vx0\n"
        f"ip -n n link add vx0 address {OTHER} mtu 1450 type vxlan id 8 local 192.0.2.1 dstport 4789 nolearning\n"
        "ip -n n link set dev vx0 up\n"
        f"bridge -n n fdb append {MAC} dev vx0 dst 192.0.2.9 self permanent",
        lambda f: bool((v := link(f, VX0).vxlan) and v.vni == 8 and REMOTE in f.fdb),
    ),
    (
        SetTunnel(1, GRE1, Tunnel(None, "192.0.2.3", ikey=1, okey=7)),
        "ip -n n link set dev gre1 type gre local any remote 192.0.2.3 okey 7",
        lambda f: link(f, GRE1).address == "0.0.0.0" and link(f, GRE1).broadcast == "192.0.2.3",
    ),
    (
        SetWgPeer(1, WG0, WgPeer("new", "192.0.2.2", 51821, (*PEER.allowed, LAN)), "first"),
        "nsenter --net=/run/netns/n wg set wg0 peer first remove peer new allowed-ips 10.99.0.2/32,10.20.0.0/16"
        " endpoint 192.0.2.2:51821",
        lambda f: [(p.public_key, len(p.allowed)) for p in f.wireguards[0].peers] == [("second", 0), ("new", 2)],
    ),
    (
        Leave(1, ETH1, Ns(9, "far").facts().id, "eth7"),
        "ip -n n link set dev eth1 netns far name eth7",
        lambda f: all(item.index != ETH1 for item in f.links) and all(a.ifindex != ETH1 for a in f.addresses),
    ),
    (
        Arrive(1, Link(30, "eth7", IFF_BROADCAST, 1500, "veth", MAC, iflink=2), 9),
        "",
        lambda f: 9 in f.nsids.values() and not link(f, 30).up,
    ),
    (
        AllowBefore(1, SECOND, TO_PORT),
        "nsenter --net=/run/netns/n iptables-legacy -t filter -I FORWARD 2"
        " -s 10.0.0.5/32 -d 10.0.0.9/32 -p tcp -m tcp --dport 80 -j ACCEPT",
        lambda f: rules_of(f, SAVED)
        == [DROP_TCP, "-A FORWARD -s 10.0.0.5/32 -d 10.0.0.9/32 -p tcp -m tcp --dport 80 -j ACCEPT", DROP_ALL],
    ),
    (
        AllowBefore(1, Spot("legacy", "ip", "filter", "INPUT"), Allowed("10.0.0.5", "10.0.0.9")),
        "nsenter --net=/run/netns/n iptables-legacy -t filter -A INPUT"
        " -s 10.0.0.5/32 -d 10.0.0.9/32 -p icmp -j ACCEPT",
        lambda f: "-A INPUT -s 10.0.0.5/32 -d 10.0.0.9/32 -p icmp -j ACCEPT" in rules_of(f, SAVED),
    ),
    (
        AllowBefore(1, NATIVE_SECOND, TO_PORT),
        "nsenter --net=/run/netns/n nft insert rule inet t forward position 9"
        " ip saddr 10.0.0.5 ip daddr 10.0.0.9 tcp dport 80 accept",
        lambda f: handles(f) == [4, None, 9],
    ),
    (
        DeleteFirewallRule(1, SECOND),
        "nsenter --net=/run/netns/n iptables-legacy -t filter -D FORWARD 2",
        lambda f: rules_of(f, SAVED) == [DROP_TCP],
    ),
    (
        DeleteFirewallRule(1, NATIVE_SECOND),
        "nsenter --net=/run/netns/n nft delete rule inet t forward handle 9",
        lambda f: handles(f) == [4],
    ),
    (
        SwapInRule(1, Spot("legacy", "ip", "filter", "FORWARD", 1), DROP_TCP, "10.0.0.5", "10.0.0.7"),
        "nsenter --net=/run/netns/n iptables-legacy -t filter -R FORWARD 1 -s 10.0.0.7/32 -p tcp -j DROP",
        lambda f: rules_of(f, SAVED) == [DROP_TCP.replace("10.0.0.5", "10.0.0.7"), DROP_ALL],
    ),
    (
        Masquerade(1, Spot("nft", "ip", "nat", "POSTROUTING"), "10.0.0.0/24", "eth1"),
        "nsenter --net=/run/netns/n iptables-nft -t nat -A POSTROUTING -s 10.0.0.0/24 -o eth1 -j MASQUERADE",
        lambda f: rules_of(f, SAVED_NAT) == ["-A POSTROUTING -s 10.0.0.0/24 -o eth1 -j MASQUERADE"],
    ),
    (
        Masquerade(1, Spot("nft", "ip", "nat", "POSTROUTING", 1), "10.0.0.0/24", "eth1", "192.0.2.1", "10.0.0.7"),
        "nsenter --net=/run/netns/n iptables-nft -t nat -I POSTROUTING 1 -s 10.0.0.0/24 -d 192.0.2.1/32 -o eth1"
        " -j SNAT --to-source 10.0.0.7",
        lambda f: rules_of(f, SAVED_NAT)
        == ["-A POSTROUTING -s 10.0.0.0/24 -d 192.0.2.1/32 -o eth1 -j SNAT --to-source 10.0.0.7"],
    ),
    (
        Masquerade(1, NATIVE_SECOND, "10.0.0.5/32", "eth1", "192.0.2.1", "10.0.0.7"),
        "nsenter --net=/run/netns/n nft insert rule inet t forward position 9"
        " ip saddr 10.0.0.5/32 ip daddr 192.0.2.1 oifname eth1 snat ip to 10.0.0.7",
        lambda f: handles(f) == [4, None, 9],
    ),
    (
        ForgetConnection(1, FLOW),
        "nsenter --net=/run/netns/n conntrack -D -p udp -s 10.0.0.1 -d 10.0.0.9 --sport 5 --dport 53 -w 3",
        lambda f: f.connections == (),
    ),
    (Rewire(1, ETH0, 30, 9), "", lambda f: link(f, ETH0).iflink == 30 and 9 in f.nsids.values()),
]  # fmt: skip


@pytest.mark.parametrize(("change", "commands", "after"), ROWS, ids=[type(row[0]).__name__ for row in ROWS])
def test_facts_and_commands_say_the_same(change: Change, commands: str, after: Facts) -> None:
    before = bench()
    assert "\n".join(" ".join(argv) for argv in change.commands(before.view())) == commands
    draft = Draft(before.view())
    change.apply(draft)
    assert after(draft.finished().facts())
    assert isinstance(change, FlushRouteCache) or not after(before.facts())


def test_every_kind_of_change_is_in_the_table() -> None:
    mine = {kind for kind in Change.__subclasses__() if kind.__module__.startswith("netdoctor.fix.")}
    assert mine == {type(change) for change, _, _ in ROWS}


@pytest.mark.parametrize("change", [row[0] for row in ROWS], ids=[type(row[0]).__name__ for row in ROWS])
def test_a_change_of_what_is_gone_raises_nothing(change: Change) -> None:
    draft = Draft(Ns(1, "empty").view())
    change.apply(draft)
    draft.finished().facts()


def test_flags_that_are_up_are_both() -> None:
    draft = Draft(bench().view())
    SetUp(1, ETH1).apply(draft)
    assert link(draft.finished().facts(), ETH1).flags & (IFF_UP | IFF_LOWER_UP) == IFF_UP | IFF_LOWER_UP
