"""Sysctls of the right namespace, under the names of interfaces that look like paths."""

from __future__ import annotations

from netdoctor.collect.live import LiveHost

from .conftest import Bench, opened


def test_each_namespace_has_its_own(bench: Bench, host: LiveHost) -> None:
    one, two = bench.add("one"), bench.add("two")
    bench.inside(one, "sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv4.conf.all.rp_filter=2")
    bench.inside(two, "sysctl", "-qw", "net.ipv4.ip_forward=0", "net.ipv4.conf.all.rp_filter=1")
    for name, forward, rp_filter in ((one, "1", "2"), (two, "0", "1")):
        namespace = opened(host, bench, name)
        assert namespace.sysctl("ipv4/ip_forward") == forward
        assert namespace.sysctl("ipv4/conf/all/rp_filter") == rp_filter


def test_an_interface_with_dots_in_its_name(bench: Bench, host: LiveHost) -> None:
    full = bench.add("dots")
    bench.ip(full, "link add eth0.100 type veth peer name all.eth0")
    bench.inside(full, "sysctl", "-qw", "net/ipv4/conf/eth0.100/rp_filter=2")
    namespace = opened(host, bench, full)
    assert namespace.sysctl("ipv4/conf/eth0.100/rp_filter") == "2"
    assert namespace.facts().sysctls["ipv4/conf/eth0.100/rp_filter"] == "2"
    assert namespace.sysctl("ipv4/conf/all.eth0/rp_filter") is not None


def test_what_is_not_there(bench: Bench, host: LiveHost) -> None:
    namespace = opened(host, bench, bench.add("absent"))
    for name in ("ipv4/conf/none/rp_filter", "ipv4", "", "no/such", "../kernel/hostname", "/etc/hostname"):
        assert namespace.sysctl(name) is None, name


def test_the_snapshot_has_what_the_live_host_answers(bench: Bench, host: LiveHost) -> None:
    full = bench.add("all")
    bench.ip(full, "link add v0 type veth peer name v1")
    namespace = opened(host, bench, full)
    recorded = namespace.facts().sysctls
    assert {name.split("/")[2] for name in recorded if name.startswith("ipv4/conf/")} == {
        "all",
        "default",
        "lo",
        "v0",
        "v1",
    }
    with LiveHost() as again:
        fresh = opened(again, bench, full)
        assert {name: fresh.sysctl(name) for name in recorded} == recorded
