"""What a NAT rule makes of a packet: address and port of its target (net/netfilter/xt_nat.c, nf_nat_masquerade.c)."""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING

from netdoctor.facts.host import Namespace
from netdoctor.kernel.netfilter.model import Translate
from netdoctor.kernel.packet import IPPROTO_ICMP, Ip, Place
from netdoctor.kernel.source import ipv4_addresses, select_address
from netdoctor.kernel.walk import Walk

if TYPE_CHECKING:
    from netdoctor.kernel.netfilter.hook import Passing

#: Of a larger range one address stands for all: they are alike to whoever wrote it.
MAX_CHOICES = 8


def target(
    walk: Walk, ns: Namespace, at: Place, packet: Ip, passing: Passing, rule: Translate
) -> tuple[str | None, int | None]:
    """Return the address and port the rule gives; None keeps the packet's own."""
    port = _port(walk, packet, passing, rule)
    if rule.kind == "masquerade":
        link = ns.link_named(passing.oif or "")
        return (select_address(ns, link, passing.next_hop) if link is not None else None), port
    if rule.kind == "redirect":
        return _redirected(ns, passing), port
    if rule.network is not None:
        return _mapped(rule.network, packet.dst if passing.hook in ("prerouting", "output") else packet.src), port
    if rule.addresses is None:
        return None, port
    first, last = (int(ip_address(address)) for address in rule.addresses)
    choices = [str(ip_address(first + n)) for n in range(min(last - first + 1, MAX_CHOICES))]
    if len(choices) == 1:
        return choices[0], port
    return walk.choose(f"NAT to one of {rule.addresses[0]}-{rule.addresses[1]}", choices), port


def _port(walk: Walk, packet: Ip, passing: Passing, rule: Translate) -> int | None:
    """nf_nat_l4proto_unique_tuple(): a port within the range stays, else the first; at random where that is asked."""
    if rule.ports is None or packet.proto == IPPROTO_ICMP:
        return None
    first, last = rule.ports
    destination = passing.hook in ("prerouting", "output")
    if first == last:
        return first
    if destination and rule.random:
        ports = range(first, min(last, first + MAX_CHOICES - 1) + 1)
        return walk.choose(f"NAT to one of the ports {first}-{last}", ports)
    return None if first <= (packet.dport if destination else packet.sport) <= last else first


def _redirected(ns: Namespace, passing: Passing) -> str | None:
    """nf_nat_redirect_ipv4(): to loopback for what is sent here, else the first address of the ingress device."""
    if passing.hook == "output":
        return "127.0.0.1"
    link = ns.link_named(passing.iif or "")
    addresses = ipv4_addresses(ns, link.index) if link is not None else ()
    return addresses[0].local if addresses else None


def _mapped(network: tuple[str, int], address: str) -> str:
    """NETMAP: the network part of the rule, the host part of the packet."""
    host_bits = 32 - network[1]
    mask = (1 << host_bits) - 1
    return str(ip_address((int(ip_address(network[0])) & ~mask) | (int(ip_address(address)) & mask)))
