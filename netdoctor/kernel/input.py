"""Route input: is a packet that came in for this namespace, for another, or for nobody.

net/ipv4/route.c ip_route_input_slow() and __mkroute_input(), net/ipv4/fib_frontend.c fib_validate_source().
"""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link, Record
from netdoctor.facts.records import NextHop, Route
from netdoctor.kernel import fib, l3mdev
from netdoctor.kernel.fib import FibFlow, FibHit, FibMiss
from netdoctor.kernel.output import select_path
from netdoctor.kernel.packet import Ip, is_loopback, is_multicast, is_zeronet
from netdoctor.kernel.source import ipv4_addresses
from netdoctor.kernel.sysctls import conf, conf_max, conf_or
from netdoctor.kernel.walk import Walk


class InputWay(Record, frozen=True):
    """What the namespace does with the packet: `kind` local, broadcast or forward."""

    kind: str
    oif: int = 0
    gateway: str | None = None
    route: Route | None = None
    table: int | None = None
    mtu: int | None = None


class Refused(Record, frozen=True):
    """Why the packet goes no further.

    `why` is reverse-path, martian-source, martian-address, forwarding-off, no-route or same-device.
    """

    why: str
    address: str = ""
    mode: int = 0
    miss: FibMiss | None = None
    route: Route | None = None


def route_input(walk: Walk, ns: Namespace, link: Link, packet: Ip) -> InputWay | Refused:
    """Decide on a packet that came in by `link`."""
    key = FibFlow(
        packet.dst,
        packet.src,
        link.name,
        None,
        packet.mark,
        packet.dscp,
        packet.proto,
        packet.sport,
        packet.dport,
    )
    return _route_input(walk, ns, link, key, packet.src, arp=False)


def route_arp(walk: Walk, ns: Namespace, link: Link, sip: str, tip: str) -> InputWay | Refused:
    """Decide on what an ARP request that came in by `link` asks: would a packet from `sip` to `tip` be taken here?"""
    return _route_input(walk, ns, link, FibFlow(tip, sip, link.name, proto=0), sip, arp=True)


def _route_input(walk: Walk, ns: Namespace, link: Link, key: FibFlow, src: str, arp: bool) -> InputWay | Refused:
    dst = key.dst
    if is_multicast(src) or src == "255.255.255.255":
        return Refused("martian-address", src)
    if dst == "255.255.255.255":
        return InputWay("broadcast")
    if is_zeronet(src) or is_zeronet(dst):
        return Refused("martian-address", src if is_zeronet(src) else dst)
    localnet = conf_or(ns, link.name, "route_localnet")
    if (is_loopback(dst) or is_loopback(src)) and not localnet and not link.loopback:
        return Refused("martian-address", dst if is_loopback(dst) else src)
    forwarding = bool(conf(ns, link.name, "forwarding"))
    found = fib.lookup(ns, key)
    if isinstance(found, FibMiss):
        return Refused("no-route" if forwarding else "forwarding-off", dst, 0, found)
    if found.route.type == "broadcast":
        return InputWay("broadcast", route=found.route)
    if found.route.type == "local":
        refused = validate_source(ns, link, src, key.dst, 0, key)
        return refused or InputWay("local", route=found.route, table=found.table)
    if not forwarding:
        return Refused("forwarding-off", dst)
    return _forward(walk, ns, link, key, src, arp, found)


def _forward(
    walk: Walk, ns: Namespace, link: Link, key: FibFlow, src: str, arp: bool, hit: FibHit
) -> InputWay | Refused:
    hop = select_path(walk, ns, hit, flow=key)
    oif = hop.oif or 0
    refused = validate_source(ns, link, src, key.dst, oif, key)
    if refused is not None:
        return refused
    if arp and oif == link.index and not conf_or(ns, link.name, "proxy_arp_pvlan"):
        return Refused("same-device", key.dst, route=hit.route)
    return InputWay("forward", oif, hop.gateway, hit.route, hit.table, hit.route.mtu)


def validate_source(ns: Namespace, link: Link, src: str, dst: str, oif: int, key: FibFlow) -> Refused | None:
    """fib_validate_source(): None where the source may come in by `link`, else why not.

    Of `key`, the packet's own lookup, the mark and the DSCP count here too.
    """
    if link.loopback or link.kind == "vrf":
        # What loops back still carries the route of its output; it is not validated again.
        return None
    mode = conf_max(ns, link.name, "rp_filter")
    accept_local = conf_or(ns, link.name, "accept_local")
    redirects = conf_or(ns, link.name, "send_redirects", 1)
    if not mode and (link.index != oif or not redirects):
        if accept_local:
            return None
        if not _custom_local_route(ns, src) and not fib.custom_rules(ns):
            return Refused("martian-source", src) if ns.owners(src) else None
    return _validate_fully(ns, link, src, dst, oif, key, mode, accept_local)


def _validate_fully(
    ns: Namespace, link: Link, src: str, dst: str, oif: int, key: FibFlow, mode: int, accept_local: bool
) -> Refused | None:
    marked = key.mark if conf_or(ns, link.name, "src_valid_mark") else 0
    out = ns.link(oif) if oif else None
    iif = out.name if out is not None else "lo"
    home = l3mdev.domain(ns, link)
    back = FibFlow(src, dst, iif, None, marked, key.tos, proto=0, l3mdev=home.index if home is not None else 0)
    found = fib.lookup(ns, back)
    last_resort = Refused("reverse-path", src, mode) if mode else None
    if isinstance(found, FibMiss):
        return last_resort
    if found.route.type != "unicast" and (found.route.type != "local" or not accept_local):
        return Refused("martian-source", src, route=found.route)
    if _uses_device(ns, found, link):
        return None
    if not ipv4_addresses(ns, link.index):
        return Refused("reverse-path", src, mode, route=found.route) if mode else None
    if mode == 1:
        return Refused("reverse-path", src, 1, route=found.route)
    return None


def _uses_device(ns: Namespace, hit: FibHit, link: Link) -> bool:
    """fib_info_nh_uses_dev(): any next hop of the entry, whether usable now or not."""
    hops: tuple[NextHop, ...] = fib.route_nexthops(ns, hit.route)[0]
    return any(hop.oif == link.index for hop in hops)


def _custom_local_route(ns: Namespace, address: str) -> bool:
    """Tell whether a local route that no interface address made covers `address` (fib_has_custom_local_routes).

    Elsewhere the full check and the look at the interface addresses agree, so only this address is asked about.
    """
    covering = ns.routes_to(255, address)
    return bool(covering) and covering[0].type == "local" and not ns.owners(address)
