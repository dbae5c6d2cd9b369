"""Rules in the save format become matches and statements; what is not known stays undecided and keeps its text."""

from __future__ import annotations

import random

import pytest

from netdoctor.facts.firewall import FirewallText, SetText
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter import rarer
from netdoctor.kernel.netfilter.ruleset import Ruleset
from netdoctor.kernel.netfilter.xtables import split

FULL = 0xFFFFFFFF


def number(text: str) -> int:
    total = 0
    for byte in text.split("."):
        total = total << 8 | int(byte)
    return total


def address(side: str, first: str, last: str, text: str, negated: bool = False) -> m.Address:
    return m.Address(negated, side, ((number(first), number(last)),), text)  # type: ignore[arg-type]


def table(text: str, name: str = "filter", family: str = "ip", ipsets: tuple[SetText, ...] = ()) -> Ruleset:
    return Ruleset([FirewallText("legacy", family, "tool", name, text)], lambda: ipsets)


def parsed(
    line: str, name: str = "filter", family: str = "ip", ipsets: tuple[SetText, ...] = ()
) -> m.FirewallRule:
    chain = line.split()[1]
    text = f":{chain} ACCEPT [0:0]\n:USER - [0:0]\n[3:252] {line}\n"
    place = m.Place("legacy", family, name, chain)  # type: ignore[arg-type]
    [rule] = table(text, name, family, ipsets).rules(place)
    assert rule.text == line
    assert rule.packets == 3
    return rule


MATCHES: list[tuple[str, tuple[m.Match, ...]]] = [
    (
        "-s 10.0.0.0/8 -d 10.1.0.1/32 -i eth+ -o br0 -p tcp",
        (
            address("src", "10.0.0.0", "10.255.255.255", "10.0.0.0/8"),
            address("dst", "10.1.0.1", "10.1.0.1", "10.1.0.1/32"),
            m.Interface(which="in", names=("eth",), wildcard=True),
            m.Interface(which="out", names=("br0",)),
            m.Protocol(numbers=(6,)),
        ),
    ),
    (
        "! -s 10.0.0.0/8 ! -i eth+ ! -p tcp",
        (
            address("src", "10.0.0.0", "10.255.255.255", "10.0.0.0/8", True),
            m.Interface(True, "in", ("eth",), True),
            m.Protocol(True, (6,)),
        ),
    ),
    ("-i +", (m.Interface(which="in", names=("",), wildcard=True),)),
    ("-s 10.0.0.0/255.0.255.0", (m.Unknown(text="-s 10.0.0.0/255.0.255.0"),)),
    ("-f", (m.Fragment(),)),
    (
        "-p tcp -m tcp --sport 1:5 ! --dport 80",
        (m.Protocol(numbers=(6,)), m.Port(side="src", ranges=((1, 5),)), m.Port(True, "dst", ((80, 80),))),
    ),
    (
        "-p tcp -m tcp ! --tcp-flags FIN,SYN,RST,ACK SYN",
        (m.Protocol(numbers=(6,)), m.TcpFlags(True, 23, 2)),
    ),
    ("-p tcp -m tcp --tcp-option 8", (m.Protocol(numbers=(6,)), m.Unknown(text="-m tcp --tcp-option 8"))),
    ("-p icmp -m icmp ! --icmp-type 3/1", (m.Protocol(numbers=(1,)), m.IcmpType(True, 3, (1, 1)))),
    ("-p icmp -m icmp --icmp-type any", (m.Protocol(numbers=(1,)),)),
    (
        "-p tcp -m multiport ! --dports 22,80:90",
        (m.Protocol(numbers=(6,)), m.Port(True, "dst", ((22, 22), (80, 90)))),
    ),
    (
        "-p udp -m multiport --ports 53",
        (m.Protocol(numbers=(17,)), m.Port(side="either", ranges=((53, 53),))),
    ),
    (
        "-m iprange ! --src-range 10.0.0.1-10.0.0.9",
        (address("src", "10.0.0.1", "10.0.0.9", "10.0.0.1-10.0.0.9", True),),
    ),
    (
        "-m addrtype ! --dst-type LOCAL,BROADCAST --limit-iface-in",
        (m.AddressType(True, "dst", ("LOCAL", "BROADCAST"), True),),
    ),
    ("-m conntrack ! --ctstate NEW,DNAT", (m.State(True, ("NEW", "DNAT")),)),
    ("-m state --state RELATED,ESTABLISHED", (m.State(states=("RELATED", "ESTABLISHED")),)),
    (
        "-m conntrack --ctproto 6 --ctorigdst 10.0.0.0/8 ! --ctreplsrcport 80:90 --ctdir REPLY",
        (
            m.CtProtocol(numbers=(6,)),
            m.CtAddress(ranges=((number("10.0.0.0"), number("10.255.255.255")),)),
            m.CtPort(True, "reply", "src", ((80, 90),)),
            m.CtDirection(direction="reply"),
        ),
    ),
    ("-m conntrack --ctstatus SEEN_REPLY", (m.CtStatus(statuses=("SEEN_REPLY",)),)),
    ("-m mark ! --mark 0x10/0xf0", (m.Mark(True, 16, 0xF0),)),
    ("-m connmark --mark 0x10", (m.Mark(value=16, ct=True),)),
    (
        "-m statistic --mode random --probability 0.3",
        (m.Chance(likely=False, text="statistic --mode random --probability 0.3"),),
    ),
    (
        "-m statistic --mode random --probability 1.00",
        (m.Chance(certain=True, text="statistic --mode random --probability 1.00"),),
    ),
    (
        "-m hashlimit --hashlimit-above 5/sec --hashlimit-name x",
        (m.Chance(likely=False, text="hashlimit --hashlimit-above 5/sec --hashlimit-name x"),),
    ),
    ("-m limit --limit 5/min", (rarer.Bucket(text="limit --limit 5/min"),)),
    ("-m recent --set --name x", ()),
    ("-m length ! --length 100:200", (m.Range(True, "length", 100, 200),)),
    ("-m ttl --ttl-lt 5", (m.Range(what="ttl", first=0, last=4),)),
    ("-m ttl --ttl-gt 5", (m.Range(what="ttl", first=6, last=255),)),
    ("-m mac ! --mac-source 02:00:00:00:00:0A", (m.Mac(True, "02:00:00:00:00:0a"),)),
    (
        "-m owner --uid-owner 0-500 ! --gid-owner 5 --socket-exists",
        (m.Owner(uid=(0, 500)), m.Owner(True, gid=(5, 5)), m.Owner(exists=True)),
    ),
    ("-m rpfilter --loose --invert", (m.RpFilter(True, loose=True),)),
    (
        "-m physdev ! --physdev-in veth+ --physdev-is-bridged",
        (m.Interface(True, "physin", ("veth",), True), m.PhysBridged()),
    ),
    ("-m pkttype ! --pkt-type broadcast", (m.PacketType(True, "broadcast"),)),
    ("-m dscp ! --dscp 0x2e", (m.Range(True, "dscp", 46, 46),)),
    ("-m tos --tos 0x10/0xf0", (m.AnyOf(alternatives=((m.Range(what="tos", first=16, last=31),),)),)),
    ("-m socket --nowildcard", (m.Socket(wildcard=True),)),
    ("-m policy --dir in --pol ipsec", (m.Never(),)),
    ('-m string --string "foo bar" --algo bm', (m.Unknown(text="-m string --string foo bar --algo bm"),)),
    ('-m u32 --u32 "0x6&0xff=0x1"', (m.Unknown(text="-m u32 --u32 0x6&0xff=0x1"),)),
]


@pytest.mark.parametrize(("text", "matches"), MATCHES)
def test_matches(text: str, matches: tuple[m.Match, ...]) -> None:
    rule = parsed(f"-A FORWARD {text} -j DROP")
    assert rule.matches == matches
    assert rule.statements == (m.Verdict("drop"),)


STATEMENTS: list[tuple[str, str, tuple[m.Statement, ...]]] = [
    ("filter", "", ()),
    ("filter", "-j RETURN", (m.Verdict("return"),)),
    ("filter", "-j USER", (m.Verdict("jump", "USER"),)),
    ("filter", "-g USER", (m.Verdict("goto", "USER"),)),
    ("filter", "-j REJECT --reject-with icmp-host-prohibited", (m.Reject("icmp-host-prohibited"),)),
    ("filter", "-j NFQUEUE --queue-num 5 --queue-bypass", (rarer.ToQueue("queue", bypass=True, queues=(5, 5)),)),
    ("filter", '-j LOG --log-prefix "-j DROP: "', (m.Pass("LOG --log-prefix -j DROP: "),)),
    ("filter", "-j SYNPROXY --mss 1460", (rarer.Alters("SYNPROXY --mss 1460"),)),
    ("raw", "-j CT --notrack", (m.NoTrack(),)),
    ("raw", "-j CT --zone 5", (m.NoTrack(5),)),
    ("raw", "-j TRACE", (m.Pass("TRACE"),)),
    ("mangle", "-j MARK --set-xmark 0x4000/0x4000", (m.SetMark(0x4000, 0x4000),)),
    ("mangle", "-j CONNMARK --set-xmark 0x7/0xff", (m.SetMark(7, 0xFF, True),)),
    (
        "mangle",
        "-j CONNMARK --save-mark --nfmask 0xff --ctmask 0xf",
        (m.SetMark(0, 0xF, True, "mark", 0xFF),),
    ),
    (
        "mangle",
        "-j CONNMARK --restore-mark --nfmask 0xff --ctmask 0xf",
        (m.SetMark(0, 0xFF, False, "ct", 0xF),),
    ),
    ("mangle", "-j TTL --ttl-dec 5", (m.SetTtl("dec", 5),)),
    ("nat", "-j DNAT --to-destination 10.0.0.1", (m.Translate("dnat", ("10.0.0.1", "10.0.0.1")),)),
    (
        "nat",
        "-j DNAT --to-destination 10.0.0.1-10.0.0.5:80-90 --random",
        (m.Translate("dnat", ("10.0.0.1", "10.0.0.5"), (80, 90), random=True),),
    ),
    ("nat", "-j DNAT --to-destination :8080", (m.Translate("dnat", None, (8080, 8080)),)),
    (
        "nat",
        "-j DNAT --to-destination 10.0.0.1:1000-2000/1000",
        (m.UnknownStatement("DNAT --to-destination 10.0.0.1:1000-2000/1000"),),
    ),
    ("nat", "-j SNAT --to-source 10.0.0.1", (m.Translate("snat", ("10.0.0.1", "10.0.0.1")),)),
    ("nat", "-j MASQUERADE --to-ports 1024-2048", (m.Translate("masquerade", None, (1024, 2048)),)),
    ("nat", "-j REDIRECT --to-ports 8080", (m.Translate("redirect", None, (8080, 8080)),)),
    ("nat", "-j NETMAP --to 10.1.0.0/24", (m.Translate("netmap", network=("10.1.0.0", 24)),)),
]


@pytest.mark.parametrize(("name", "text", "statements"), STATEMENTS)
def test_targets(name: str, text: str, statements: tuple[m.Statement, ...]) -> None:
    chain = "FORWARD" if name in ("filter", "mangle") else "PREROUTING"
    assert parsed(f"-A {chain} {text}".rstrip(), name).statements == statements


def test_ipv6() -> None:
    rule = parsed("-A FORWARD -s fd00::/8 -p ipv6-icmp -m icmp6 --icmpv6-type 128 -j REJECT", family="ip6")
    source, *rest = rule.matches
    assert isinstance(source, m.Address)
    assert (source.version, source.ranges) == (6, ((0xFD << 120, (0xFE << 120) - 1),))
    assert rest == [m.Protocol(numbers=(58,)), m.IcmpType(type=128)]
    assert rule.statements == (m.Reject("icmp6-port-unreachable"),)
    dnat = parsed("-A PREROUTING -p tcp -j DNAT --to-destination [fd00::1]:80", "nat", "ip6")
    assert dnat.statements == (m.Translate("dnat", ("fd00::1", "fd00::1"), (80, 80)),)


@pytest.mark.parametrize("text", ['it\'s "quoted" -j ACCEPT', "--drop", "!", "a\\b", "-j"])
def test_a_comment_is_nothing_but_a_comment(text: str) -> None:
    plain = text.replace("-", "").isalnum()
    written = text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    rule = parsed(f"-A FORWARD -m comment --comment {written} -j DROP")
    assert (rule.comment, rule.matches, rule.statements) == (text, (), (m.Verdict("drop"),))


def test_sets_are_looked_up_by_their_dimensions() -> None:
    sets = (
        SetText("pairs", "create pairs hash:ip,port family inet\nadd pairs 10.0.0.1,tcp:80\n"),
        SetText("links", "create links hash:net,iface family inet\n"),
    )
    rule = parsed("-A FORWARD -m set --match-set pairs src,dst -j DROP", ipsets=sets)
    assert rule.matches == (m.InSet(name="pairs", fields=("src", "dport")),)
    rule = parsed("-A FORWARD -m set ! --match-set links dst,src -j DROP", ipsets=sets)
    assert rule.matches == (m.InSet(True, "links", ("dst", "iif")),)
    rule = parsed("-A FORWARD -m set --match-set nowhere src -j DROP", ipsets=sets)
    assert rule.matches == (m.InSet(name="nowhere", fields=("src",)),)
    rule = parsed("-A FORWARD -m set --match-set pairs src,dst --packets-gt 5 -j DROP", ipsets=sets)
    assert isinstance(rule.matches[0], m.Unknown)


EBTABLES: list[tuple[str, tuple[m.Match, ...], tuple[m.Statement, ...]]] = [
    (
        "-p IPv4 -i ! v+ --logical-in br0 --ip-dst ! 10.0.0.1 --ip-proto tcp --ip-dport 80:90 -j DROP",
        (
            m.EtherType(numbers=(0x0800,)),
            m.Interface(True, "in", ("v",), True),
            m.Interface(which="brin", names=("br0",)),
            address("dst", "10.0.0.1", "10.0.0.1", "10.0.0.1", True),
            m.Protocol(numbers=(6,)),
            m.Port(ranges=((80, 90),)),
        ),
        (m.Verdict("drop"),),
    ),
    (
        "-p ARP --arp-op Request --arp-ip-dst 10.0.0.0/8 -j CONTINUE",
        (
            m.EtherType(numbers=(0x0806,)),
            m.ArpField(values=("1",)),
            m.ArpField(field="daddr", values=("10.0.0.0/8",)),
        ),
        (m.Verdict("continue"),),
    ),
    (
        "-s 02:0:0:0:0:a -d ! Broadcast -j mark --mark-or 0x5 --mark-target RETURN",
        (m.Mac(lladdr="02:00:00:00:00:0a"), m.Mac(True, "ff:ff:ff:ff:ff:ff", "dst")),
        (m.SetMark(5, 5), m.Verdict("return")),
    ),
    (
        "-p IPv4 --ip-proto icmp --ip-icmp-type echo-request/0:255 --pkttype-type host -j USER",
        (
            m.EtherType(numbers=(0x0800,)),
            m.Protocol(numbers=(1,)),
            m.IcmpType(type=8),
            m.PacketType(type="unicast"),
        ),
        (m.Verdict("jump", "USER"),),
    ),
    ("-p 802_1Q --vlan-id 5", (m.EtherType(numbers=(0x8100,)), m.Unknown(text="--vlan-id 5")), ()),
]


@pytest.mark.parametrize(("text", "matches", "statements"), EBTABLES)
def test_ebtables(text: str, matches: tuple[m.Match, ...], statements: tuple[m.Statement, ...]) -> None:
    rule = parsed(f"-A FORWARD {text}", family="bridge")
    assert (rule.matches, rule.statements) == (matches, statements)


def test_arptables_prints_the_target_first() -> None:
    text = "-A INPUT -j DROP -s 10.0.0.0/8 --src-mac 02:00:00:00:00:01 ! -d 10.0.0.1 --opcode 1"
    rule = parsed(text, family="arp")
    assert rule.statements == (m.Verdict("drop"),)
    assert rule.matches == (
        m.ArpField(field="saddr", values=("10.0.0.0/8",)),
        m.ArpField(True, "daddr", ("10.0.0.1",)),
        m.ArpField(field="smac", values=("02:00:00:00:00:01",)),
        m.ArpField(values=("1",)),
    )


def test_nothing_that_a_file_may_hold_raises() -> None:
    rng = random.Random(7)
    lines = [f"-A FORWARD {text} -j DROP" for text, _ in MATCHES]
    lines += [f"-A FORWARD {text}" for _, text, _ in STATEMENTS]
    for _ in range(2000):
        words = rng.choice(lines).split() + rng.choice(lines).split()[2:]
        kept = [word for word in words if rng.random() > 0.2]
        text = ":FORWARD ACCEPT [0:0]\n-A FORWARD " + " ".join(kept[2:]) + "\n"
        for family in ("ip", "ip6", "bridge", "arp"):
            found = table(text, family=family)
            for place in found.places():
                found.rules(place)


def test_a_big_table_is_split_and_not_parsed() -> None:
    lines = [f"[0:0] -A C{n % 100} -d 10.{n >> 16}.{n >> 8 & 255}.{n & 255}/32 -j DROP" for n in range(1000)]
    saved = split(":INPUT DROP [0:0]\n:C5 - [0:0]\n" + "\n".join(lines))
    assert saved.policies == {"INPUT": "DROP", "C5": "-"}
    assert saved.lines("C5") == lines[5::100]
    assert saved.lines("INPUT") == []


def test_rules_that_ask_for_another_address_are_left_out_of_long_chains() -> None:
    lines = [f"-A FORWARD -d 10.0.{n >> 8}.{n & 255}/32 -p tcp -j DROP" for n in range(300)]
    lines[10] = "-A FORWARD -p icmp -j ACCEPT"
    lines[20] = "-A FORWARD ! -d 10.0.0.5/32 -j ACCEPT"
    lines[30] = "-A FORWARD -s 10.9.9.9/32 -j ACCEPT"
    lines[40] = "-A FORWARD -s 10.9.0.0/16 -d 10.0.0.7/32 -j ACCEPT"
    found = table(":FORWARD ACCEPT [0:0]\n" + "\n".join(lines) + "\n")
    place = m.Place("legacy", "ip", "filter", "FORWARD")
    assert [rule.number for rule in found.relevant(place, "10.9.9.9", "10.0.0.7")] == [8, 11, 21, 31, 41]
    assert [rule.number for rule in found.relevant(place, "10.1.1.1", "10.1.1.1")] == [11, 21]
    assert len(found.rules(place)) == 300
