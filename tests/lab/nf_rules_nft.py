"""Random rules in nftables' own language; see `nf_rules`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.lab.nf_rules import Author

CHAINS = ("c1", "c2", "c3", "c4")
HOOKS = ("prerouting", "forward", "postrouting")
STATES = (
    "new",
    "established",
    "related",
    "invalid",
    "untracked",
    "{ new, established }",
    "established,related",
)

SETS = """\
set hosts { type ipv4_addr; flags interval; elements = { 10.1.0.2, 10.2.0.0/30, 10.9.0.0-10.9.0.7 } }
set plain { type ipv4_addr; elements = { 10.1.0.3, 10.2.0.2 } }
set ports { type inet_service; flags interval; elements = { 53, 80-443 } }
set pairs { type ipv4_addr . inet_service; elements = { 10.2.0.2 . 80, 10.2.0.2 . 53 } }
set triples { type ipv4_addr . inet_proto . inet_service; flags interval; elements = { 10.2.0.0/24 . tcp . 80-90 } }
set names { type ifname; elements = { "ra", "eth0" } }
set marks { type mark; elements = { 0x1, 0x3 } }
set filled { type ipv4_addr; size 100; flags dynamic, timeout; timeout 1m; }
set couples { type ipv4_addr . inet_service; size 100; flags dynamic, timeout; timeout 1m; }
set timed { type ipv4_addr; flags timeout; timeout 1h; elements = { 10.1.0.2 } }
map hostmap { type ipv4_addr : verdict; flags interval; elements = { 10.1.0.2 : jump c3, 10.2.0.0/24 : accept } }
map portmap { type inet_proto . inet_service : verdict; elements = { tcp . 80 : goto c4, udp . 53 : return } }
map namemap { type ifname : verdict; elements = { "ra" : jump c4, "rb" : continue } }
"""


def ruleset(author: Author) -> str:
    """One or two tables, with base chains at random hooks and priorities."""
    return "\n".join(_table(author, f"t{number}") for number in range(author.random.choice((1, 1, 2))))


def _table(author: Author, name: str) -> str:
    family = author.pick("inet", "ip")
    lines = [f"table {family} {name} {{", *(f"  chain {chain} {{ }}" for chain in CHAINS)]
    lines += [f"  {line}" for line in SETS.splitlines()]
    bases = []
    for hook in HOOKS:
        if hook != "forward" and author.chance(0.4):
            continue
        bases.append((hook, hook))
        if author.chance(0.3):
            bases.append((f"{hook}2", hook))
    for chain, hook in bases:
        priority = author.pick("-300", "-150", "0", "10", "50", "110")
        policy = "drop" if author.chance(0.15) else "accept"
        lines.append(f"  chain {chain} {{ type filter hook {hook} priority {priority}; policy {policy}; }}")
    lines.append("}")
    for chain, hook in bases:
        lines += _rules(author, f"{family} {name} {chain}", hook, CHAINS, 1)
    for number, chain in enumerate(CHAINS):
        lines += _rules(author, f"{family} {name} {chain}", "", CHAINS[number + 1 :], 0)
    return "\n".join([*lines, ""])


def _rules(author: Author, where: str, hook: str, callable_chains: tuple[str, ...], least: int) -> list[str]:
    return [
        f"add rule {where} {_rule(author, hook, callable_chains)}"
        for _ in range(author.random.randint(least, 5))
    ]


def _rule(author: Author, hook: str, callable_chains: tuple[str, ...]) -> str:
    words = [_match(author, hook) for _ in range(author.random.choice((0, 1, 1, 2, 2, 3)))]
    if author.chance(0.3):
        words.append("counter")
    if author.chance(0.25):
        words.append(_statement(author, hook))
    words.append(_verdict(author, hook, callable_chains))
    return " ".join(filter(None, words)) or "counter"


def _match(author: Author, hook: str) -> str:
    no = "!= " if author.chance(0.2) else ""
    side, near = author.pick("saddr a", "daddr b").split()
    port = author.pick("53", "80", "443", "80-443", "{ 53, 80 }", "{ 1-79, 443 }")
    options = [
        f"ip {side} {no}{author.address(near)}",
        f"ip {side} {no}{author.address(near)}",
        f"ip {side} {no}{{ {author.address(near)} }}",
        f"ip {side} {no}10.1.0.1-10.1.0.2",
        f"ip {side} {no}@{author.pick('hosts', 'plain', 'timed')}",
        f"ip {side} . th dport {no}@pairs",
        f"ip {side} . meta l4proto . th dport {no}@triples",
        f"iifname {no}{author.pick('ra', 'rb', 'r*', '{ ra, eth0 }', '@names', 'eth0')}",
        f"oifname {no}{author.pick('ra', 'rb', 'r*', '{ rb, eth0 }', 'eth0')}",
        f"iif {no}{author.pick('ra', 'rb')}",
        f"meta l4proto {no}{author.pick('icmp', 'tcp', 'udp', '{ tcp, udp }', '{ icmp, tcp }')}",
        f"ip protocol {no}{author.pick('icmp', 'tcp', 'udp', '{ tcp, udp }')}",
        f"meta nfproto {no}ipv4",
        f"icmp type {no}{author.pick('echo-request', 'echo-reply', '{ 8, 0 }', 'destination-unreachable')}",
        f"icmp code {no}{author.pick('0', '3')}",
        f"tcp dport {no}{port}",
        f"tcp sport {no}1024-65535",
        f"udp dport {no}{port}",
        f"th dport {no}{port}",
        f"tcp dport {no}@ports",
        f"meta l4proto {{ tcp, udp }} th dport {no}@ports",
        f"tcp flags {no}syn",
        "tcp flags & (fin | syn | rst | ack) == syn",
        f"tcp flags & (syn | rst) {author.pick('==', '!=')} {author.pick('0', 'rst', 'syn')}",
        f"ct state {no}{author.pick(*STATES)}",
        f"ct state {author.pick(*STATES)}",
        f"ct status {author.pick('confirmed', 'seen-reply', 'assured', 'dnat', 'snat,dnat')}",
        f"ct direction {no}{author.pick('original', 'reply')}",
        f"ct original ip daddr {no}{author.address('b')}",
        f"ct reply ip saddr {no}{author.address('b')}",
        f"meta mark {no}{author.pick('0', '1', '0x3', '{ 0x1, 0x2 }', '@marks', '1-5')}",
        f"meta mark & {author.pick('0x1', '0xf0')} {author.pick('==', '!=')} {author.pick('0x0', '0x1', '0x10')}",
        f"ct mark {no}{author.pick('0', '1', '2')}",
        f"ct mark & 0x1 {author.pick('==', '!=')} 0x1",
        f"ip ttl {author.pick('', '< ', '> ', '<= ', '!= ')}{author.pick('64', '63', '10')}",
        f"ip length {author.pick('', '< ', '> ', '!= ')}{author.pick('84', '100', '60')}",
        f"meta length {author.pick('<', '>')} {author.pick('84', '60')}",
        f"ip dscp {no}{author.pick('cs0', 'af11', '4', '{ cs0, 4 }')}",
        f"meta pkttype {no}{author.pick('host', 'broadcast')}",
        f"ether saddr {no}{author.pick('02:00:00:00:00:0a', '02:00:00:00:00:0b')}",
        "ip frag-off & 0x1fff == 0",
        f"ip version {no}4 ip hdrlength 5",
        f"@nh,72,8 {no}{author.pick('1', '6', '17')}",
        f"@nh,96,32 {no}{author.pick('0x0a010002', '0x0a020002')}",
        f"@nh,8,8 {no}{author.pick('0', '0x10', '0xb8')}",
        f"meta l4proto {{ tcp, udp }} @th,16,16 {no}{author.pick('53', '80')}",
        f"ip {side} & 255.0.0.255 {author.pick('==', '!=')} 10.0.0.{author.pick('2', '3')}",
        f"udp length {no}{author.pick('64', '18', '8-70')}",
        f"ct protocol {no}{author.pick('icmp', 'tcp', 'udp')}",
        "ct l3proto ipv4",
        f"ct zone {no}{author.pick('0', '1')}",
        f"ct count {author.pick('', 'over ')}{author.pick('5000', '9000')}",
        f"quota {author.pick('', 'over ')}500 mbytes",
        f"ip {side} {no}@filled",
        f"ip {side} {no}@filled",
        f"ip {side} . tcp dport {no}@couples",
        f"add @filled {{ ip {side} limit rate {author.pick('', 'over ')}100/second burst 50 packets }}"
        if author.chance(0.5)
        else f"meta iiftype {no}ether" if hook != "postrouting" else "ip version 4",
        f"limit rate {'over ' if author.chance(0.5) else ''}1000/second burst 10000 packets"
        if author.chance(0.3)
        else "meta nfproto ipv4",
        "numgen inc mod 1 == 0",
        f"fib {side} type {no}{author.pick('unicast', 'local', '{ local, broadcast }')}",
    ]
    if hook == "prerouting":
        options += [
            f"fib saddr . iif oif {author.pick('exists', 'missing', '!= 0', '0')}",
            "fib saddr oif exists",
        ]
    return author.pick(*options)


def _statement(author: Author, hook: str) -> str:
    value = author.pick("1", "2", "0x3", "0x10")
    options = [
        f"meta mark set {value}",
        f"meta mark set mark or {value}",
        f"meta mark set mark and {author.pick('0xfffffffe', '0x1')}",
        f"meta mark set mark xor {value}",
        "meta mark set ct mark",
        f"ct mark set {value}",
        "ct mark set mark",
        f"meta mark set ct mark and {value}",
        f"meta mark set mark and 0xffffff0f or {author.pick('0x10', '0x20')}",
        f"ip ttl set {author.pick('64', '9', '1')}",
        "log",
        "ip dscp set 4",
        "meta priority set 1:1",
        "update @timed { ip saddr }" if author.chance(0.2) else "counter",
        "add @filled { ip saddr }",
        "update @filled { ip daddr timeout 30s }",
        "delete @filled { ip saddr }",
        "add @couples { ip daddr . tcp dport }",
    ]
    if hook == "prerouting":
        options += ["notrack", "notrack"]
    return author.pick(*options)


def _verdict(author: Author, hook: str, callable_chains: tuple[str, ...]) -> str:
    if callable_chains and author.chance(0.35):
        chain, other = author.pick(*callable_chains), author.pick(*callable_chains)
        options = [
            f"jump {chain}",
            f"jump {chain}",
            f"goto {chain}",
            f"ct state vmap {{ new : jump {chain}, established : accept, invalid : drop }}",
            f"ip protocol vmap {{ icmp : jump {chain}, tcp : goto {other} }}",
            f"iifname vmap {{ ra : jump {chain}, rb : jump {other} }}",
            f"meta mark vmap {{ 0x1 : drop, 0x0 : jump {chain} }}",
            f"ip saddr . ip daddr vmap {{ 10.1.0.2 . 10.2.0.2 : jump {chain}, 10.1.0.3 . 10.2.0.2 : accept }}",
            f"tcp dport vmap {{ 80 : jump {chain}, 443 : drop }}",
            f"numgen inc mod 1 vmap {{ 0 : jump {chain} }}",
        ]
        if {"c3", "c4"} <= set(callable_chains):
            options += ["ip saddr vmap @hostmap", "ip daddr vmap @hostmap"]
        if "c4" in callable_chains:
            options += ["meta l4proto . th dport vmap @portmap", "iifname vmap @namemap"]
        return author.pick(*options)
    options = ["accept", "accept", "return", "return", "continue", "", "", "ct state vmap { invalid : drop }"]
    if author.chance(0.6):
        options.append("drop")
    if hook == "forward":
        options += [
            "reject",
            "reject with icmp type admin-prohibited",
            "meta l4proto tcp reject with tcp reset",
        ]
    return author.pick(*options)
