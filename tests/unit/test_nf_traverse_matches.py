"""Every kind of condition against packets that it should and should not hold for. None: undecided."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any, Literal

import pytest
from msgspec.structs import replace

from netdoctor.facts.links import Link
from netdoctor.kernel.netfilter import model as m
from netdoctor.kernel.netfilter.environment import Rules
from netdoctor.kernel.netfilter.matching import holds
from netdoctor.kernel.netfilter.seen import Seen, Tuple
from netdoctor.kernel.netfilter.view import View

PING = Seen(
    iif="eth0", oif="eth1", src="10.1.0.2", dst="10.2.0.2", proto=1, icmp_type=8, icmp_code=0,
    smac="02:00:00:00:00:01", dmac="02:00:00:00:00:02",
)  # fmt: skip
WEB = replace(PING, proto=6, sport=40000, dport=80, icmp_type=None, icmp_code=None, tcp_flags=2)
DNS = replace(WEB, proto=17, dport=53, tcp_flags=0)
ARP = Seen(
    iif="veth1", oif="veth2", ethertype=0x0806, arp_op=1, arp_saddr="10.1.0.2", arp_daddr="10.1.0.3",
    arp_smac="02:00:00:00:00:01", src="10.1.0.2", dst="10.1.0.3", ct_state="UNTRACKED",
)  # fmt: skip
BRIDGED = replace(PING, iif="br0", oif="br0", physin="veth1", physout="veth2", bridged=True)
ENTERING = replace(BRIDGED, oif=None, physout=None)
SENT = replace(PING, iif=None, uid=1000, gid=100, smac=None)
SIX = replace(PING, src="fd00::1", dst="fd00::2", proto=58, icmp_type=128, ethertype=0x86DD)

IPTABLES = m.Place("legacy", "ip", "filter", "FORWARD")
NFT = m.Place("nft", "inet", "filter", "forward")

SETS = {
    "pods": m.SetFacts("pods", ("ipv4_addr",), ((("10.1.0.0/24",), None), (("10.9.9.9",), None))),
    "except": m.SetFacts("except", ("ipv4_addr",), ((("10.1.0.0/16",), None),), exceptions=(("10.1.0.0/24",),)),
    "inner": m.SetFacts(
        "inner", ("ipv4_addr",), ((("10.1.0.0/16",), None), (("10.1.0.2",), None)), exceptions=(("10.1.0.0/24",),)
    ),
    "ports": m.SetFacts("ports", ("inet_service",), ((("80",), None), (("8000-8100",), None))),
    "address-port": m.SetFacts("address-port", ("ipv4_addr", "inet_service"), ((("10.2.0.2", "tcp:80"), None),)),
    "address-icmp": m.SetFacts("address-icmp", ("ipv4_addr", "inet_service"), ((("10.2.0.2", "icmp:8/0"), None),)),
    "triple": m.SetFacts(
        "triple", ("ipv4_addr", "inet_proto", "inet_service"), ((("10.0.0.0/8", "tcp", "1-1000"), None),)
    ),
    "devices": m.SetFacts("devices", ("ifname",), ((("eth*",), None),)),
    "in-doubt": m.SetFacts("in-doubt", ("ipv4_addr",), known=False),
    "empty": m.SetFacts("empty", ("ipv4_addr",)),
    "catch-all": m.SetFacts("catch-all", ("ipv4_addr",), ((("*",), None),)),
}  # fmt: skip


DEVICES = {
    "eth0": Link(2, "eth0", 1, 1500, "veth", group=7),
    "eth1": Link(3, "eth1", 1, 1500, None),
}


class World(Rules):
    """The sets above, and a namespace whose own address is 10.1.0.1 on eth0."""

    def rules(self, place: m.Place) -> None:
        return None

    def set(self, place: m.Place, name: str, key: tuple[str, ...] | None = None) -> m.SetFacts | None:
        return SETS.get(name)

    def address_type(self, address: str, ifname: str | None) -> str:
        return "LOCAL" if address == "10.1.0.1" and ifname in (None, "eth0") else "UNICAST"

    def device(self, ifname: str) -> Link | None:
        return DEVICES.get(ifname)

    def queues(self) -> frozenset[int]:
        return frozenset()

    def connections(self) -> int | None:
        return 10

    def reverse_path(self, seen: Seen, loose: bool, accept_local: bool, validmark: bool) -> bool:
        return loose or seen.iif == "eth0"


def outcome(match: m.Match, packet: Seen, tool: Literal["iptables", "nft"] = "iptables") -> bool | None:
    view = View(packet, World(), World(), IPTABLES if tool == "iptables" else NFT)
    view.rule = m.FirewallRule(1, "-A FORWARD -j DROP" if tool == "iptables" else "drop")
    return holds(match, view)


def source(text: str, **more: Any) -> m.Address:
    return address("src", text, **more)


def destination(text: str, **more: Any) -> m.Address:
    return address("dst", text, **more)


def address(side: Literal["src", "dst"], text: str, **more: Any) -> m.Address:
    network = ip_network(text)
    ends = (int(network[0]), int(network[-1]))
    return m.Address(side=side, ranges=(ends,), text=text, version=network.version, **more)


def inset(name: str, *fields: str, **more: Any) -> m.InSet:
    return m.InSet(name=name, fields=fields, **more)


def not_(match: m.Match) -> m.Match:
    return replace(match, negated=True)


ESTABLISHED = replace(PING, ct_state="ESTABLISHED")
INVALID = replace(PING, ct_state="INVALID")
UNTRACKED = replace(PING, ct_state="UNTRACKED")
TRANSLATED = replace(
    WEB, ct_status=("DNAT",), dst="10.2.0.9", dport=8080, ct_original=Tuple("10.1.0.2", "10.96.0.1", 40000, 80)
)

CASES: list[tuple[str, m.Match, Seen, bool | None]] = [
    # addresses
    ("source in its prefix", source("10.1.0.0/16"), PING, True),
    ("source outside its prefix", source("10.2.0.0/16"), PING, False),
    ("the prefix 0.0.0.0/0", source("0.0.0.0/0"), PING, True),
    ("destination is the very address", destination("10.2.0.2/32"), PING, True),
    ("destination is the next address", destination("10.2.0.3/32"), PING, False),
    ("! source in its prefix", source("10.1.0.0/16", negated=True), PING, False),
    ("! source outside its prefix", source("10.2.0.0/16", negated=True), PING, True),
    ("iprange includes both ends", m.Address(side="src", ranges=((0x0A010002, 0x0A010002),)), PING, True),
    ("one of two ranges", m.Address(side="dst", ranges=((1, 2), (0x0A020000, 0x0A0200FF))), PING, True),
    ("IPv6 prefix, IPv4 packet", source("::/0"), PING, False),
    ("! IPv6 prefix, IPv4 packet", source("::/0", negated=True), PING, False),
    ("IPv6 prefix, IPv6 packet", source("fd00::/8"), SIX, True),
    ("IPv4 prefix, IPv6 packet", source("0.0.0.0/0"), SIX, False),
    ("address of an ARP message is no IP address", source("10.1.0.0/16"), ARP, False),
    # interfaces
    ("-i eth0", m.Interface(which="in", names=("eth0",)), PING, True),
    ("-i eth1", m.Interface(which="in", names=("eth1",)), PING, False),
    ("-i eth+", m.Interface(which="in", names=("eth",), wildcard=True), PING, True),
    ("-i eth is no prefix", m.Interface(which="in", names=("eth",)), PING, False),
    ("-i + holds for any", m.Interface(which="in", names=("",), wildcard=True), SENT, True),
    ("! -o eth1", m.Interface(which="out", names=("eth1",), negated=True), PING, False),
    ("-o eth1 where there is none", m.Interface(which="out", names=("eth1",)), ENTERING, False),
    ("! -o eth1 where there is none", m.Interface(which="out", names=("eth1",), negated=True), ENTERING, True),
    ("! -i eth0 of a packet sent here", m.Interface(which="in", names=("eth0",), negated=True), SENT, True),
    ("one of several names", m.Interface(which="in", names=("lo", "eth0")), PING, True),
    ("bridge of the port", m.Interface(which="brin", names=("br0",)), replace(ARP, brin="br0"), True),
    # bridge ports
    ("physdev-in of the port", m.Interface(which="physin", names=("veth1",)), BRIDGED, True),
    ("physdev-in of another port", m.Interface(which="physin", names=("veth9",)), BRIDGED, False),
    ("physdev-in, not bridged", m.Interface(which="physin", names=("veth1",)), PING, False),
    ("! physdev-in, not bridged", m.Interface(which="physin", names=("veth1",), negated=True), PING, True),
    ("physdev-out, not known yet", m.Interface(which="physout", names=("veth2",)), ENTERING, False),
    ("! physdev-out, not known yet", m.Interface(which="physout", names=("veth2",), negated=True), ENTERING, False),
    ("physdev-is-bridged", m.PhysBridged(), BRIDGED, True),
    ("physdev-is-bridged before the way is known", m.PhysBridged(), ENTERING, False),
    ("physdev-is-bridged, routed", m.PhysBridged(), PING, False),
    ("! physdev-is-bridged, routed", m.PhysBridged(negated=True), PING, True),
    ("physdev-is-in", m.PhysBridged(which="in"), ENTERING, True),
    ("physdev-is-out", m.PhysBridged(which="out"), ENTERING, False),
    # protocols and ports
    ("-p icmp", m.Protocol(numbers=(1,)), PING, True),
    ("-p tcp", m.Protocol(numbers=(6,)), PING, False),
    ("! -p tcp", m.Protocol(numbers=(6,), negated=True), PING, True),
    ("-p 0 is any", m.Protocol(numbers=(0,)), PING, True),
    ("one of several protocols", m.Protocol(numbers=(6, 17)), DNS, True),
    ("--dport 80", m.Port(ranges=((80, 80),)), WEB, True),
    ("--dport 81:90", m.Port(ranges=((81, 90),)), WEB, False),
    ("! --dport 80", m.Port(ranges=((80, 80),), negated=True), WEB, False),
    ("--sport 1024:65535", m.Port(side="src", ranges=((1024, 65535),)), WEB, True),
    ("--ports 80 by the destination", m.Port(side="either", ranges=((80, 80),)), WEB, True),
    ("multiport 22,80", m.Port(ranges=((22, 22), (80, 80))), WEB, True),
    ("ICMP has no ports", m.Port(ranges=((0, 65535),)), PING, False),
    ("! --dport of ICMP", m.Port(ranges=((80, 80),), negated=True), PING, False),
    ("the tail of a fragmented packet has no ports", m.Port(ranges=((80, 80),)), replace(WEB, fragment=True), False),
    # ICMP
    ("echo-request", m.IcmpType(type=8), PING, True),
    ("echo-reply", m.IcmpType(type=0), PING, False),
    ("! echo-reply", m.IcmpType(type=0, negated=True), PING, True),
    ("any type", m.IcmpType(type=255), PING, True),
    ("port-unreachable by its code", m.IcmpType(type=3, codes=(3, 3)), replace(PING, icmp_type=3, icmp_code=3), True),
    ("type 3 of another code", m.IcmpType(type=3, codes=(1, 1)), replace(PING, icmp_type=3, icmp_code=3), False),
    ("any type of TCP", m.IcmpType(type=255), WEB, False),
    # connection tracking
    ("NEW", m.State(states=("NEW",)), PING, True),
    ("RELATED,ESTABLISHED of a new one", m.State(states=("RELATED", "ESTABLISHED")), PING, False),
    ("RELATED,ESTABLISHED of a reply", m.State(states=("RELATED", "ESTABLISHED")), ESTABLISHED, True),
    ("! NEW", m.State(states=("NEW",), negated=True), PING, False),
    ("INVALID", m.State(states=("INVALID",)), INVALID, True),
    ("UNTRACKED", m.State(states=("UNTRACKED",)), UNTRACKED, True),
    ("INVALID is not UNTRACKED", m.State(states=("INVALID",)), UNTRACKED, False),
    ("--ctstate DNAT of a translated one", m.State(states=("DNAT",)), TRANSLATED, True),
    ("--ctstate DNAT of another", m.State(states=("DNAT",)), WEB, False),
    ("! --ctstate DNAT without a connection", m.State(states=("DNAT",), negated=True), INVALID, True),
    ("CONFIRMED of a reply", m.CtStatus(statuses=("CONFIRMED",)), ESTABLISHED, True),
    ("CONFIRMED of an error about it", m.CtStatus(statuses=("CONFIRMED",)), replace(PING, ct_state="RELATED"), True),
    ("SEEN_REPLY of an error about it", m.CtStatus(statuses=("SEEN_REPLY",)), replace(PING, ct_state="RELATED"), False),
    ("ctproto of a packet of it", m.CtProtocol(numbers=(1,)), PING, True),
    ("ctproto of an error about it", m.CtProtocol(numbers=(17,)), replace(PING, ct_state="RELATED", ct_proto=17), True),
    ("ctproto of an error about who knows what", m.CtProtocol(numbers=(17,)), replace(PING, ct_state="RELATED"), None),
    ("ctorigdstport of an echo is its type", m.CtPort(ranges=((2048, 2048),)), PING, True),
    ("CONFIRMED of a new one", m.CtStatus(statuses=("CONFIRMED",)), PING, False),
    ("! ASSURED without a connection", m.CtStatus(statuses=("ASSURED",), negated=True), INVALID, False),
    ("ctorigdst before the translation", m.CtAddress(ranges=((0x0A600001, 0x0A600001),)), TRANSLATED, True),
    ("ctorigdst of a new one is its own", m.CtAddress(ranges=((0x0A020002, 0x0A020002),)), PING, True),
    ("ctorigdst that is not recorded", m.CtAddress(ranges=((1, 1),)), ESTABLISHED, None),
    ("ctorigdstport", m.CtPort(ranges=((80, 80),)), TRANSLATED, True),
    ("original direction", m.CtDirection(direction="original"), PING, True),
    ("reply direction", m.CtDirection(direction="reply"), replace(ESTABLISHED, ct_replying=True), True),
    # marks
    ("mark 0x10", m.Mark(value=0x10), replace(PING, mark=0x10), True),
    ("mark 0x10/0x10 beside other bits", m.Mark(value=0x10, mask=0x10), replace(PING, mark=0x8010), True),
    ("mark 0x10 beside other bits", m.Mark(value=0x10), replace(PING, mark=0x8010), False),
    ("! mark 0/0x10", m.Mark(value=0, mask=0x10, negated=True), PING, False),
    ("connmark", m.Mark(value=5, ct=True), replace(PING, ct_mark=5), True),
    ("! connmark without a connection", m.Mark(value=5, ct=True, negated=True), INVALID, False),
    # TCP
    ("--syn", m.TcpFlags(mask=0x17, set=2), WEB, True),
    ("--syn of SYN,ACK", m.TcpFlags(mask=0x17, set=2), replace(WEB, tcp_flags=18), False),
    ("! --syn of SYN,ACK", m.TcpFlags(mask=0x17, set=2, negated=True), replace(WEB, tcp_flags=18), True),
    ("! --syn of UDP", m.TcpFlags(mask=0x17, set=2, negated=True), DNS, False),
    # the namespace
    ("addrtype LOCAL of an own address", m.AddressType(types=("LOCAL",)), replace(PING, dst="10.1.0.1"), True),
    ("addrtype LOCAL of another's", m.AddressType(types=("LOCAL",)), PING, False),
    ("! addrtype LOCAL", m.AddressType(types=("LOCAL",), negated=True), PING, True),
    ("addrtype of the source", m.AddressType(side="src", types=("LOCAL",)), replace(PING, src="10.1.0.1"), True),
    (
        "addrtype LOCAL on the device it came in by",
        m.AddressType(types=("LOCAL",), limit_in=True), replace(PING, dst="10.1.0.1"), True,
    ),
    (
        "addrtype LOCAL on another device",
        m.AddressType(types=("LOCAL",), limit_in=True), replace(PING, dst="10.1.0.1", iif="eth7"), False,
    ),
    ("rpfilter", m.RpFilter(), PING, True),
    ("rpfilter, asymmetric", m.RpFilter(), replace(PING, iif="eth7"), False),
    ("rpfilter --invert, asymmetric", m.RpFilter(negated=True), replace(PING, iif="eth7"), True),
    ("rpfilter --loose", m.RpFilter(loose=True), replace(PING, iif="eth7"), True),
    ("uid of the sender", m.Owner(uid=(1000, 1000)), SENT, True),
    ("uid of another", m.Owner(uid=(0, 0)), SENT, False),
    ("gid in a range", m.Owner(gid=(100, 199)), SENT, True),
    ("uid of a forwarded packet", m.Owner(uid=(0, 0)), PING, False),
    ("a socket of the kernel's own exists", m.Owner(exists=True), replace(PING, socket=True), True),
    ("! a socket of the kernel's own exists", m.Owner(True, exists=True), replace(PING, socket=True), False),
    ("! uid of the kernel's own socket", m.Owner(True, uid=(0, 0)), replace(PING, socket=True), True),
    ("no socket of a forwarded packet", m.Owner(exists=True), PING, False),
    ("gid of a socket of which only the user is known", m.Owner(gid=(0, 0)), replace(PING, uid=0, socket=True), None),
    ("socket of an echo", m.Socket(), PING, False),
    ("socket of TCP", m.Socket(), WEB, None),
    # what else a header has
    ("length within", m.Range(what="length", first=84, last=84), PING, True),
    ("length beyond", m.Range(what="length", first=85), PING, False),
    ("ttl less than 64", m.Range(what="ttl", first=0, last=63), PING, False),
    ("dscp of the TOS byte", m.Range(what="dscp", first=46, last=46), replace(PING, tos=0xB8), True),
    ("mac-source", m.Mac(lladdr="02:00:00:00:00:01"), PING, True),
    ("! mac-source without one", m.Mac(lladdr="02:00:00:00:00:01", negated=True), SENT, False),
    ("pkt-type unicast", m.PacketType(type="host"), PING, True),
    ("pkt-type broadcast", m.PacketType(type="broadcast"), PING, False),
    ("fragment", m.Fragment(), PING, False),
    ("! fragment", m.Fragment(negated=True), PING, True),
    ("ether type arp", m.EtherType(numbers=(0x0806,)), ARP, True),
    ("! ether type ip", m.EtherType(numbers=(0x0800,), negated=True), ARP, True),
    ("arp operation request", m.ArpField(field="operation", values=("1",)), ARP, True),
    ("arp operation by name", m.ArpField(field="operation", values=("reply",)), ARP, False),
    ("arp saddr in a prefix", m.ArpField(field="saddr", values=("10.1.0.0/24",)), ARP, True),
    ("arp operation of an IP packet", m.ArpField(field="operation", values=("1",)), PING, False),
    ("a field of another protocol", m.Never(negated=True), PING, False),
    ("unknown", m.Unknown(text="-m u32"), PING, None),
    ("a limit", m.Chance(), PING, None),
    ("a limit with burst left", m.Chance(certain=True), PING, True),
    ("! a limit with burst left", m.Chance(certain=True, negated=True), PING, False),
    # sets
    ("in a prefix of a set", inset("pods", "src"), PING, True),
    ("not in a set", inset("pods", "dst"), PING, False),
    ("! in a set", inset("pods", "src", negated=True), PING, False),
    ("nomatch takes a smaller prefix out", inset("except", "src"), PING, False),
    ("what nomatch leaves", inset("except", "src"), replace(PING, src="10.1.5.5"), True),
    ("an element smaller than nomatch", inset("inner", "src"), PING, True),
    ("beside that element", inset("inner", "src"), replace(PING, src="10.1.0.3"), False),
    ("port in a set", inset("ports", "dport"), WEB, True),
    ("port in a range of a set", inset("ports", "dport"), replace(WEB, dport=8080), True),
    ("address and port", inset("address-port", "dst", "dport"), WEB, True),
    ("address and port of another protocol", inset("address-port", "dst", "dport"), replace(WEB, proto=17), False),
    ("type of an echo in place of a port", inset("address-icmp", "dst", "dport"), PING, True),
    ("concatenation with prefix and range", inset("triple", "src", "proto", "dport"), WEB, True),
    ("concatenation, one part outside", inset("triple", "src", "proto", "dport"), replace(WEB, dport=2000), False),
    ("wildcard device in a set", inset("devices", "iif"), PING, True),
    ("catch-all element", inset("catch-all", "src"), PING, True),
    ("empty set", inset("empty", "src"), PING, False),
    ("! empty set", inset("empty", "src", negated=True), PING, True),
    ("set in doubt", inset("in-doubt", "src"), PING, None),
    ("set that is not there", inset("gone", "src"), PING, None),
    ("a field that is not modelled", inset("pods", "time"), PING, None),
    ("anonymous set", m.InSet(fields=("dport",), inline=(("22",), ("80",))), WEB, True),
    ("anonymous set of states", m.InSet(fields=("ct_state",), inline=(("ESTABLISHED",), ("NEW",))), PING, True),
    ("anonymous set of marks", m.InSet(fields=("mark",), inline=(("0x1",), ("2",))), replace(PING, mark=1), True),
    # either
    (
        "any of: the second holds",
        m.AnyOf(alternatives=((m.Protocol(numbers=(6,)),), (m.Protocol(numbers=(1,)), m.IcmpType(type=8)))), PING, True,
    ),
    ("any of: none holds", m.AnyOf(alternatives=((m.Protocol(numbers=(6,)),),)), PING, False),
    (
        "any of: one is unknown",
        m.AnyOf(alternatives=((m.Unknown(),), (m.Protocol(numbers=(6,)),))), PING, None,
    ),
    (
        "any of: one is unknown, but another holds",
        m.AnyOf(alternatives=((m.Unknown(),), (m.Protocol(numbers=(1,)),))), PING, True,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("match", "packet", "expected"), [pytest.param(*c[1:], id=c[0]) for c in CASES])
def test_a_condition(match: m.Match, packet: Seen, expected: bool | None) -> None:
    assert outcome(match, packet) is expected


#: Where iptables and nftables differ: a negated condition on something that the packet does not have.
DIFFERENT: list[tuple[str, m.Match, Seen, bool, bool]] = [
    ("! uid of a forwarded packet", m.Owner(uid=(0, 0), negated=True), PING, True, False),
    ("! port in a set, of ICMP", inset("ports", "dport", negated=True), replace(PING, fragment=True), True, False),
    ("! translated, without a connection", m.State(states=("DNAT",), negated=True), UNTRACKED, True, False),
]


@pytest.mark.parametrize(
    ("match", "packet", "iptables", "nft"), [pytest.param(*c[1:], id=c[0]) for c in DIFFERENT]
)
def test_iptables_and_nftables_differ(match: m.Match, packet: Seen, iptables: bool, nft: bool) -> None:
    assert outcome(match, packet, "iptables") is iptables
    assert outcome(match, packet, "nft") is nft
