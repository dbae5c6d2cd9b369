"""What the rules of nft_recorded.json mean, by their text: the matches and the statements."""

from __future__ import annotations

from netdoctor.kernel.netfilter import memory, rarer
from netdoctor.kernel.netfilter import model as m

CASES: tuple[tuple[str, tuple[m.Match, ...], tuple[m.Statement, ...]], ...] = (
    ("return", (), (m.Verdict(kind="return"),)),
    (
        'ip saddr 10.0.0.0/8 ip daddr != 10.0.0.1 tcp dport 80 accept comment "hello there"',
        (
            m.EtherType(numbers=(2048,)),
            m.Address(ranges=((167772160, 184549375),), text="10.0.0.0/8"),
            m.Address(negated=True, side="dst", ranges=((167772161, 167772161),), text="10.0.0.1"),
            m.Protocol(numbers=(6,)),
            m.Port(ranges=((80, 80),)),
        ),
        (m.Verdict(kind="accept"),),
    ),
    (
        "ip saddr { 1.2.3.4, 5.5.5.5-5.5.5.9, 10.0.0.0/8 } drop",
        (
            m.EtherType(numbers=(2048,)),
            m.Address(
                ranges=((16909060, 16909060), (84215045, 84215049), (167772160, 184549375)),
                text="1.2.3.4, 5.5.5.5-5.5.5.9, 10.0.0.0/8",
            ),
        ),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ip saddr @s1 drop",
        (m.EtherType(numbers=(2048,)), m.InSet(name="s1", fields=("src",))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ip saddr . tcp dport @s2 drop",
        (m.EtherType(numbers=(2048,)), m.Protocol(numbers=(6,)), m.InSet(name="s2", fields=("src", "dport"))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ip saddr . tcp dport { 10.0.0.1 . 80, 10.0.0.2 . 443 } drop",
        (
            m.EtherType(numbers=(2048,)),
            m.Protocol(numbers=(6,)),
            m.InSet(fields=("src", "dport"), inline=(("10.0.0.1", "80"), ("10.0.0.2", "443"))),
        ),
        (m.Verdict(kind="drop"),),
    ),
    (
        'iifname "eth*" oifname != "lo" drop',
        (m.Interface(names=("eth",), wildcard=True), m.Interface(negated=True, which="out", names=("lo",))),
        (m.Verdict(kind="drop"),),
    ),
    (
        'iifname { "eth*", "foo" } drop',
        (
            m.AnyOf(
                alternatives=((m.Interface(names=("foo",)),), (m.Interface(names=("eth",), wildcard=True),))
            ),
        ),
        (m.Verdict(kind="drop"),),
    ),
    (
        'iif "lo" oif != "lo" drop',
        (m.Interface(names=("lo",)), m.Interface(negated=True, which="out", names=("lo",))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ct state established,related accept",
        (m.State(states=("ESTABLISHED", "RELATED")),),
        (m.Verdict(kind="accept"),),
    ),
    (
        "ct state { established, new } accept",
        (m.State(states=("ESTABLISHED", "NEW")),),
        (m.Verdict(kind="accept"),),
    ),
    ("ct state != new drop", (m.State(negated=True, states=("NEW",)),), (m.Verdict(kind="drop"),)),
    ("ct state invalid drop", (m.State(states=("INVALID",)),), (m.Verdict(kind="drop"),)),
    (
        "ct state vmap { invalid : drop, established : accept, new : jump u }",
        (),
        (
            m.Lookup(
                fields=("ct_state",),
                elements=(
                    (("INVALID",), m.Verdict(kind="drop")),
                    (("ESTABLISHED",), m.Verdict(kind="accept")),
                    (("NEW",), m.Verdict(kind="jump", chain="u")),
                ),
            ),
        ),
    ),
    ("ct status dnat accept", (m.State(states=("DNAT",)),), (m.Verdict(kind="accept"),)),
    ("ct direction reply drop", (m.CtDirection(direction="reply"),), (m.Verdict(kind="drop"),)),
    (
        "ct original ip daddr 1.2.3.4 drop",
        (m.CtAddress(ranges=((16909060, 16909060),)),),
        (m.Verdict(kind="drop"),),
    ),
    ("meta mark 0x00000005 drop", (m.Mark(value=5),), (m.Verdict(kind="drop"),)),
    ("meta mark & 0x000000f0 == 0x00000010 drop", (m.Mark(value=16, mask=240),), (m.Verdict(kind="drop"),)),
    (
        "meta mark { 0x00000001, 0x00000002 } drop",
        (m.AnyOf(alternatives=((m.Mark(value=1),), (m.Mark(value=2),))),),
        (m.Verdict(kind="drop"),),
    ),
    ("meta mark set 0x00000005", (), (m.SetMark(value=5),)),
    ("meta mark set meta mark | 0x00004000", (), (m.SetMark(value=16384, mask=16384),)),
    ("meta mark set meta mark & 0x0000fff4 | 0x00000004", (), (m.SetMark(value=4, mask=4294901775),)),
    ("meta mark set meta mark ^ 0x00004000", (), (m.SetMark(value=16384, mask=0),)),
    (
        "tcp flags syn drop",
        (m.Protocol(numbers=(6,)), m.TcpFlags(negated=True, mask=2)),
        (m.Verdict(kind="drop"),),
    ),
    (
        "tcp flags syn / fin,syn,rst,ack drop",
        (m.Protocol(numbers=(6,)), m.TcpFlags(mask=23, set=2)),
        (m.Verdict(kind="drop"),),
    ),
    (
        "tcp flags syn / fin,syn,rst,ack drop",
        (m.Protocol(numbers=(6,)), m.TcpFlags(mask=23, set=2)),
        (m.Verdict(kind="drop"),),
    ),
    ("tcp flags ! fin,syn drop", (m.Protocol(numbers=(6,)), m.TcpFlags(mask=3)), (m.Verdict(kind="drop"),)),
    (
        "tcp flags != syn drop",
        (m.Protocol(numbers=(6,)), m.TcpFlags(negated=True, mask=255, set=2)),
        (m.Verdict(kind="drop"),),
    ),
    (
        "tcp flags { syn, ack } drop",
        (
            m.Protocol(numbers=(6,)),
            m.AnyOf(alternatives=((m.TcpFlags(mask=255, set=2),), (m.TcpFlags(mask=255, set=16),))),
        ),
        (m.Verdict(kind="drop"),),
    ),
    (
        "tcp dport 80-90 drop",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 90),))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "tcp dport != { 22, 80-90 } drop",
        (m.Protocol(numbers=(6,)), m.Port(negated=True, ranges=((22, 22), (80, 90)))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "udp sport > 1024 drop",
        (m.Protocol(numbers=(17,)), m.Port(side="src", ranges=((1025, 65535),))),
        (m.Verdict(kind="drop"),),
    ),
    ("th dport 53 drop", (m.Port(ranges=((53, 53),)),), (m.Verdict(kind="drop"),)),
    (
        "tcp dport vmap { 80 : accept, 443 : drop }",
        (m.Protocol(numbers=(6,)),),
        (
            m.Lookup(
                fields=("dport",),
                elements=((("80",), m.Verdict(kind="accept")), (("443",), m.Verdict(kind="drop"))),
            ),
        ),
    ),
    (
        "ip daddr . meta l4proto . th dport vmap @m1",
        (m.EtherType(numbers=(2048,)),),
        (m.Lookup(fields=("dst", "proto", "dport"), name="m1"),),
    ),
    ("meta mark vmap @m4", (), (m.Lookup(fields=("mark",), name="m4"),)),
    (
        "icmp type echo-request drop",
        (m.Protocol(numbers=(1,)), m.IcmpType(type=8)),
        (m.Verdict(kind="drop"),),
    ),
    (
        "icmp type { destination-unreachable, echo-request } drop",
        (m.Protocol(numbers=(1,)), m.AnyOf(alternatives=((m.IcmpType(type=3),), (m.IcmpType(type=8),)))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "icmp type destination-unreachable icmp code host-unreachable drop",
        (m.Protocol(numbers=(1,)), m.IcmpType(type=3, codes=(1, 1))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "icmpv6 type { echo-request, nd-neighbor-solicit } accept",
        (m.Protocol(numbers=(58,)), m.AnyOf(alternatives=((m.IcmpType(type=128),), (m.IcmpType(type=135),)))),
        (m.Verdict(kind="accept"),),
    ),
    ("meta l4proto { tcp, udp } drop", (m.Protocol(numbers=(6, 17)),), (m.Verdict(kind="drop"),)),
    ("meta l4proto icmp drop", (m.Protocol(numbers=(1,)),), (m.Verdict(kind="drop"),)),
    ("meta l4proto != tcp drop", (m.Protocol(negated=True, numbers=(6,)),), (m.Verdict(kind="drop"),)),
    (
        "ip protocol icmp drop",
        (m.EtherType(numbers=(2048,)), m.Protocol(numbers=(1,))),
        (m.Verdict(kind="drop"),),
    ),
    ("meta nfproto ipv4 drop", (m.EtherType(numbers=(2048,)),), (m.Verdict(kind="drop"),)),
    ("meta protocol ip drop", (m.EtherType(numbers=(2048,)),), (m.Verdict(kind="drop"),)),
    ("ether type arp drop", (m.EtherType(numbers=(2054,)),), (m.Verdict(kind="drop"),)),
    ("ether saddr 02:00:00:00:00:01 drop", (m.Mac(lladdr="02:00:00:00:00:01"),), (m.Verdict(kind="drop"),)),
    ("meta pkttype broadcast drop", (m.PacketType(type="broadcast"),), (m.Verdict(kind="drop"),)),
    (
        "meta pkttype { broadcast, multicast } drop",
        (m.AnyOf(alternatives=((m.PacketType(type="broadcast"),), (m.PacketType(type="multicast"),))),),
        (m.Verdict(kind="drop"),),
    ),
    ("meta skuid 1000 drop", (m.Owner(uid=(1000, 1000)),), (m.Verdict(kind="drop"),)),
    ("meta length 100-200 drop", (m.Range(first=100, last=200),), (m.Verdict(kind="drop"),)),
    (
        "ip ttl 1 drop",
        (m.EtherType(numbers=(2048,)), m.Range(what="ttl", first=1, last=1)),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ip ttl < 5 drop",
        (m.EtherType(numbers=(2048,)), m.Range(what="ttl", last=4)),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ip dscp cs1 drop",
        (m.EtherType(numbers=(2048,)), m.Range(what="dscp", first=8, last=8)),
        (m.Verdict(kind="drop"),),
    ),
    ("ip frag-off & 8191 != 0 drop", (m.EtherType(numbers=(2048,)), m.Fragment()), (m.Verdict(kind="drop"),)),
    ("fib daddr type local drop", (m.AddressType(types=("LOCAL",)),), (m.Verdict(kind="drop"),)),
    (
        "fib daddr type { local, broadcast } drop",
        (m.AddressType(types=("LOCAL", "BROADCAST")),),
        (m.Verdict(kind="drop"),),
    ),
    (
        "fib daddr . iif type local drop",
        (m.AddressType(types=("LOCAL",), limit_in=True),),
        (m.Verdict(kind="drop"),),
    ),
    (
        "fib saddr . iif oif missing drop",
        (m.RpFilter(negated=True, accept_local=True),),
        (m.Verdict(kind="drop"),),
    ),
    (
        "fib saddr oif exists accept",
        (m.RpFilter(loose=True, accept_local=True),),
        (m.Verdict(kind="accept"),),
    ),
    ("fib saddr . iif oif != 0 accept", (m.RpFilter(accept_local=True),), (m.Verdict(kind="accept"),)),
    ("limit rate 5/second accept", (rarer.Bucket(text="limit rate 5/second"),), (m.Verdict(kind="accept"),)),
    (
        "limit rate over 5/second burst 10 packets drop",
        (m.Chance(likely=False, text="limit rate over 5/second burst 10 packets"),),
        (m.Verdict(kind="drop"),),
    ),
    ("numgen random mod 2 0 drop", (m.Chance(text="numgen random mod 2 == 0"),), (m.Verdict(kind="drop"),)),
    (
        "numgen random mod 2 vmap { 0 : jump u, 1 : drop }",
        (),
        (
            m.Lookup(
                fields=(),
                elements=((("0",), m.Verdict(kind="jump", chain="u")), (("1",), m.Verdict(kind="drop"))),
                chance=True,
            ),
        ),
    ),
    ("numgen inc mod 4 < 2 drop", (m.Chance(text="numgen inc mod 4 < 2"),), (m.Verdict(kind="drop"),)),
    (
        "jhash ip saddr mod 2 vmap { 0 : jump u, 1 : drop }",
        (),
        (
            m.Lookup(
                fields=(),
                elements=((("0",), m.Verdict(kind="jump", chain="u")), (("1",), m.Verdict(kind="drop"))),
                chance=True,
            ),
        ),
    ),
    ('log prefix "x " level info', (), (m.Pass(text='log prefix "x " level info'),)),
    ("log group 5", (), (m.Pass(text="log group 5"),)),
    ("counter", (), (m.Pass(text="counter"),)),
    ("counter drop", (), (m.Pass(text="counter"), m.Verdict(kind="drop"))),
    ('counter name "c1"', (), (m.Pass(text='counter name "c1"'),)),
    ("reject", (), (m.Reject(),)),
    ("reject with icmp host-prohibited", (), (m.Reject(with_="icmp-host-prohibited"),)),
    ("meta l4proto tcp reject with tcp reset", (m.Protocol(numbers=(6,)),), (m.Reject(with_="tcp-reset"),)),
    ("reject with icmpv6 no-route", (), (m.Reject(with_="icmp6-no-route"),)),
    (
        "add @s4 { ip saddr }",
        (m.EtherType(numbers=(2048,)),),
        (memory.Remember(set="s4", fields=("src",), what="add"),),
    ),
    (
        "update @s4 { ip saddr timeout 1m } drop",
        (m.EtherType(numbers=(2048,)),),
        (
            memory.Remember(set="s4", fields=("src",), what="add"),
            m.Verdict(kind="drop", chain=None, bypass=False),
        ),
    ),
    (
        "add @s4 { ip saddr limit rate over 5/second } drop",
        (
            m.EtherType(numbers=(2048,)),
            rarer.FreshLimit(set="s4", fields=("src",), over=True, text="limit rate over 5/second"),
        ),
        (
            memory.Remember(set="s4", fields=("src",), what="add"),
            m.Verdict(kind="drop", chain=None, bypass=False),
        ),
    ),
    (
        "ct count over 5 drop",
        (rarer.MoreConnections(than=5, text="ct count over 5"),),
        (m.Verdict(kind="drop", chain=None, bypass=False),),
    ),
    ("meta nftrace set 1", (), (m.Pass(text="meta nftrace set 1"),)),
    ("meta ipsec exists drop", (m.Never(),), (m.Verdict(kind="drop"),)),
    ("tcp option maxseg size set 1200", (), (m.Pass(text="tcp option maxseg size set 1200"),)),
    ("tcp option maxseg size set rt mtu", (), (m.Pass(text="tcp option maxseg size set rt mtu"),)),
    (
        "tcp option sack-perm exists drop",
        (m.Unknown(text="tcp option sack-perm exists"),),
        (m.Verdict(kind="drop"),),
    ),
    ("ip ttl set 5", (m.EtherType(numbers=(2048,)),), (m.SetTtl(how="set", value=5),)),
    ("ip dscp set cs1", (m.EtherType(numbers=(2048,)),), (m.SetTos(8 << 2, 0xFC),)),
    ("ip daddr set 1.2.3.4", (), (rarer.Alters(text="ip daddr set 1.2.3.4"),)),
    (
        'meta hour "10:00"-"11:00" drop',
        (m.Unknown(text='meta hour "10:00"-"11:00"'),),
        (m.Verdict(kind="drop"),),
    ),
    ('ct helper "ftp" drop', (m.Unknown(text='ct helper "ftp"'),), (m.Verdict(kind="drop"),)),
    (
        "ip saddr 10.0.0.1 ip saddr != 10.0.0.2-10.0.0.5 continue",
        (
            m.EtherType(numbers=(2048,)),
            m.Address(ranges=((167772161, 167772161),), text="10.0.0.1"),
            m.Address(negated=True, ranges=((167772162, 167772165),), text="10.0.0.2-10.0.0.5"),
        ),
        (m.Verdict(kind="continue"),),
    ),
    (
        "ip6 saddr fd00::/8 drop",
        (
            m.EtherType(numbers=(34525,)),
            m.Address(
                ranges=((336294682933583715844663186250927177728, 337623910929368631717566993311207522303),),
                text="fd00::/8",
                version=6,
            ),
        ),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ip6 daddr { fd00::1, fd01::/16 } drop",
        (
            m.EtherType(numbers=(34525,)),
            m.Address(
                side="dst",
                ranges=(
                    (336294682933583715844663186250927177729, 336294682933583715844663186250927177729),
                    (336299875230442250672291716747256397824, 336305067527300785499920247243585617919),
                ),
                text="fd00::1, fd01::/16",
                version=6,
            ),
        ),
        (m.Verdict(kind="drop"),),
    ),
    (
        "vlan id 5 drop",
        (m.EtherType(numbers=(33024,)), m.Unknown(text="vlan id 5")),
        (m.Verdict(kind="drop"),),
    ),
    (
        'iifname . ip saddr { "lo" . 1.2.3.4 } drop',
        (m.EtherType(numbers=(2048,)), m.InSet(fields=("iif", "src"), inline=(("lo", "1.2.3.4"),))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ip saddr 0.0.0.0/0 drop",
        (m.EtherType(numbers=(2048,)), m.Address(ranges=((0, 4294967295),), text="0.0.0.0/0")),
        (m.Verdict(kind="drop"),),
    ),
    (
        "tcp sport . tcp dport { 1-5 . 80 } drop",
        (m.Protocol(numbers=(6,)), m.InSet(fields=("sport", "dport"), inline=(("1-5", "80"),))),
        (m.Verdict(kind="drop"),),
    ),
    (
        "ip saddr & 255.0.0.255 == 10.0.0.1 drop",
        (
            m.EtherType(numbers=(2048,)),
            rarer.HeaderBits(offset=96, length=32, ranges=((167772161, 167772161),), mask=4278190335),
        ),
        (m.Verdict(kind="drop", chain=None, bypass=False),),
    ),
    ("ct zone set 5", (), (m.NoTrack(zone=5),)),
    ("notrack", (), (m.NoTrack(),)),
    ("dnat ip to 1.2.3.4", (), (m.Translate(kind="dnat", addresses=("1.2.3.4", "1.2.3.4")),)),
    (
        "tcp dport 80 dnat ip to 1.2.3.4:80",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 80),))),
        (m.Translate(kind="dnat", addresses=("1.2.3.4", "1.2.3.4"), ports=(80, 80)),),
    ),
    (
        "dnat ip to tcp dport map { 80 : 1.2.3.4, 81 : 1.2.3.5 }",
        (m.Protocol(numbers=(6,)),),
        (
            m.TranslateByMap(
                kind="dnat",
                fields=("dport",),
                elements=((("80",), ("1.2.3.4", None)), (("81",), ("1.2.3.5", None))),
            ),
        ),
    ),
    (
        "dnat ip to tcp dport map @m3",
        (m.Protocol(numbers=(6,)),),
        (m.TranslateByMap(kind="dnat", fields=("dport",), name="m3"),),
    ),
    (
        "tcp dport 80 dnat ip to ip daddr map @m2",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 80),)), m.EtherType(numbers=(2048,))),
        (m.TranslateByMap(kind="dnat", fields=("dst",), name="m2"),),
    ),
    (
        "tcp dport 80 dnat ip to ip daddr map { 1.2.3.4 : 5.6.7.8 . 90 }",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 80),)), m.EtherType(numbers=(2048,))),
        (m.TranslateByMap(kind="dnat", fields=("dst",), elements=((("1.2.3.4",), ("5.6.7.8", 90)),)),),
    ),
    (
        "dnat ip to numgen random mod 2 map { 0 : 1.1.1.1, 1 : 2.2.2.2 }",
        (),
        (
            m.TranslateByMap(
                kind="dnat",
                fields=(),
                elements=((("0",), ("1.1.1.1", None)), (("1",), ("2.2.2.2", None))),
                numgen=True,
            ),
        ),
    ),
    (
        "tcp dport 80 redirect to :8080",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 80),))),
        (m.Translate(kind="redirect", ports=(8080, 8080)),),
    ),
    ("redirect", (), (m.Translate(kind="redirect"),)),
    (
        "tcp dport 80 dnat to :80",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 80),))),
        (m.Translate(kind="dnat", ports=(80, 80)),),
    ),
    (
        "dnat ip prefix to ip daddr map { 10.0.0.0/24 : 10.1.0.0/24 }",
        (m.EtherType(numbers=(2048,)),),
        (
            m.TranslateByMap(
                kind="dnat",
                fields=("dst",),
                name="",
                elements=((("10.0.0.0/24",), ("10.1.0.0/24", None)),),
                numgen=False,
            ),
        ),
    ),
    (
        "tcp dport 80 dnat ip6 to [fd00::1]:80",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 80),))),
        (m.Translate(kind="dnat", addresses=("fd00::1", "fd00::1"), ports=(80, 80)),),
    ),
    (
        "dnat ip to jhash ip saddr mod 2 map { 0 : 1.1.1.1, 1 : 2.2.2.2 }",
        (),
        (
            m.TranslateByMap(
                kind="dnat",
                fields=(),
                elements=((("0",), ("1.1.1.1", None)), (("1",), ("2.2.2.2", None))),
                numgen=True,
            ),
        ),
    ),
    (
        "tcp dport 80 redirect to :tcp dport map { 80 : 90 }",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 80),))),
        (m.TranslateByMap(kind="redirect", fields=("dport",), elements=((("80",), ("", 90)),)),),
    ),
    (
        "meta l4proto tcp dnat ip to numgen random mod 2 map { 0 : 10.180.0.1 . 80, 1 : 10.180.0.2 . 80 }",
        (m.Protocol(numbers=(6,)),),
        (
            m.TranslateByMap(
                kind="dnat",
                fields=(),
                elements=((("0",), ("10.180.0.1", 80)), (("1",), ("10.180.0.2", 80))),
                numgen=True,
            ),
        ),
    ),
    (
        "tcp dport 80 masquerade to :1024-2048 random",
        (m.Protocol(numbers=(6,)), m.Port(ranges=((80, 80),))),
        (m.Translate(kind="masquerade", ports=(1024, 2048), random=True),),
    ),
    ("masquerade fully-random", (), (m.Translate(kind="masquerade", random=True),)),
    ("snat ip to 1.2.3.4", (), (m.Translate(kind="snat", addresses=("1.2.3.4", "1.2.3.4")),)),
    (
        "snat ip to ip saddr map { 10.0.0.0/8 : 1.2.3.4 }",
        (m.EtherType(numbers=(2048,)),),
        (m.TranslateByMap(kind="snat", fields=("src",), elements=((("10.0.0.0/8",), ("1.2.3.4", None)),)),),
    ),
    ("snat ip prefix to 1.2.3.0/24", (), (m.Translate(kind="netmap", network=("1.2.3.0", 24)),)),
    ("masquerade", (), (m.Translate(kind="masquerade"),)),
)
