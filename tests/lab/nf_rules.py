"""Random rulesets for one router, in three dialects, as a pure function of a seed: texts that the tools read.

Conditions are made of values near those that the probes have, so that many of them hold. The router's devices are `ra`
(10.1.0.1, towards A with 10.1.0.2 and .3) and `rb` (10.2.0.1, towards B with 10.2.0.2 and .3).
"""

from __future__ import annotations

from random import Random
from typing import Literal

Dialect = Literal["legacy", "iptables-nft", "nft", "together"]

PORTS = ("53", "80", "443", "8080")
STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED", "NEW,ESTABLISHED", "RELATED,ESTABLISHED")
CHAINS = ("c1", "c2", "c3", "c4")

SETS = """\
create s-ip hash:ip
add s-ip 10.1.0.2
add s-ip 10.2.0.3
create s-net hash:net
add s-net 10.1.0.0/24
add s-net 10.1.0.2 nomatch
add s-net 10.2.0.0/30
create s-port hash:ip,port
add s-port 10.2.0.2,tcp:80
add s-port 10.2.0.2,udp:53
add s-port 10.2.0.2,icmp:8/0
add s-port 10.1.0.2,icmp:0/0
create s-netport hash:net,port
add s-netport 10.2.0.0/24,tcp:80-443
add s-netport 10.2.0.3,udp:53
create s-three hash:ip,port,ip
add s-three 10.1.0.2,tcp:80,10.2.0.2
create s-mac hash:net,iface
add s-mac 10.1.0.0/24,ra
create s-filled hash:ip timeout 60
create s-list list:set
add s-list s-ip
create s-bit bitmap:port range 0-1000
add s-bit 80
add s-bit 53
"""


class Author:
    """Writes rules. One object a ruleset."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)

    def pick(self, *options: str) -> str:
        """One of several."""
        return self.random.choice(options)

    def chance(self, probability: float) -> bool:
        """True that often."""
        return self.random.random() < probability

    def address(self, near: str) -> str:
        """An address or prefix, often one that holds for `near`, one of a and b."""
        net = "10.1.0" if (near == "a") != self.chance(0.2) else "10.2.0"
        return self.pick(f"{net}.2", f"{net}.3", f"{net}.0/24", f"{net}.0/31", "10.0.0.0/8", f"{net}.2/31")


def ruleset(dialect: Dialect, seed: int) -> str:
    """Return the text of a ruleset: the save format, or a file for nft."""
    if dialect == "nft":
        from tests.lab import nf_rules_nft

        return nf_rules_nft.ruleset(Author(seed))
    return xtables(Author(seed))


def xtables(author: Author) -> str:
    """Tables raw, mangle and filter (some of them), with user chains that call only later ones."""
    tables = [table for table in ("raw", "mangle", "filter") if author.chance(0.7)] or ["filter"]
    return "".join(_table(author, table) for table in tables)


def _table(author: Author, table: str) -> str:
    hooks = {
        "raw": ("PREROUTING",),
        "filter": ("FORWARD",),
        "mangle": ("PREROUTING", "FORWARD", "POSTROUTING"),
    }
    policies = ("DROP",) if table == "filter" and author.chance(0.4) else ("ACCEPT",)
    lines = [f"*{table}", *(f":{hook} {author.pick(*policies)} [0:0]" for hook in hooks[table])]
    lines += [f":{chain} - [0:0]" for chain in CHAINS]
    for hook in hooks[table]:
        for _ in range(author.random.randint(1, 5)):
            lines.append(_rule(author, table, hook, hook, CHAINS))
    if author.chance(0.15):
        # A long chain, of which most rules ask for somebody else.
        lines += [f"-A {author.pick(*CHAINS, *hooks[table])} -d 10.7.{n}.1/32 -j DROP" for n in range(100)]
        lines += [_rule(author, table, CHAINS[0], "", CHAINS[1:]) for _ in range(8)]
        lines += [f"-A {CHAINS[0]} -s 10.7.0.{n}/32 -d 10.2.0.{n} -j DROP" for n in range(100)]
    for number, chain in enumerate(CHAINS):
        for _ in range(author.random.randint(0, 4)):
            lines.append(_rule(author, table, chain, "", CHAINS[number + 1 :]))
    return "\n".join([*lines, "COMMIT", ""])


def _rule(author: Author, table: str, chain: str, hook: str, callable_chains: tuple[str, ...]) -> str:
    words = [f"-A {chain}"]
    protocol = author.pick("", "", "icmp", "tcp", "udp")
    words += _general(author, hook, protocol)
    if protocol and author.chance(0.6):
        words.append(_of_protocol(author, protocol))
    for _ in range(author.random.choice((0, 0, 1, 1, 2))):
        words.append(_module(author, hook, table))
    words.append(_target(author, table, hook, protocol, callable_chains))
    return " ".join(filter(None, words))


def _not(author: Author) -> str:
    return "! " if author.chance(0.2) else ""


def _general(author: Author, hook: str, protocol: str) -> list[str]:
    words = []
    if protocol:
        words.append(f"-p {protocol}")
    elif author.chance(0.1):
        words.append(f"! -p {author.pick('tcp', 'udp', 'icmp')}")
    if author.chance(0.4):
        words.append(f"{_not(author)}-s {author.address('a')}")
    if author.chance(0.4):
        words.append(f"{_not(author)}-d {author.address('b')}")
    if author.chance(0.25) and hook != "POSTROUTING":
        words.append(f"{_not(author)}-i {author.pick('ra', 'ra', 'rb', 'r+', 'eth0')}")
    if author.chance(0.25) and hook != "PREROUTING":
        words.append(f"{_not(author)}-o {author.pick('rb', 'rb', 'ra', 'r+', 'eth0')}")
    if author.chance(0.05):
        words.append(f"{_not(author)}-f")
    return words


def _of_protocol(author: Author, protocol: str) -> str:
    no = _not(author)
    if protocol == "icmp":
        return f"-m icmp {no}--icmp-type {author.pick('8', '8', '0', 'any', '3/3', '3', 'echo-request')}"
    port = author.pick(*PORTS)
    options = [
        f"-m {protocol} {no}--dport {port}",
        f"-m {protocol} {no}--dport {port}:9000",
        f"-m {protocol} {no}--sport 1024:65535",
        f"-m multiport {no}--dports {port},{author.pick(*PORTS)},1000:2000",
        f"-m multiport {no}--ports {port},{author.pick(*PORTS)}",
        f"-m multiport {no}--sports {port},40000:65000",
    ]
    if protocol == "tcp":
        options += [
            f"-m tcp {no}--syn",
            f"-m tcp {no}--tcp-flags SYN,ACK,RST {author.pick('SYN', 'RST', 'NONE', 'ACK,RST')}",
        ]
    return author.pick(*options)


def _module(author: Author, hook: str, table: str) -> str:
    no = _not(author)
    side = author.pick("src", "dst")
    options = [
        f"-m conntrack {no}--ctstate {author.pick(*STATES)}",
        f"-m conntrack {no}--ctstate {author.pick(*STATES)}",
        f"-m state {no}--state {author.pick(*STATES)}",
        f"-m conntrack {no}--ctstatus {author.pick('NONE', 'EXPECTED', 'SEEN_REPLY', 'CONFIRMED', 'ASSURED')}",
        f"-m conntrack --ctdir {author.pick('ORIGINAL', 'REPLY')}",
        f"-m conntrack {no}--ctorigdst {author.address('b')}",
        f"-m conntrack {no}--ctreplsrc {author.address('b')}",
        f"-m conntrack {no}--ctorigdstport {author.pick(*PORTS)}",
        f"-m conntrack {no}--ctproto {author.pick('1', '6', '17')}",
        f"-m mark {no}--mark {author.pick('0', '1', '2', '3', '0/1', '1/1', '2/2', '0x10/0xf0')}",
        f"-m mark {no}--mark {author.pick('0', '1', '0/3', '1/1')}",
        f"-m connmark {no}--mark {author.pick('0', '1', '2', '1/1', '0x10/0xf0')}",
        f"-m length {no}--length {author.pick('84', '0:100', '100:', ':60', '60:84')}",
        f"-m ttl --ttl-{author.pick('lt 64', 'gt 63', 'eq 64', 'eq 63', 'gt 10')}",
        f"-m dscp {no}--dscp {author.pick('0x00', '0x04', '0x2e')}",
        f"-m tos {no}--tos {author.pick('0x10', '0x00', '0xb8/0xfc')}",
        f"-m addrtype {no}--{side}-type {author.pick('UNICAST', 'LOCAL', 'BROADCAST', 'UNICAST,LOCAL')}",
        f"-m iprange {no}--{side}-range {author.pick('10.1.0.1-10.1.0.2', '10.2.0.2-10.2.0.9', '10.1.0.3-10.2.0.2')}",
        f"-m pkttype {no}--pkt-type {author.pick('unicast', 'unicast', 'broadcast', 'multicast')}",
        f"-m set {no}--match-set {author.pick('s-ip', 's-net', 's-list')} {side}",
        f"-m set {no}--match-set {author.pick('s-port', 's-netport')} {author.pick('dst,dst', 'src,src', 'dst,src')}",
        f"-m set {no}--match-set s-three src,dst,dst",
        f"-m set {no}--match-set s-bit dst",
        f"-m mac {no}--mac-source {author.pick('02:00:00:00:00:0a', '02:00:00:00:00:0b')}",
        '-m comment --comment "a word, \\"quoted\\" -j DROP"',
        f"-m physdev {no}--physdev-in veth1",
        f"-m physdev {no}--physdev-is-bridged",
        "-m limit --limit 1000/sec --limit-burst 10000",
        f"-m statistic --mode random {no}--probability 1.0",
        "-m u32 --u32 0x0=0x0:0xffffffff",
        f"-m ecn {no}--ecn-ip-ect 1",
        f"-m connlimit --connlimit-{author.pick('above', 'upto')} {author.pick('5000', '9000')} --connlimit-mask 0",
        f"-m set {no}--match-set s-filled {side}",
        f"-m set {no}--match-set s-filled {side}",
    ]
    if hook == "PREROUTING":
        options.append(f"-m rpfilter{author.pick('', ' --loose')}{author.pick('', ' --invert')}")
        options.append(f"-m addrtype {no}--dst-type LOCAL --limit-iface-in")
        options.append("-m socket")
    if table != "raw" and hook != "PREROUTING":
        options.append(f"-m set {no}--match-set s-mac src,src")
    return author.pick(*options)


def _target(author: Author, table: str, hook: str, protocol: str, callable_chains: tuple[str, ...]) -> str:
    if callable_chains and author.chance(0.35):
        return f"-{author.pick('j', 'j', 'j', 'g')} {author.pick(*callable_chains)}"
    common = [
        "-j ACCEPT",
        "-j ACCEPT",
        "-j RETURN",
        "-j DROP",
        "",
        "-j LOG",
        "-j NFQUEUE --queue-num 7 --queue-bypass",
        f"-j SET --{author.pick('add', 'add', 'del')}-set s-filled {author.pick('src', 'dst')}",
    ]
    if table == "filter":
        common += ["-j ACCEPT", "-j ACCEPT", "-j DROP", "-j REJECT --reject-with icmp-host-prohibited"]
        common += ["-j NFQUEUE --queue-num 7", "-j MARK --set-xmark 0x1/0x1"]
        if protocol == "tcp":
            common.append("-j REJECT --reject-with tcp-reset")
        return author.pick(*common)
    if table == "raw":
        return author.pick(*common, "-j CT --notrack", "-j CT --notrack", "-j MARK --set-mark 1", "-j TRACE")
    value = author.pick("1", "2", "0x1/0x1", "0x10/0xf0", "0x3")
    marks = [
        f"-j MARK --set-mark {value}",
        f"-j MARK --set-xmark {value}",
        f"-j MARK --or-mark {author.pick('1', '2')}",
        f"-j MARK --and-mark {author.pick('1', '0xfe')}",
        f"-j MARK --xor-mark {author.pick('1', '3')}",
        f"-j CONNMARK --set-mark {value}",
        f"-j CONNMARK --set-xmark {value}",
        "-j CONNMARK --save-mark",
        "-j CONNMARK --restore-mark",
        "-j CONNMARK --save-mark --nfmask 0x3 --ctmask 0xf",
        "-j CONNMARK --restore-mark --nfmask 0xf0 --ctmask 0xff",
        f"-j TTL --ttl-{author.pick('set 64', 'set 1', 'inc 1', 'dec 1', 'set 9')}",
        "-j DSCP --set-dscp 0x04",
        "-j TOS --set-tos 0x10/0xff",
    ]
    return author.pick(*common, *marks)
