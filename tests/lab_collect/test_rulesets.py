"""What is loaded is found, and what is loaded but empty is not."""

from __future__ import annotations

import ctypes
import os
import shutil
import struct

import pytest

from netdoctor.collect.live import LiveHost
from netdoctor.collect.rulesets import bpf
from netdoctor.facts.records import Ruleset

from .conftest import Bench, opened


def rulesets(bench: Bench, full: str) -> tuple[Ruleset, ...]:
    with LiveHost() as host:
        found = opened(host, bench, full).rulesets()
        assert not [m for m in host.missing if full in m.what]
        return found


@pytest.fixture
def full(bench: Bench) -> str:
    """A namespace with a pair of devices and nothing loaded."""
    name = bench.add("rules")
    bench.ip(name, "link set lo up\nlink add v0 type veth peer name v1\nlink set v0 up\nlink set v1 up")
    assert rulesets(bench, name) == ()
    return name


def need(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"needs {tool}")


def test_traffic_control(bench: Bench, full: str) -> None:
    need("tc")
    bench.inside(full, "tc", "qdisc", "add", "dev", "v0", "clsact")
    bench.inside(full, "tc", "qdisc", "add", "dev", "v1", "root", "pfifo", "limit", "50")
    assert rulesets(bench, full) == ()
    match = ("protocol", "ip", "u32", "match", "ip", "dst", "192.0.2.1", "flowid", "1:1")
    bench.inside(full, "tc", "filter", "add", "dev", "v0", "egress", *match)
    bench.inside(
        full,
        "tc",
        "qdisc",
        "replace",
        "dev",
        "v1",
        "root",
        "tbf",
        "rate",
        "1mbit",
        "burst",
        "10k",
        "latency",
        "9ms",
    )
    found = rulesets(bench, full)
    assert {entry.detail for entry in found} == {"egress filters on v0", "queueing discipline tbf on v1"}
    for entry in found:
        assert bench.inside(full, *entry.command)


def test_ingress_filters(bench: Bench, full: str) -> None:
    need("tc")
    bench.inside(full, "tc", "qdisc", "add", "dev", "v0", "ingress")
    assert rulesets(bench, full) == ()
    match = ("protocol", "ip", "u32", "match", "ip", "dst", "192.0.2.1", "flowid", "1:1")
    bench.inside(full, "tc", "filter", "add", "dev", "v0", "ingress", *match)
    [entry] = rulesets(bench, full)
    assert (entry.kind, entry.family, entry.ifindex) == ("tc", "ingress", 3)


def test_ipsec_policies(bench: Bench, full: str) -> None:
    bench.ip(full, "xfrm policy add src 10.0.0.0/8 dst 10.1.0.0/16 dir out action block")
    [entry] = rulesets(bench, full)
    assert (entry.kind, entry.detail) == ("xfrm", "1 IPsec policy")
    assert "10.1.0.0/16" in bench.inside(full, *entry.command)


def test_packets_without_policy_blocked(bench: Bench, full: str) -> None:
    bench.ip(full, "xfrm policy setdefault in block")
    [entry] = rulesets(bench, full)
    assert entry.detail == "packets without an IPsec policy are blocked"


def load(program_type: int) -> int:
    """Load a BPF program that does nothing but return 2, and return its descriptor."""
    code = struct.pack("=BBhiBBhi", 0xB7, 0, 0, 2, 0x95, 0, 0, 0)
    program, licence = ctypes.create_string_buffer(code), ctypes.create_string_buffer(b"GPL")
    attr = struct.pack(
        "=IIQQIIQ", program_type, 2, ctypes.addressof(program), ctypes.addressof(licence), 0, 0, 0
    )
    return bpf._bpf(5, attr)[0]


def attach(program: int, ifindex: int, attach_type: int, flags: int = 0) -> int:
    """Attach it to a device of the thread's namespace for as long as the returned descriptor is open."""
    return bpf._bpf(28, struct.pack("=IIII16x", program, ifindex, attach_type, flags))[0]


@pytest.mark.parametrize(("direction", "attach_type"), [("ingress", 46), ("egress", 47)])
def test_bpf_programs_on_a_device(bench: Bench, full: str, direction: str, attach_type: int) -> None:
    try:
        program = load(bpf.BPF_PROG_TYPE_SCHED_CLS)
    except OSError as error:
        pytest.skip(f"no BPF here: {error}")
    try:
        assert rulesets(bench, full) == (), "loaded, but attached nowhere"
        with LiveHost() as host:
            access = host.pool.access(opened(host, bench, full).id)
            link = access.run(lambda: attach(program, 3, attach_type))
        try:
            [entry] = rulesets(bench, full)
            assert (entry.kind, entry.family, entry.ifindex) == ("bpf", direction, 3)
        finally:
            os.close(link)
        assert rulesets(bench, full) == ()
    finally:
        os.close(program)


def test_xdp_is_a_fact_of_the_link(bench: Bench, full: str) -> None:
    try:
        program = load(6)
    except OSError as error:
        pytest.skip(f"no BPF here: {error}")
    try:
        with LiveHost() as host:
            access = host.pool.access(opened(host, bench, full).id)
            link = access.run(lambda: attach(program, 3, 37, 2))
            try:
                assert {entry.name: entry.xdp for entry in opened(host, bench, full).links()} == {
                    "lo": False,
                    "v0": True,
                    "v1": False,
                }
            finally:
                os.close(link)
    finally:
        os.close(program)
