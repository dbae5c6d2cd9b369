"""Virtual services of IPVS: read as the kernel lists them, and an honest unknown where a packet meets one."""

from __future__ import annotations

import pytest

from netdoctor.collect.rulesets.ipvs import services
from netdoctor.diagnosis import diagnose
from netdoctor.facts.records import Ruleset
from netdoctor.question import End, Question
from tests.unit.networks import routed

#: As ip_vs_info_seq_show() prints it.
LISTED = """IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  0A020002:0050 rr persistent 10800
  -> 0AF40103:1F90      Masq    1      0          0
UDP  0A020002:0000 rr
TCP  [fd00:0000:0000:0000:0000:0000:0000:0001]:0050 rr
FWM  00000101 rr
"""


def listed() -> list[Ruleset]:
    return list(services(LISTED.splitlines(keepends=True)))


def test_services_are_read() -> None:
    assert [each.detail for each in listed()] == [
        "the IPVS service tcp 10.2.0.2:80",
        "the IPVS service udp 10.2.0.2:0",
        "the IPVS service of mark 0x101",
    ]


@pytest.mark.parametrize("text", ["TCP", "TCP  nonsense:0050 rr", "FWM  x rr", "UDP  0A020002 rr", "TCP  FFFFFFFFFF:1"])
def test_what_no_kernel_prints_is_passed_over(text: str) -> None:
    assert list(services([text])) == []


@pytest.mark.parametrize(
    ("protocol", "port", "met"),
    [
        ("tcp", 80, "the IPVS service tcp 10.2.0.2:80"),
        ("tcp", 81, None),
        ("udp", 53, "the IPVS service udp 10.2.0.2:0"),
    ],
)
def test_who_meets_a_service_is_told_so(protocol: str, port: int, met: str | None) -> None:
    net = routed()
    net["b"]._tables.update(rulesets=listed())
    net["b"]._tables.update(sockets=[])
    ends = End("a", "netns", "a", net["a"].inode), End("10.2.0.2", "address", "10.2.0.2", None, "10.2.0.2")
    report = diagnose(net.host(), Question(*ends, size=0, protocol=protocol, port=port))
    assert report.verdict == ("unknown" if met else "unreachable"), report.summary
    assert met is None or met in report.summary + str(report.missing)
