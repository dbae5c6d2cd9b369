"""The gate lets nothing through that is not for a namespace of the lab. No root is needed to be refused."""

from __future__ import annotations

import pytest

from netdoctor.lab import Gate, Refused, firewall
from netdoctor.lab.netns import sysctl_path
from netdoctor.lab.words import namespace_of

NAMES = ("ndx-bridge-a", "ndx-bridge-h")


@pytest.mark.parametrize(
    "line",
    [
        "ip -n ndx-bridge-a link set eth0 up",
        "ip -4 -netns ndx-bridge-a route add default via 10.0.0.1",
        "bridge -n ndx-bridge-a fdb add 02:00:00:00:00:01 dev vx0 dst 10.0.0.1 self permanent",
        "ip netns exec ndx-bridge-a sysctl -w net.ipv4.ip_forward=1",
        "nsenter --net=/run/netns/ndx-bridge-a sysctl -w net/ipv4/conf/flannel.1/rp_filter=0",
        "nsenter --net=/var/run/netns/ndx-bridge-a -- ip link set eth0 up",
        "ip -n ndx-bridge-a link set eth9 netns ndx-bridge-h",
        "ip netns exec ndx-bridge-a iptables-nft -t nat -D POSTROUTING -m statistic --mode random -j MASQUERADE",
        "ip netns exec ndx-bridge-a nft delete rule inet filter forward handle 4",
        "ip netns exec ndx-bridge-a ipset add allowed 10.0.0.1",
    ],
)
def test_reads_the_namespace(line: str) -> None:
    assert namespace_of(line.split(), NAMES) == "ndx-bridge-a"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "ip link set eth0 down",
        "ip -n",
        "ip -n ndx-bridge-a",
        "ip -n ndx-bridge-a -n host link set eth0 down",
        "ip -n ndx-bridge-a -batch /tmp/x",
        "ip -n ndx-bridge-a netns exec host ip link",
        "ip -n ndx-bridge-a vrf exec red sh",
        "ip -n ndx-bridge-a link set eth0 netns 1",
        "ip -n ndx-bridge-a link add x type veth peer name y netns other",
        "ip -n ndx-bridge-a link add x link-netnsid 0 link eth0 type macvlan",
        "ip netns exec ndx-bridge-a sh -c reboot",
        "ip netns exec ndx-bridge-a ip netns exec other ip link",
        "ip netns exec ndx-bridge-a sysctl -w kernel.panic=1",
        "ip netns exec ndx-bridge-a sysctl -p /tmp/x",
        "ip netns exec ndx-bridge-a iptables-nft --modprobe=/tmp/x -L",
        "ip netns exec ndx-bridge-a iptables -M/tmp/x -L",
        "ip netns exec ndx-bridge-a iptables-restore /tmp/x",
        "ip netns delete ndx-bridge-a",
        "nsenter -t 1 -n ip link set eth0 down",
        "nsenter --net=/proc/1/ns/net ip link set eth0 down",
        "sysctl -w net.ipv4.ip_forward=1",
        "sh -c true",
        "/tmp/ip -n ndx-bridge-a link set eth0 up",
    ],
)
def test_refuses(line: str) -> None:
    with pytest.raises(Refused):
        namespace_of(line.split(), NAMES)


@pytest.mark.parametrize("name", ["", "cni-1234", "nd", "nd-../x", "ND-bridge-a", "nd-a b", "nd-a\n"])
def test_gate_serves_lab_names_only(name: str) -> None:
    with pytest.raises(Refused):
        Gate([name])


def test_gate_refuses_the_namespaces_of_another_lab() -> None:
    with pytest.raises(Refused):
        Gate(NAMES).run(["ip", "-n", "ndy-bridge-a", "link", "set", "eth0", "up"])


def test_a_batch_line_cannot_carry_another() -> None:
    with pytest.raises(Refused):
        Gate(NAMES).batch("ip", NAMES[0], [["link", "set", "eth0\nlink", "down"]])


@pytest.mark.parametrize(
    ("setting", "path"),
    [
        ("net.ipv4.ip_forward", "/proc/sys/net/ipv4/ip_forward"),
        ("net.ipv4.conf.flannel/1.rp_filter", "/proc/sys/net/ipv4/conf/flannel.1/rp_filter"),
        ("net/ipv4/conf/flannel.1/rp_filter", "/proc/sys/net/ipv4/conf/flannel.1/rp_filter"),
    ],
)
def test_sysctl_names(setting: str, path: str) -> None:
    assert str(sysctl_path(setting)) == path


@pytest.mark.parametrize(
    ("program", "line"),
    [
        ("nft", 'include "/tmp/x"'),
        ("nft", "list ruleset"),
        ("nft", 'add table ip x ; include "/tmp/x"'),
        ("nft", "-f /tmp/x"),
        ("iptables-nft", "*nat"),
        ("iptables-nft", "-A FORWARD --modprobe=/tmp/x"),
        ("iptables-legacy", "-M /tmp/x -A FORWARD"),
        ("ebtables-nft", "--atomic-file /tmp/x -L"),
        ("ipset", "-file /tmp/x list"),
        ("ipset", "add allowed 10.0.0.1 -file /tmp/x"),
        ("ipset", "add allowed 10.0.0.1\ndestroy"),
        ("sh", "-c true"),
    ],
)
def test_rules_stay_in_the_namespace(program: str, line: str) -> None:
    with pytest.raises(Refused):
        firewall.check(program, line.split(" "))


def test_rules_of_one_table_go_in_one_section() -> None:
    lines = [
        ["-N", "X"],
        ["-A", "FORWARD", "-m", "comment", "--comment", "two words", "-j", "X"],
        ["-t", "nat", "-A", "POSTROUTING", "-j", "MASQUERADE"],
    ]
    assert list(firewall.runs("iptables-nft", lines)) == [
        (
            ["iptables-nft-restore", "--wait", "10", "--noflush"],
            '*filter\n-N X\n-A FORWARD -m comment --comment "two words" -j X\nCOMMIT\n'
            "*nat\n-A POSTROUTING -j MASQUERADE\nCOMMIT\n",
        )
    ]


@pytest.mark.parametrize("setting", ["kernel.panic", "net/../kernel/panic", "net"])
def test_sysctl_stays_in_the_namespace(setting: str) -> None:
    with pytest.raises(ValueError, match="not a setting"):
        sysctl_path(setting)
