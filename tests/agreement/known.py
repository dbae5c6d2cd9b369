"""One written network, and rulesets on its router of which it is known what they do: the kernel is asked all the same.

a (10.1.0.2) has a cable to the router r; b (10.2.0.2) and c (10.2.0.3) are ports pb and pc of its bridge br0.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.agreement.plan import Change, Command, Plan, Question

ADDRESSES = {"a": "10.1.0.2", "b": "10.2.0.2", "c": "10.2.0.3", "r": "10.2.0.1"}
MACS = {"a": "02:00:00:00:00:0a", "b": "02:00:00:00:00:0b", "c": "02:00:00:00:00:0c"}
TOOLS = {
    "legacy": ("iptables-legacy-restore", "--noflush"),
    "nft": ("nft", "-f", "-"),
    "ipset": ("ipset", "restore"),
    "ebtables": ("ebtables-nft-restore", "--noflush"),
}


@dataclass(frozen=True)
class Case:
    """What is loaded into which namespace, and whether the question is answered (None: undecided)."""

    name: str
    text: str
    reachable: bool | None
    ends: str = "a b"
    protocol: str = "icmp"
    tool: str = "legacy"
    place: str = "r"
    port: int = 80
    address: str = ""
    more: tuple[str, ...] = ()
    size: int = 56

    def plan(self) -> Plan:
        """The network with the ruleset as its change. `more` are commands before it, NAMESPACE WORDS."""
        source, destination = self.ends.split()
        address = self.address or ADDRESSES[destination]
        question = Question(source, destination, address, size=self.size, protocol=self.protocol, port=self.port)
        commands = [_command(line) for line in self.more]
        texts = self.text.split("---\n") if self.tool == "ipset" else [self.text]
        tools = [self.tool, "legacy"][: len(texts)]
        commands += [Command(self.place, TOOLS[tool], text) for tool, text in zip(tools, texts, strict=True)]
        change = Change("rules-known", tuple(commands))
        return Plan(0, self.name, ("a", "b", "c", "r"), _build(), (), (change,), question)


def table(name: str, *rules: str) -> str:
    """A table in the save format, with the chains that its rules are in and USER."""
    chains = dict.fromkeys(rule.split()[1] for rule in rules)
    lines = [f":{chain} {'ACCEPT' if chain.isupper() and chain != 'USER' else '-'} [0:0]" for chain in chains]
    return "\n".join([f"*{name}", *lines, *rules, "COMMIT", ""])


def chain(head: str, *rules: str, family: str = "inet", sets: str = "") -> str:
    """A table of nftables with one base chain."""
    lines = "\n".join(rules)
    return f"table {family} t {{\n{sets}\nchain c {{\ntype {head}; policy accept;\n{lines}\n}}\n}}\n"


def _command(line: str) -> Command:
    space, *words = line.split()
    return Command(space, tuple(words))


def _build() -> tuple[Command, ...]:
    lines = []
    for space in ("a", "b", "c", "r"):
        lines += [
            f"{space} sysctl net/ipv6/conf/all/disable_ipv6 1",
            f"{space} sysctl net/ipv6/conf/default/disable_ipv6 1",
            f"{space} ip link set lo up",
        ]
    lines += [
        "r sysctl net/ipv4/ip_forward 1",
        "r sysctl net/bridge/bridge-nf-call-iptables 0",
        "r ip link add br0 type bridge",
        "r ip addr add 10.2.0.1/24 dev br0",
        "r ip link set br0 up",
    ]
    for name in "abc":
        lines.append(
            f"r ip link add p{name} type veth peer name eth0 address {MACS[name]} netns @{name}",
        )
        if name != "a":
            lines.append(f"r ip link set p{name} master br0")
        lines += [f"r ip link set p{name} up", f"{name} ip link set eth0 up"]
        lines.append(f"{name} ip addr add {ADDRESSES[name]}/24 dev eth0")
    lines.append("r ip addr add 10.1.0.1/24 dev pa")
    lines += [f"{name} ip route add default via 10.{1 if name == 'a' else 2}.0.1" for name in "abc"]
    return tuple(_command(line) for line in lines)


_FORWARD = "filter hook forward priority 0"
_PRE = "filter hook prerouting priority -300"
_OTHER_WAY = ("r ip rule add tos 0x10 pref 50 blackhole",)
_DYNAMIC = "set s { type ipv4_addr; flags dynamic, timeout; timeout 1m; }"

CASES: tuple[Case, ...] = (
    Case("the TOS that a rule sets is what the next asks for", table(
        "mangle", "-A PREROUTING -j TOS --set-tos 0x10", "-A FORWARD -m tos ! --tos 0x10 -j DROP"), True),
    Case("the reply keeps the TOS of the request", table(
        "mangle", "-A PREROUTING -i pa -j DSCP --set-dscp 0x2e", "-A FORWARD -o pa -m dscp ! --dscp 0x2e -j DROP"),
        True),
    Case("a socket answers with a TOS of its own", table(
        "mangle", "-A PREROUTING -i pa -j DSCP --set-dscp 0x2e", "-A FORWARD -o pa -m dscp --dscp 0x2e -j DROP"),
        True, protocol="udp"),
    Case("a policy rule for the TOS that a rule sets", table(
        "mangle", "-A PREROUTING -j TOS --set-tos 0x10"), False, more=_OTHER_WAY),
    Case("a TOS set at output has the packet routed anew", table(
        "mangle", "-A OUTPUT -j TOS --set-tos 0x10"), False, place="a",
        more=("a ip rule add tos 0x10 pref 50 blackhole",)),
    Case("the old lladdr of a forwarded packet at postrouting", chain(
        "filter hook postrouting priority 0", f"ether saddr {MACS['a']} drop"), False, tool="nft"),
    Case("a packet that is sent here has no lladdr yet", chain(
        "filter hook postrouting priority 0", f"ether saddr != {MACS['a']} drop"), True, ends="r b", tool="nft"),
    Case("NAT to a range that holds the port keeps it", table(
        "nat", "-A PREROUTING -p tcp -m tcp --dport 80 -j DNAT --to-destination 10.2.0.2:70-90"), True, protocol="tcp"),
    Case("NAT to a range takes its first port", table(
        "nat", "-A PREROUTING -p udp -m udp -d 10.2.0.3/32 -j DNAT --to-destination 10.2.0.2:81-90",
        "-A PREROUTING -p udp -m udp --dport 80 -j DNAT --to-destination :81-90"), False, protocol="udp"),
    Case("an ephemeral port in a part of the range", table(
        "filter", "-A FORWARD -p tcp -m tcp --sport 40000:50000 -j DROP"), None, protocol="tcp"),
    Case("all ephemeral ports are above 1023", table(
        "filter", "-A FORWARD -p tcp -m tcp --sport 1024:65535 -j ACCEPT", "-A FORWARD -p tcp -m tcp --syn -j DROP"),
        True, protocol="tcp"),
    Case("a bridged frame is another host's", chain(
        "filter hook forward priority 0", "meta pkttype host drop", family="bridge"), True, ends="b c", tool="nft"),
    Case("a bridged frame is of the type other", chain(
        "filter hook prerouting priority 0", "ether type ip meta pkttype other drop", family="bridge"), False,
        ends="b c", tool="nft"),
    Case("a frame to the bridge is the host's", chain(
        "filter hook prerouting priority 0", "ether type ip meta pkttype != host drop", family="bridge"), True,
        ends="b r", tool="nft"),
    Case("the kernel's echo reply has a socket", table(
        "filter", "-A OUTPUT -m owner ! --socket-exists -j DROP"), True, place="b"),
    Case("but nobody owns it", table("filter", "-A OUTPUT -m owner ! --uid-owner 0 -j DROP"), False, place="b"),
    Case("who listens owns the SYN/ACK", table(
        "filter", "-A OUTPUT -m owner --uid-owner 0 -j ACCEPT", "-A OUTPUT -p tcp -j DROP"), True, place="b",
        protocol="tcp"),
    Case("a limit that has not let anything through yet", table(
        "filter", "-A FORWARD -m limit --limit 10/sec --limit-burst 20 -j ACCEPT", "-A FORWARD -j DROP"), True),
    Case("a quota that is far from used up", chain(_FORWARD, "quota over 100 mbytes drop"), True, tool="nft"),
    Case("few connections", chain(_FORWARD, "ct count over 1000 drop"), True, tool="nft", protocol="tcp"),
    Case("connlimit", table(
        "filter", "-A FORWARD -p tcp --syn -m connlimit --connlimit-above 1000 -j REJECT"), True, protocol="tcp"),
    Case("a set that a packet has filled", chain(
        _PRE, "iifname pa add @s { ip saddr }", "iifname br0 ip daddr != @s drop", "iifname pa ip saddr != @s drop",
        sets=_DYNAMIC), True, tool="nft"),
    Case("a set that the reply finds filled", chain(
        _PRE, "iifname br0 ip daddr @s drop", "add @s { ip saddr }", sets=_DYNAMIC), False, tool="nft"),
    Case("a new element is below its limit", chain(
        _PRE, "add @s { ip saddr limit rate over 10/second } drop", sets=_DYNAMIC), True, tool="nft"),
    Case("an ipset that a packet has filled", "create s hash:ip\n---\n" + table(
        "mangle", "-A PREROUTING -i pa -j SET --add-set s src",
        "-A FORWARD -i pa -m set ! --match-set s src -j DROP", "-A FORWARD -o pa -m set ! --match-set s dst -j DROP"),
        True, tool="ipset"),
    Case("a queue nobody listens at, with bypass", table(
        "filter", "-A FORWARD -j NFQUEUE --queue-num 3 --queue-bypass", "-A FORWARD -j DROP"), True),
    Case("a queue nobody listens at", table("filter", "-A FORWARD -j NFQUEUE --queue-balance 0:3"), False),
    Case("a map of prefixes", chain(
        "nat hook prerouting priority -100", "dnat ip prefix to ip daddr map { 10.9.0.0/24 : 10.2.0.0/24 }")
        + chain(_FORWARD, "ct status dnat ip daddr 10.2.0.2 accept", "ct state established accept", "drop"
        ).replace("table inet t", "table inet u"), True, tool="nft", address="10.9.0.2"),
    Case("a mark that a map gives", chain(
        _PRE, "meta mark set ip saddr map { 10.1.0.0/24 : 0x5 }", "meta mark set ip daddr map { 10.9.9.9 : 0x6 } drop",
        ) + chain(_FORWARD, "iifname pa meta mark != 0x5 drop", "iifname br0 meta mark != 0 drop").replace(
        "table inet t", "table inet u"), True, tool="nft"),
    Case("an answer at random among equals", table(
        "nat", "-A PREROUTING -d 10.9.0.9/32 -m statistic --mode random --probability 0.5 -j DNAT --to 10.2.0.2",
        "-A PREROUTING -d 10.9.0.9/32 -j DNAT --to 10.2.0.3"), True, address="10.9.0.9"),
    Case("kinds, types and groups of devices", chain(
        _FORWARD, 'meta iifkind "veth" meta oifkind "bridge" iifgroup 0 meta iiftype ether accept',
        'meta iifkind "bridge" meta oifkind "veth" accept', "drop"), True, tool="nft"),
    Case("raw bits of the headers", chain(
        _FORWARD, "ip version 4 ip hdrlength 5 @nh,72,8 17 @th,16,16 80 accept",
        "@nh,96,32 0x0a020002 ip daddr & 255.0.255.0 == 10.0.0.0 accept", "drop"), True, tool="nft", protocol="udp"),
    Case("protocol, version and zone of the connection", chain(
        _FORWARD, "ct protocol icmp ct l3proto ipv4 ct zone 0 accept", "drop"), True, tool="nft"),
    Case("one zone for both ways", table(
        "raw", "-A PREROUTING -j CT --zone 5") + table("filter", "-A FORWARD -m state --state ESTABLISHED -j ACCEPT",
        "-A FORWARD -i pa -j ACCEPT", "-A FORWARD -j DROP"), True),
    Case("another zone for the way back", table("raw", "-A PREROUTING -i pa -j CT --zone 5") + table(
        "filter", "-A FORWARD -o pa -m state ! --state ESTABLISHED -j DROP"), False),
    Case("a mark that the connection carries back", table(
        "mangle", "-A PREROUTING -i pa -j MARK --set-mark 0x7", "-A PREROUTING -i pa -j CONNMARK --save-mark",
        "-A PREROUTING -i br0 -j CONNMARK --restore-mark"), False,
        more=("r ip rule add fwmark 7 iif br0 pref 40 prohibit",)),
    Case("fragments that conntrack puts together have the length of the whole", table(
        "mangle", "-A PREROUTING -m length --length 2628 -j DROP") + table(
        "filter", "-A FORWARD -m conntrack --ctstate INVALID -j DROP"), False, size=2600),
    Case("without conntrack each fragment has a length of its own", table(
        "mangle", "-A PREROUTING -m length --length 2628 -j DROP"), True, size=2600),
    Case("ebtables may answer ARP itself", "*nat\n:PREROUTING ACCEPT\n-A PREROUTING -p ARP --arp-op Request "
        "--arp-ip-dst 10.2.0.3 -j arpreply --arpreply-mac 02:00:00:00:00:0c\n", None, ends="b c", tool="ebtables"),
)  # fmt: skip
