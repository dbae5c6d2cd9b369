"""Whether recorded facts are such as a kernel gives: a snapshot is a file from elsewhere, and may be made up.

The types have been checked by then (they decode), but an address is text to them. What passes here can be walked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import ip_address

from netdoctor.facts.host import NamespaceFacts

#: The EtherTypes of tags that a VLAN device may have (vlan_validate()).
VLAN_PROTOCOLS = (0x8100, 0x88A8)
_LLADDR = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2})*")


def complaint(facts: NamespaceFacts) -> str | None:
    """Return what is wrong with the facts of a namespace, in a few words, or None. Pure."""
    return next(_complaints(facts), None)


def _complaints(facts: NamespaceFacts) -> Iterator[str]:
    for text, prefixlen in _prefixes(facts):
        yield from _bad_prefix(text, prefixlen)
    for address in _addresses(facts):
        yield from _bad_prefix(address, 0)
    for link in facts.links:
        if link.vlan is not None and not (0 <= link.vlan.vid < 4096 and link.vlan.protocol in VLAN_PROTOCOLS):
            yield f"{link.vlan.vid} of protocol {link.vlan.protocol:#x} is no VLAN"
    for lladdr in _lladdrs(facts):
        # Of a tunnel for IP it is an IP address, as ip-link(8) prints it.
        if not _LLADDR.fullmatch(lladdr) and any(_bad_prefix(lladdr, 0)):
            yield f"{lladdr[:40]!r} is no link-layer address"


def _bad_prefix(text: str, prefixlen: int) -> Iterator[str]:
    try:
        longest = ip_address(text).max_prefixlen
    except ValueError:
        yield f"{text[:40]!r} is no IP address"
        return
    if not 0 <= prefixlen <= longest:
        yield f"{prefixlen} is no prefix length of {text}"


def _prefixes(facts: NamespaceFacts) -> Iterator[tuple[str, int]]:
    for address in facts.addresses:
        yield address.local, address.prefixlen
    for route in facts.routes:
        yield route.dst, route.prefixlen
    for allowed in (item for device in facts.wireguards for peer in device.peers for item in peer.allowed):
        yield allowed.address, allowed.prefixlen
    for rule in facts.rules:
        for text, prefixlen in ((rule.src, rule.src_len), (rule.dst, rule.dst_len)):
            if text is not None:
                yield text, prefixlen


def _addresses(facts: NamespaceFacts) -> Iterator[str]:
    optional = (
        *(text for a in facts.addresses for text in (a.address, a.broadcast)),
        *(route.prefsrc for route in facts.routes),
        *(hop.gateway for route in facts.routes for hop in route.nexthops),
        *(nexthop.gateway for nexthop in facts.nexthops),
        *(neighbour.dst for neighbour in facts.neighbours),
        *(entry.dst for entry in facts.fdb),
        *(item.address for item in facts.sockets or ()),
        *(text for e in facts.connections or () for text in (e.src, e.dst, e.reply_src, e.reply_dst)),
        *(text for link in facts.links if link.vxlan for text in (link.vxlan.group, link.vxlan.local)),
        *(peer.endpoint for device in facts.wireguards for peer in device.peers),
        *(text for link in facts.links if link.tunnel for text in (link.tunnel.local, link.tunnel.remote)),
    )
    yield from (text for text in optional if text is not None)


def _lladdrs(facts: NamespaceFacts) -> Iterator[str]:
    optional = (
        *(text for link in facts.links for text in (link.address, link.broadcast)),
        *(neighbour.lladdr for neighbour in facts.neighbours),
        *(entry.lladdr for entry in facts.fdb),
        *(source for link in facts.links if link.macvlan for source in link.macvlan.sources),
    )
    yield from (text for text in optional if text is not None)
