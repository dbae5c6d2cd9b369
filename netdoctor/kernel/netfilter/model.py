"""One model for the rules of iptables (both backends), ip6tables and nftables: tables, chains, matches and statements.

A rule is a list of matches that must all hold and a list of statements that are then carried out in order, the last of
which may be a verdict. Whatever a parser does not know becomes `Unknown`, which makes that one rule undecided and
keeps its text. Sources: iptables-extensions(8), nft(8), net/netfilter/.
"""

from __future__ import annotations

from typing import Literal

from netdoctor.facts.links import Record

Hook = Literal["prerouting", "input", "forward", "output", "postrouting", "ingress", "egress"]
#: `ip`, `ip6` and `inet` chains see IP packets; `bridge` frames on a bridge; `arp` ARP; `netdev` one device's frames.
Family = Literal["ip", "ip6", "inet", "bridge", "arp", "netdev"]
Backend = Literal["legacy", "nft"]

#: Priorities that have names (include/uapi/linux/netfilter_ipv4.h); bridge-family chains use others for the same names.
PRIORITIES = {"raw": -300, "mangle": -150, "dstnat": -100, "filter": 0, "security": 50, "srcnat": 100}


class Match(Record, frozen=True):
    """The base of all conditions; `negated` turns it round."""

    negated: bool = False


class Unknown(Match, frozen=True):
    """A condition that is not modelled: undecided. `text` is what it says."""

    text: str = ""


class Address(Match, frozen=True):
    """Source or destination address in one of `ranges` (first and last address as numbers, both included).

    `version` (4 or 6) says which addresses the numbers are: a packet of the other one does not match, negated or not.
    """

    side: Literal["src", "dst"] = "src"
    ranges: tuple[tuple[int, int], ...] = ()
    text: str = ""
    version: int = 4


class Interface(Match, frozen=True):
    """Name of a device. `which` is in, out, the bridge port behind (physdev), or (brin, brout) the bridge of a port.

    A `wildcard` name is a prefix; an empty one holds for any device.
    """

    which: Literal["in", "out", "physin", "physout", "brin", "brout"] = "in"
    names: tuple[str, ...] = ()
    wildcard: bool = False


class Protocol(Match, frozen=True):
    """Transport protocol, by number."""

    numbers: tuple[int, ...] = ()


class Port(Match, frozen=True):
    """Source, destination or either port in one of `ranges`; only TCP, UDP, SCTP … have ports."""

    side: Literal["src", "dst", "either"] = "dst"
    ranges: tuple[tuple[int, int], ...] = ()


class IcmpType(Match, frozen=True):
    """ICMP type, and codes from first to last."""

    type: int = 255
    codes: tuple[int, int] = (0, 255)


class State(Match, frozen=True):
    """Connection tracking state: any of NEW, ESTABLISHED, RELATED, INVALID, UNTRACKED, SNAT, DNAT."""

    states: tuple[str, ...] = ()


class Mark(Match, frozen=True):
    """(mark & mask) == value, of the packet or (`ct`) of its connection."""

    value: int = 0
    mask: int = 0xFFFFFFFF
    ct: bool = False


class TcpFlags(Match, frozen=True):
    """(flags & mask) == set, as bits (FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32)."""

    mask: int = 0
    set: int = 0


class AddressType(Match, frozen=True):
    """addrtype / fib type: type of the address in this namespace (LOCAL, BROADCAST, UNICAST …)."""

    side: Literal["src", "dst"] = "dst"
    types: tuple[str, ...] = ()
    limit_in: bool = False
    limit_out: bool = False


class InSet(Match, frozen=True):
    """Membership in an ipset or nft set; `fields` say what is looked up, in the set's order.

    A field is src, dst, sport, dport, proto, iif, oif, mark, smac, dmac, icmp_type, icmp_code, ct_state, ct_mark,
    ethertype, physin, physout; any other is undecided. `inline` members stand in place of a name. How the members
    are written: see `SetFacts`.
    """

    name: str = ""
    fields: tuple[str, ...] = ()
    inline: tuple[tuple[str, ...], ...] = ()


class Range(Match, frozen=True):
    """A number of the packet from first to last: length (IP bytes), ttl, dscp, tos (the whole byte)."""

    what: Literal["length", "ttl", "dscp", "tos"] = "length"
    first: int = 0
    last: int = 0xFFFF


class Mac(Match, frozen=True):
    """Source (or destination) lladdr."""

    lladdr: str = ""
    side: Literal["src", "dst"] = "src"


class PacketType(Match, frozen=True):
    """unicast (host), broadcast or multicast on layer 2."""

    type: str = "unicast"


class Fragment(Match, frozen=True):
    """Second and further fragments."""


class Owner(Match, frozen=True):
    """User and group of the socket that sent it: ranges, as numbers; None where not asked."""

    uid: tuple[int, int] | None = None
    gid: tuple[int, int] | None = None
    exists: bool = False


class RpFilter(Match, frozen=True):
    """The reverse path test (xt_rpfilter, `fib saddr . iif oif`): holds where the packet passes it."""

    loose: bool = False
    accept_local: bool = False
    validmark: bool = False


class Chance(Match, frozen=True):
    """Holds for some packets: statistic, limit, hashlimit, numgen. Forks; `likely` is walked first.

    `certain` is set where counters decide nothing for a single fresh packet (a limit with burst left).
    """

    likely: bool = True
    certain: bool = False
    text: str = ""


class PhysBridged(Match, frozen=True):
    """--physdev-is-bridged, -is-in, -is-out: `which` is bridged, in or out."""

    which: str = "bridged"


class EtherType(Match, frozen=True):
    """Protocol of the frame: ip 0x0800, arp 0x0806, ip6 0x86dd, vlan 0x8100."""

    numbers: tuple[int, ...] = ()


class ArpField(Match, frozen=True):
    """A field of an ARP message: operation (1 request, 2 reply), saddr, daddr (ip), smac, dmac."""

    field: str = "operation"
    values: tuple[str, ...] = ()


class Never(Match, frozen=True):
    """Holds for no packet of this question (a protocol field of another protocol)."""


class AnyOf(Match, frozen=True):
    """Holds where all matches of one of the alternatives hold."""

    alternatives: tuple[tuple[Match, ...], ...] = ()


class Socket(Match, frozen=True):
    """A socket of this namespace takes the packet (-m socket); `wildcard`: one bound to no address counts too.

    `transparent`: only a socket with IP_TRANSPARENT counts. ICMP other than errors has no socket.
    """

    transparent: bool = False
    wildcard: bool = False


class CtAddress(Match, frozen=True):
    """An address of the connection as conntrack has it, in its `original` or `reply` direction; ranges as `Address`."""

    direction: Literal["original", "reply"] = "original"
    side: Literal["src", "dst"] = "dst"
    ranges: tuple[tuple[int, int], ...] = ()
    version: int = 4


class CtPort(Match, frozen=True):
    """A port of the connection as conntrack has it."""

    direction: Literal["original", "reply"] = "original"
    side: Literal["src", "dst"] = "dst"
    ranges: tuple[tuple[int, int], ...] = ()


class CtProtocol(Match, frozen=True):
    """Transport protocol of the connection; an ICMP error belongs to the connection that it is about."""

    numbers: tuple[int, ...] = ()


class CtDirection(Match, frozen=True):
    """The packet goes in the connection's `original` or `reply` direction."""

    direction: Literal["original", "reply"] = "original"


class CtStatus(Match, frozen=True):
    """Any of NONE, EXPECTED, SEEN_REPLY, ASSURED, CONFIRMED (SNAT and DNAT are states, see `State`)."""

    statuses: tuple[str, ...] = ()


class Statement(Record, frozen=True):
    """What a rule does."""


class Verdict(Statement, frozen=True):
    """accept, drop, continue, return, jump, goto, queue (dropped unless `bypass` or a listener), stolen."""

    kind: str
    chain: str | None = None
    bypass: bool = False


class Reject(Statement, frozen=True):
    """Drop and answer: `with_` is icmp-port-unreachable, icmp-host-prohibited, tcp-reset and so on."""

    with_: str = "icmp-port-unreachable"


class Translate(Statement, frozen=True):
    """NAT of the connection: dnat, snat, masquerade or redirect; a range of addresses and of ports, first and last.

    `network` maps the whole prefix (NETMAP): (address, prefix length).
    """

    kind: Literal["dnat", "snat", "masquerade", "redirect", "netmap"]
    addresses: tuple[str, str] | None = None
    ports: tuple[int, int] | None = None
    network: tuple[str, int] | None = None
    random: bool = False


class SetMark(Statement, frozen=True):
    """mark = (mark & ~mask) ^ value, of the packet or (`ct`) of the connection.

    With `source` (mark or ct), `value` is what that mark & `source_mask` is.
    """

    value: int = 0
    mask: int = 0xFFFFFFFF
    ct: bool = False
    source: Literal["", "mark", "ct"] = ""
    source_mask: int = 0xFFFFFFFF


class NoTrack(Statement, frozen=True):
    """The packet is not tracked: no state but UNTRACKED, no NAT. `zone` sets the conntrack zone instead."""

    zone: int | None = None


class SetTtl(Statement, frozen=True):
    """TTL = value (`how` set), or plus (inc) or minus (dec)."""

    how: Literal["set", "inc", "dec"]
    value: int


class SetTos(Statement, frozen=True):
    """tos = (tos & ~mask) ^ value, of the whole byte; DSCP are its upper six bits."""

    value: int = 0
    mask: int = 0xFF


class Lookup(Statement, frozen=True):
    """A verdict map: the verdict that the fields' values have in `elements` (or in the map `name`); none: go on.

    With `chance` there are no fields: one of the elements is taken at random (numgen, jhash): forks.
    """

    fields: tuple[str, ...]
    name: str = ""
    elements: tuple[tuple[tuple[str, ...], Verdict], ...] = ()
    chance: bool = False


class TranslateByMap(Statement, frozen=True):
    """`dnat to FIELDS map …`: NAT whose target is looked up, or (`numgen`) taken at random: forks.

    Nothing found: the rule ends there, without a verdict. A target is an address and a port; an empty address stays.
    """

    kind: Literal["dnat", "snat", "redirect"]
    fields: tuple[str, ...]
    name: str = ""
    elements: tuple[tuple[tuple[str, ...], tuple[str, int | None]], ...] = ()
    numgen: bool = False


class Pass(Statement, frozen=True):
    """Does nothing that matters here: LOG, counter, TRACE, NFLOG, TCPMSS, CHECKSUM, comment, set update."""

    text: str = ""


class UnknownStatement(Statement, frozen=True):
    """A target that is not modelled: undecided."""

    text: str = ""


class Demand(Statement, frozen=True):
    """Goes on with the rest of the rule only if all `matches` hold now: a condition behind something done (nft)."""

    matches: tuple[Match, ...] = ()


class FirewallRule(Record, frozen=True):
    """One rule: its number in the chain (from 1), its text as the tool prints it, its handle (nft) and counters."""

    number: int
    text: str
    matches: tuple[Match, ...] = ()
    statements: tuple[Statement, ...] = ()
    handle: int | None = None
    comment: str | None = None
    packets: int | None = None


class Base(Record, frozen=True):
    """Where a base chain hangs. `kind` is filter, nat or route; `devices` only for netdev."""

    kind: str
    hook: Hook
    priority: int
    policy: Literal["accept", "drop"] = "accept"
    devices: tuple[str, ...] = ()


class SetFacts(Record, frozen=True):
    """A named set or map.

    `fields` are its key's types in order (ipv4_addr, inet_service, ether_addr, inet_proto, ifname, mark).
    `elements` are keys as text (an address, a prefix `10.0.0.0/8`, a range `1-2`), in maps each with a value.
    How a key is written: addresses in their canonical form, numbers (port, protocol, mark, ethertype, ICMP type) in
    decimal, lladdrs and names of devices as they are (`eth*`: a prefix), conntrack states as in `State`, `*` anything.
    Not `known`: what it holds cannot be said (a list in doubt, a dynamic set), and a lookup is undecided.
    """

    name: str
    fields: tuple[str, ...]
    elements: tuple[tuple[tuple[str, ...], Verdict | tuple[str, int | None] | None], ...] = ()
    known: bool = True
    exceptions: tuple[tuple[str, ...], ...] = ()


class Place(Record, frozen=True):
    """Where a rule stands: backend, family, table, chain."""

    backend: Backend
    family: Family
    table: str
    chain: str
