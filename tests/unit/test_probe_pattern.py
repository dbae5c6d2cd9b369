"""The filter of the taps and the recogniser behind it: each form of the probe, and nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from netdoctor.probe.bpf import Equal, program
from netdoctor.probe.mark import fresh
from netdoctor.probe.message import echo
from netdoctor.probe.pattern import Sought, alternatives
from netdoctor.probe.recognise import Recogniser
from tests.unit.probe_packets import (
    MARK,
    Filter,
    answer,
    ip,
    layers,
    noise,
    request,
    sought,
    tunnelled,
)

PROTOS = ["icmp", "tcp", "udp"]
ASKED = [
    pytest.param(sought(proto, six=six), id=f"{proto}{6 if six else 4}")
    for proto in PROTOS
    for six in (False, True)
]


@pytest.fixture(scope="module")
def s() -> Any:
    return layers()


def error(s: Any, what: Sought, quoted: Any, quote: int) -> Any:
    """An ICMP error from a router, with the first `quote` bytes of the packet it is about."""
    kind = s.ICMPv6DestUnreach(code=1) if what.six else s.ICMP(type=3, code=1)
    return ip(s, what, "2001:db8::9" if what.six else "10.0.0.9") / kind / bytes(quoted)[:quote]


def kinds(what: Sought, *packets: Any) -> list[str | None]:
    recogniser = Recogniser(what)
    found = [recogniser.recognise(bytes(packet)) for packet in packets]
    return [caught.kind if caught is not None else None for caught in found]


@pytest.mark.parametrize("what", ASKED)
def test_probe_answer_and_error_are_taken_and_told_apart(what: Sought, s: Any) -> None:
    head = 40 if what.six else 20
    for number in range(3):
        asks, says = (
            ip(s, what) / request(s, what, number),
            ip(s, what, *_ends(what)) / answer(s, what, number),
        )
        forms = [asks, says, error(s, what, asks, head + 8), error(s, what, asks, 500)]
        with Filter(what) as taken:
            assert [taken.takes(bytes(form)) for form in forms] == [True] * 4
        assert kinds(what, *forms) == ["request", "answer", "error", "error"]
        caught = Recogniser(what).recognise(bytes(asks))
        assert caught is not None
        assert caught.number == (-1 if what.ping.proto == "udp" else number)


def _ends(what: Sought) -> tuple[str, str]:
    return ("2001:db8::2", "2001:db8::1") if what.six else ("10.0.0.2", "10.0.0.1")


@pytest.mark.parametrize("what", ASKED)
def test_inside_vxlan_and_inside_vxlan_in_vxlan(what: Sought, s: Any) -> None:
    inner = ip(s, what) / request(s, what)
    once = tunnelled(s, inner)
    with Filter(what) as taken:
        assert taken.takes(bytes(once))
        assert taken.takes(bytes(tunnelled(s, once)))
        assert not taken.takes(bytes(tunnelled(s, inner, 8472)))
    caught = Recogniser(what).recognise(bytes(tunnelled(s, once)))
    assert caught is not None
    assert (caught.kind, caught.tunnel, caught.destination) == ("request", True, what.ping.address)


@pytest.mark.parametrize("what", ASKED)
def test_nat_hides_nothing(what: Sought, s: Any) -> None:
    """Addresses, ports and the id of an echo are rewritten; what is left is enough."""
    asks = ip(s, what, *_ends(what)[::-1]) / request(s, what, sport=1024, dport=8080, ident=5)
    says = ip(s, what, *_ends(what)) / answer(s, what, sport=8080, dport=1024, ident=5)
    with Filter(what) as taken:
        assert taken.takes(bytes(asks))
        assert taken.takes(bytes(says))
    assert kinds(what, asks, says) == ["request", "answer"]


@pytest.mark.parametrize("what", ASKED)
def test_traffic_of_others_is_left_alone(what: Sought, s: Any) -> None:
    other = Sought(what.ping, fresh(), 40002 if what.sport else 0, (), what.vxlan)
    theirs = ip(s, what) / request(s, what, sport=40001)
    with Filter(other) as taken:
        assert not taken.takes(bytes(theirs))
        assert not any(taken.takes(packet) for packet in noise(300, 1))
    assert kinds(other, theirs) == [None]


def test_a_datagram_from_the_port_asked_is_an_answer_only_to_one_that_was_seen(s: Any) -> None:
    what = sought("udp")
    says = ip(s, what, "10.0.0.2", "10.0.0.1") / answer(s, what)
    to_another = ip(s, what, "10.0.0.2", "10.0.0.3") / answer(s, what, dport=5)
    asks = ip(s, what) / request(s, what)
    assert kinds(what, says, to_another, asks, says, to_another) == [None, None, "request", "answer", None]


def test_an_echoed_datagram_is_the_answer_although_it_has_the_token(s: Any) -> None:
    what = sought("udp")
    asks = ip(s, what) / request(s, what)
    echoed = ip(s, what, "10.0.0.2", "10.0.0.1") / request(s, what, sport=80, dport=40001)
    assert kinds(what, asks, echoed) == ["request", "answer"]


def test_a_reset_is_a_refusal(s: Any) -> None:
    what = sought("tcp")
    reset = ip(s, what, "10.0.0.2", "10.0.0.1") / s.TCP(sport=80, dport=4, flags="RA", ack=8)
    data = ip(s, what) / s.TCP(sport=4, dport=80, flags="A", seq=8, ack=8)
    with Filter(what) as taken:
        assert taken.takes(bytes(reset))
        assert not taken.takes(bytes(data))
    assert kinds(what, reset, data) == ["refusal", None]


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9])
def test_a_payload_too_small_for_the_token(size: int, s: Any) -> None:
    for proto in ("icmp", "udp"):
        what = sought(proto, size)
        asks = ip(s, what) / request(s, what)
        with Filter(what) as taken:
            assert taken.takes(bytes(asks))
        assert kinds(what, asks) == ["request"]
    what = sought("icmp", size)
    other = ip(s, what) / s.ICMP(type=8, id=0xBEEF, seq=699) / bytes(size)
    with Filter(what) as taken:
        assert not taken.takes(bytes(other))


def test_of_a_fragmented_packet_the_first_part_counts(s: Any) -> None:
    what = sought("icmp", 4000)
    first, *others = s.fragment(ip(s, what) / request(s, what), 1480)
    assert len(others) == 2
    with Filter(what) as taken:
        assert [taken.takes(bytes(part)) for part in (first, *others)] == [True, False, False]
    assert kinds(what, first, *others) == ["request", None, None]


@pytest.mark.parametrize("what", ASKED)
def test_whatever_is_cut_short_is_refused_and_harms_nothing(what: Sought, s: Any) -> None:
    whole = bytes(tunnelled(s, ip(s, what) / request(s, what)))
    inside = 50 + (40 if what.six else 20)
    with Filter(what) as taken:
        assert not any(taken.takes(whole[:length]) for length in range(inside + 2))
    for length in range(len(whole)):
        Recogniser(what).recognise(whole[:length])
    for packet in noise(500, 2):
        assert Recogniser(what).recognise(packet) is None


def test_the_echo_is_the_one_that_scapy_builds(s: Any) -> None:
    for size in (0, 5, 56, 3001):
        assert echo(MARK, 2, size) == bytes(s.ICMP(type=8, id=MARK.ident, seq=702) / MARK.payload(size))


def test_scapy_comes_without_cache_interfaces_or_routes(tmp_path: Path) -> None:
    program = (
        "import os, sys\n"
        "from netdoctor.probe.mark import fresh\n"
        "from netdoctor.probe.message import echo\n"
        "echo(fresh(), 0, 56)\n"
        "loaded = {'scapy.route', 'scapy.layers.inet', 'scapy.arch.linux', 'scapy.libs.manuf'} & set(sys.modules)\n"
        "assert not loaded, loaded\n"
        "assert 'XDG_CACHE_HOME' not in os.environ\n"
    )
    environment = {key: value for key, value in os.environ.items() if not key.startswith("XDG_")}
    environment["HOME"] = str(tmp_path)
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


def test_marks_are_fresh() -> None:
    marks = [fresh() for _ in range(200)]
    assert len({mark.token for mark in marks}) == 200
    assert all(len(set(mark.isns)) == 3 and 0 not in mark.isns for mark in marks)
    assert all(0 < mark.sequence(number) < 65536 for mark in marks for number in range(3))


def test_a_program_is_never_longer_than_the_kernel_takes() -> None:
    ports = tuple(range(1, 200))
    assert len(program(alternatives(sought("udp", vxlan=(4789, 8472))), 256)) < 4096 * 8
    with pytest.raises(ValueError, match="instructions"):
        program([(Equal(1, 0, (value,)), Equal(1, 1, ports)) for value in range(60)], 256)
