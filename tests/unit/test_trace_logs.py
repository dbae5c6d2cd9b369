"""What operators collect: lines of three programs, read among others, and never trusted."""

from __future__ import annotations

import random

import pytest

from netdoctor.facts.traced import TraceEvent
from netdoctor.tracing.logs import LONGEST, parse

KERNEL = """\
Jan  2 03:04:05 node kernel: [ 7.1] TRACE: raw:PREROUTING:policy:2 IN=eth0 OUT= MAC=00:1f:c6 SRC=10.1.0.2 \
DST=10.2.0.9 LEN=60 TOS=0x00 PREC=0x00 TTL=64 ID=51343 DF PROTO=TCP SPT=60514 DPT=80 SEQ=1966 ACK=0 WINDOW=14600 \
RES=0x00 SYN URGP=0 OPT (020405B4) MARK=0x4000
Jan  2 03:04:05 node kernel: [ 7.1] TRACE: nat:KUBE-SVC:X:rule:3 IN=eth0 OUT=eth1 SRC=10.1.0.2 DST=10.2.0.9 LEN=84 \
TOS=0x00 PREC=0x00 TTL=63 ID=5 PROTO=ICMP TYPE=8 CODE=0 ID=22 SEQ=7
TRACE: filter:INPUT:rule:1 IN=lo OUT= SRC=10.1.0.1 DST=10.1.0.2 LEN=88 TOS=0x00 PREC=0xC0 TTL=64 ID=9 PROTO=ICMP \
TYPE=3 CODE=3 [SRC=10.1.0.2 DST=10.1.0.1 LEN=60 TTL=64 ID=1 PROTO=UDP SPT=1 DPT=2 LEN=40 ]
TRACE: filter:FORWARD:return:4 IN=a OUT=b SRC=fe80:0000:0000:0000:0000:0000:0000:0001 DST=2001:0db8::2 LEN=64 \
HOPLIMIT=255 FLOWLBL=0 PROTO=ICMPv6 TYPE=128 CODE=0 ID=3 SEQ=4
"""
XTABLES = """\
PACKET: 2 7a9112fb IN=ra MACSRC=f6:9e:37:78:a9:a1 MACDST=62:dc:a9:e0:18:7a MACPROTO=0800 SRC=10.1.0.2 DST=10.9.9.9 \
LEN=60 TOS=0x0 TTL=64 ID=54940 DF SPORT=46414 DPORT=8080 SYN
 TRACE: 2 7a9112fb raw:PREROUTING:rule:0x2:CONTINUE  -4 -t raw -A PREROUTING -j TRACE
 TRACE: 2 7a9112fb filter:FORWARD:rule:0x3:JUMP:U  -4 -t filter -A FORWARD -i ra -j U
 TRACE: 2 7a9112fb filter:U:rule:0x4:0xfffffffb  -4 -t filter -A U -p tcp -j RETURN
 TRACE: 2 7a9112fb filter:FORWARD:policy:ACCEPT
 TRACE: 2 deadbeef filter:FORWARD:policy:ACCEPT
EVENT: -4 -t filter -A FORWARD -j ACCEPT
"""
NFT = """\
trace id 7a9112fb ip filter FORWARD packet: iif "ra" oif "rb" ether saddr f6:9e:37:78:a9:a1 ether daddr \
62:dc:a9:e0:18:7a ip saddr 10.1.0.2 ip daddr 10.2.0.2 ip dscp cs0 ip ecn not-ect ip ttl 63 ip id 25893 ip length 84 \
icmp type echo-request icmp code net-unreachable icmp id 4441 icmp sequence 1 @th,64,96 0x128b016b00000000e63b0000
trace id 7a9112fb ip filter FORWARD rule iifname "ra" counter packets 0 bytes 0 jump U # handle 3 (verdict jump U)
trace id 7a9112fb ip filter U verdict continue
trace id 7a9112fb ip filter FORWARD policy drop
trace id d3ac885e ip filter FORWARD packet: iif "rb" ip saddr 10.2.0.2 ip daddr 10.1.0.2 ip ttl 63 ip id 0 \
ip length 40 tcp sport 8080 tcp dport 46414 tcp flags == 0x14 tcp window 0
trace id d3ac885e ip filter FORWARD rule ct state established accept (verdict accept)
"""


def test_lines_of_the_kernel_log() -> None:
    syn, echo, error, six = parse(KERNEL.splitlines())
    assert (syn.backend, syn.family, syn.table, syn.chain, syn.kind, syn.number) == (
        "legacy", "ip", "raw", "PREROUTING", "policy", 2,
    )  # fmt: skip
    packet = syn.packet
    assert packet is not None
    assert (packet.src, packet.dst, packet.proto, packet.sport, packet.dport) == (
        "10.1.0.2", "10.2.0.9", 6, 60514, 80,
    )  # fmt: skip
    assert (packet.ip_id, packet.ttl, packet.mark, packet.tcp_flags, packet.tcp_seq) == (51343, 64, 0x4000, 2, 1966)
    assert (packet.iif, packet.oif) == ("eth0", None)
    assert echo.chain == "KUBE-SVC:X"
    assert echo.packet is not None
    assert (echo.packet.ip_id, echo.packet.icmp_id, echo.packet.icmp_seq, echo.packet.icmp_type) == (5, 22, 7, 8)
    assert error.packet is not None
    assert (error.packet.src, error.packet.icmp_type, error.packet.sport) == ("10.1.0.1", 3, None)
    assert six.family == "ip6"
    assert six.packet is not None
    assert (six.packet.src, six.packet.dst, six.packet.ttl) == ("fe80::1", "2001:db8::2", 255)


def test_lines_of_xtables_monitor() -> None:
    events = parse(XTABLES.splitlines())
    assert [(one.chain, one.kind, one.handle, one.verdict) for one in events] == [
        ("PREROUTING", "rule", 2, "continue"),
        ("FORWARD", "rule", 3, "jump U"),
        ("U", "rule", 4, "return"),
        ("FORWARD", "policy", None, "accept"),
    ]
    assert events[1].text == "-4 -t filter -A FORWARD -i ra -j U"
    packet = events[0].packet
    assert packet is not None
    assert (packet.proto, packet.sport, packet.dport, packet.tcp_flags) == (6, 46414, 8080, 2)


def test_lines_of_nft_monitor() -> None:
    rule, end, policy, other = parse(NFT.splitlines())
    assert (rule.text, rule.handle, rule.verdict) == (
        'iifname "ra" counter packets 0 bytes 0 jump U', 3, "jump U",
    )  # fmt: skip
    assert end.kind == "return"
    assert (policy.kind, policy.verdict) == ("policy", "drop")
    assert rule.run == policy.run != other.run
    assert rule.packet is not None
    assert (rule.packet.icmp_type, rule.packet.icmp_id, rule.packet.ip_id) == (8, 4441, 25893)
    assert (rule.packet.iif, rule.packet.oif) == ("ra", "rb")
    assert other.packet is not None
    assert (other.packet.proto, other.packet.sport, other.packet.tcp_flags) == (6, 8080, 0x14)


def test_all_three_among_other_lines_and_each_other() -> None:
    lines = [line for text in (KERNEL, XTABLES, NFT) for line in text.splitlines()]
    apart = [parse(text.splitlines()) for text in (KERNEL, XTABLES, NFT)]
    noise = ["", "TRACE", "trace id", "kernel: usb 1-1: new device", "\x1b[2J TRACE: x", "PACKET: 2", "\0" * 50]
    mixed = [line for pair in zip(lines, noise * 4, strict=False) for line in pair]
    read = [(one.table, one.chain, one.kind, one.number, one.handle) for one in parse(mixed)]
    assert read == [(one.table, one.chain, one.kind, one.number, one.handle) for part in apart for one in part]


@pytest.mark.parametrize("text", [KERNEL, XTABLES, NFT], ids=["kernel", "xtables", "nft"])
def test_a_damaged_log_is_no_error(text: str) -> None:
    dice = random.Random(7)
    for _ in range(300):
        damaged = list(text)
        for _ in range(dice.randint(1, 12)):
            damaged[dice.randrange(len(damaged))] = dice.choice("\0\x1b: =[]\n\udcff٣²x0")
        for event in parse("".join(damaged).splitlines()):
            assert isinstance(event, TraceEvent)


def test_a_line_without_end_is_cut() -> None:
    line = "TRACE: filter:FORWARD:rule:1 IN=a OUT=b SRC=10.0.0.1 DST=10.0.0.2 PROTO=UDP SPT=1 DPT=2 " + "x" * 10**6
    [event] = parse([line])
    assert event.packet is not None
    assert event.packet.dport == 2
    assert len(line) > LONGEST
