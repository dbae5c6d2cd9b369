"""Links, decoded by netdoctor, against iproute2 and against pyroute2."""

from __future__ import annotations

from typing import Any

from netdoctor.collect.decode.links import link
from netdoctor.collect.live import LiveHost
from netdoctor.facts.links import Link

from .conftest import Bench, opened

DEVICES = """
    link set lo up
    link add br0 type bridge forward_delay 400 ageing_time 1000 nf_call_iptables 1 mcast_snooping 0 group_fwd_mask 8
    link set br0 up address 02:00:00:00:00:99
    link add v0 type veth peer name v1
    link set v0 master br0 up
    link set v1 up mtu 1400 alias noted
    link property add dev v1 altname first-other-name altname second-other-name
    link set v0 type bridge_slave isolated on hairpin on learning off flood off mcast_flood off bcast_flood off
    link set v0 type bridge_slave neigh_suppress on proxy_arp on proxy_arp_wifi on locked on
    link add p0 type veth peer name p1
    link set p0 master br0
    link add vx0 type vxlan id 42 dstport 4790 local 10.0.0.1 remote 10.0.0.2 dev p1 nolearning ttl 7 ageing 33
    link add vx1 type vxlan id 43 dstport 4790 group 239.1.1.1 dev br0 proxy rsc l2miss l3miss df set
    link add vx2 type vxlan external dstport 4791 gbp
    link add vx3 type vxlan id 44 dstport 4792 local fd00::1 remote fd00::2 udp6zerocsumrx
    link set vx0 master br0
    link add mv0 link v1 type macvlan mode source macaddr add 02:00:00:00:00:01
    link set mv0 type macvlan macaddr add 02:00:00:00:00:02
    link add mv1 link v1 type macvlan mode private
    link add mv2 link v1 type macvlan mode bridge
    link set mv2 group 7
"""

STATES = ["disabled", "listening", "learning", "forwarding", "blocking"]
DF = ["unset", "set", "inherit"]


def names(links: tuple[Link, ...]) -> dict[int, str]:
    return {entry.index: entry.name for entry in links}


def common(entry: Link, by_index: dict[int, str]) -> dict[str, Any]:
    """What `ip -j -d link` prints of every device."""
    expected: dict[str, Any] = {
        "ifindex": entry.index,
        "ifname": entry.name,
        "mtu": entry.mtu,
        "operstate": entry.operstate,
        "address": entry.address,
        "broadcast": entry.broadcast,
        "qdisc": entry.qdisc,
        "group": "default" if entry.group == 0 else str(entry.group),
    }
    if entry.master is not None:
        expected["master"] = by_index[entry.master]
    if entry.altnames:
        expected["altnames"] = list(entry.altnames)
    if entry.iflink:
        expected["link"] = by_index[entry.iflink]
    return expected


def subset(expected: dict[str, Any], shown: dict[str, Any]) -> None:
    """Every value in `expected` is what iproute2 shows, and what it does not show is false or absent."""
    for key, value in expected.items():
        if key in shown or value not in (False, None, 0):
            assert shown.get(key) == value, (key, shown.get(key), value)


def test_every_device_as_iproute2_shows_it(bench: Bench, host: LiveHost) -> None:
    full = bench.add("links")
    bench.ip(full, DEVICES)
    links = opened(host, bench, full).links()
    by_index = names(links)
    shown = {entry["ifindex"]: entry for entry in bench.json(full, "ip", "link", "show")}
    assert [entry.index for entry in links] == list(shown)
    for entry in links:
        subset(common(entry, by_index), shown[entry.index])
        info = shown[entry.index].get("linkinfo", {})
        assert entry.kind == info.get("info_kind")
        assert entry.slave_kind == info.get("info_slave_kind")
        assert entry.up == ("UP" in shown[entry.index]["flags"])
        assert entry.carrier == ("LOWER_UP" in shown[entry.index]["flags"])
        compare_kind(entry, info.get("info_data", {}), info.get("info_slave_data", {}), by_index)


def compare_kind(entry: Link, data: dict[str, Any], slave: dict[str, Any], by_index: dict[int, str]) -> None:
    if entry.bridge is not None:
        bridge = entry.bridge
        for key in ("stp_state", "forward_delay", "ageing_time", "mcast_querier"):
            assert getattr(bridge, key) == data[key], key
        assert bridge.mcast_snooping == bool(data["mcast_snooping"])
        assert bridge.group_fwd_mask == int(data["group_fwd_mask"], 16)
        assert bridge.nf_call_iptables == bool(data["nf_call_iptables"])
        assert bridge.nf_call_ip6tables == bool(data["nf_call_ip6tables"])
    if entry.port is not None:
        port = entry.port
        expected = {
            "state": STATES[port.state],
            "hairpin": port.hairpin,
            "learning": port.learning,
            "flood": port.unicast_flood,
            "mcast_flood": port.mcast_flood,
            "bcast_flood": port.bcast_flood,
            "isolated": port.isolated,
            "locked": port.locked,
            "neigh_suppress": port.neigh_suppress,
            "proxy_arp": port.proxyarp,
            "proxy_arp_wifi": port.proxyarp_wifi,
        }
        assert {key: slave[key] for key in expected} == expected
    if entry.vxlan is not None:
        vxlan = entry.vxlan
        multicast = vxlan.group is not None and vxlan.group.startswith(("239.", "ff"))
        group = "group" if multicast else "remote"
        v6 = "6" if ":" in (vxlan.group or "") else ""
        subset(
            {
                "id": vxlan.vni,
                group + v6: vxlan.group,
                "local" + v6: vxlan.local,
                "link": by_index.get(vxlan.link),
                "port": vxlan.port,
                "learning": vxlan.learning,
                "proxy": vxlan.proxy,
                "rsc": vxlan.rsc,
                "l2miss": vxlan.l2miss,
                "l3miss": vxlan.l3miss,
                "external": vxlan.collect_metadata,
                "gbp": vxlan.gbp,
                "ttl": vxlan.ttl,
                "df": DF[vxlan.df],
                "ageing": vxlan.ageing,
                "udp_csum": vxlan.udp_csum,
            },
            data,
        )
    if entry.macvlan is not None:
        assert entry.macvlan.mode == data["mode"]
        assert list(entry.macvlan.sources) == data.get("macaddr_data", [])


def test_every_device_as_pyroute2_reads_it(bench: Bench, host: LiveHost) -> None:
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

    full = bench.add("pyroute")
    bench.ip(full, DEVICES)
    namespace = opened(host, bench, full)
    for message in namespace._table("links").messages():
        other = ifinfmsg(message)
        other.decode()
        entry = link(message)
        assert (entry.index, entry.flags, entry.arp_type) == (
            other["index"],
            other["flags"],
            other["ifi_type"],
        )
        fields = {
            "name": "IFLA_IFNAME",
            "mtu": "IFLA_MTU",
            "address": "IFLA_ADDRESS",
            "broadcast": "IFLA_BROADCAST",
            "operstate": "IFLA_OPERSTATE",
            "iflink": "IFLA_LINK",
            "link_netnsid": "IFLA_LINK_NETNSID",
            "master": "IFLA_MASTER",
            "qdisc": "IFLA_QDISC",
            "group": "IFLA_GROUP",
        }
        for field, attribute in fields.items():
            assert getattr(entry, field) == other.get_attr(attribute), (entry.name, field)


def test_one_link_is_read_as_in_the_dump(bench: Bench) -> None:
    full = bench.add("single")
    bench.ip(full, DEVICES)
    with LiveHost() as whole, LiveHost() as single:
        for entry in opened(whole, bench, full).links():
            assert opened(single, bench, full).link(entry.index) == entry
            assert opened(single, bench, full).link_named(entry.name) == entry
        assert opened(single, bench, full).link(9999) is None
        assert opened(single, bench, full).link_named("absent") is None
        assert opened(single, bench, full).link_named("a-name-of-more-than-fifteen") is None


def test_links_are_picked_by_the_kernel(bench: Bench) -> None:
    full = bench.add("picked")
    bench.ip(full, DEVICES)
    with LiveHost() as whole, LiveHost() as picked:
        links = opened(whole, bench, full).links()
        namespace = opened(picked, bench, full)
        bridge = namespace.link_named("br0")
        assert bridge is not None
        assert namespace.ports(bridge.index) == tuple(e for e in links if e.master == bridge.index)
        assert {e.name for e in namespace.ports(bridge.index)} == {"v0", "p0", "vx0"}
        for kind in ("vxlan", "macvlan", "bridge", "veth", "unheard-of"):
            assert namespace.links_of_kind(kind) == tuple(e for e in links if e.kind == kind)


def test_localbypass_is_read(bench: Bench, host: LiveHost) -> None:
    full = bench.add("bypass")
    bench.ip(full, "link add vx0 type vxlan id 1 dstport 4789")
    entry = opened(host, bench, full).link_named("vx0")
    assert entry is not None
    assert entry.vxlan is not None
    assert entry.vxlan.localbypass
    assert entry.vxlan.link == 0
