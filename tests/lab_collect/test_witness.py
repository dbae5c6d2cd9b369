"""What the kernel answers itself, against what iproute2 gets from it."""

from __future__ import annotations

import errno

import pytest

from netdoctor.collect.live import LiveHost
from netdoctor.collect.witness import RouteAnswer, Witness

from .conftest import Bench, opened

NETWORK = """
    link set lo up
    link add br0 type bridge
    link set br0 up
    link add v0 type veth peer name v1
    link set v0 master br0 up
    link set v1 up
    addr add 10.0.0.1/24 dev v1
    addr add 10.0.0.2/24 dev v1
    route add 10.1.0.0/16 via 10.0.0.9
    route add 10.2.0.0/16 via 10.0.0.9 src 10.0.0.2
    route add 10.3.0.0/16 via 10.0.0.8 table 100
    route add unreachable 10.4.0.0/16
    route add prohibit 10.5.0.0/16
    route add blackhole 10.6.0.0/16
    rule add fwmark 7 lookup 100
    neigh add 10.0.0.9 lladdr 02:00:00:00:00:09 dev v1 nud permanent
    link add vx0 type vxlan id 42 dstport 4790
"""


@pytest.fixture
def full(bench: Bench) -> str:
    """A namespace with routes of every kind."""
    name = bench.add("witness")
    bench.ip(name, NETWORK)
    return name


def test_routes(bench: Bench, host: LiveHost, full: str) -> None:
    witness, inode = Witness(host), bench.inode(full)
    v1 = opened(host, bench, full).link_named("v1")
    assert v1 is not None
    assert witness.route(inode, "10.1.0.5") == RouteAnswer("unicast", v1.index, "10.0.0.9", "10.0.0.1", 254)
    assert witness.route(inode, "10.2.0.5").prefsrc == "10.0.0.2"
    assert witness.route(inode, "10.0.0.1").kind == "local"
    assert witness.route(inode, "10.0.0.255").kind == "broadcast"
    assert witness.route(inode, "10.3.0.5").errno == errno.ENETUNREACH
    marked = witness.route(inode, "10.3.0.5", mark=7)
    assert (marked.table, marked.gateway) == (100, "10.0.0.8")
    assert witness.route(inode, "10.4.0.5").errno == errno.EHOSTUNREACH
    assert witness.route(inode, "10.5.0.5").errno == errno.EACCES
    assert witness.route(inode, "10.6.0.5") == RouteAnswer("error", errno=errno.EINVAL)
    assert witness.route(inode, "10.1.0.5", source="10.0.0.2").kind == "unicast"
    received = witness.route(inode, "10.0.0.1", source="10.0.0.77", iif=v1.index, ip_proto=1)
    assert received.kind == "local"
    with pytest.raises(LookupError):
        witness.route(1, "10.0.0.1")


def test_neighbours(bench: Bench, host: LiveHost, full: str) -> None:
    witness, inode = Witness(host), bench.inode(full)
    v1 = opened(host, bench, full).link_named("v1")
    assert v1 is not None
    assert witness.neighbour(inode, v1.index, "10.0.0.9") == ("PERMANENT", "02:00:00:00:00:09")
    assert witness.neighbour(inode, v1.index, "10.0.0.7") is None


def test_forwarding_databases(bench: Bench, host: LiveHost, full: str) -> None:
    bench.run("bridge", "-n", full, "fdb", "add", "02:00:00:00:01:01", "dev", "v0", "master", "static")
    bench.run("bridge", "-n", full, "fdb", "add", "02:00:00:00:01:02", "dev", "vx0", "dst", "10.0.0.5")
    witness, inode = Witness(host), bench.inode(full)
    namespace = opened(host, bench, full)
    bridge, port, vxlan = (namespace.link_named(name) for name in ("br0", "v0", "vx0"))
    assert bridge is not None
    assert port is not None
    assert vxlan is not None
    entry = witness.fdb(inode, bridge.index, "02:00:00:00:01:01")
    assert entry is not None
    assert (entry.ifindex, entry.master) == (port.index, bridge.index)
    remote = witness.fdb(inode, vxlan.index, "02:00:00:00:01:02")
    assert remote is not None
    assert remote.dst == "10.0.0.5"
    assert witness.fdb(inode, bridge.index, "02:00:00:00:01:09") is None
    assert witness.fdb(inode, vxlan.index, "02:00:00:00:01:09") is None
