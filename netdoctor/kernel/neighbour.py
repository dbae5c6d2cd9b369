"""Neighbour resolution: which lladdr a next hop has, and the ARP request where nobody knows.

net/core/neighbour.c, net/ipv4/arp.c.
"""

from __future__ import annotations

from netdoctor.facts.host import Namespace, covers
from netdoctor.facts.links import IFF_POINTOPOINT, Link
from netdoctor.facts.records import NUD_FIXED, NUD_VALID, Neighbour
from netdoctor.kernel import fib, transmit
from netdoctor.kernel.endings import NeighbourUnresolved
from netdoctor.kernel.netfilter import frames
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.packet import BROADCAST, Arp, Asker, Flow, Frame, Ip, Place, is_multicast, multicast_mac
from netdoctor.kernel.query import NeighbourQuery
from netdoctor.kernel.source import ipv4_addresses, select_address
from netdoctor.kernel.sysctls import conf_max, number
from netdoctor.kernel.walk import Learned, Walk


def send_to(walk: Walk, at: Place, packet: Ip, next_hop: str, parent: int) -> None:
    """Send `packet` out of `at` to the neighbour `next_hop`, resolving its lladdr first (ip_finish_output2())."""
    ns = walk.namespace(at.inode)
    link = walk.link(at)
    lladdr = resolved(walk, ns, at, link, next_hop)
    if not link.ethernet:
        transmit.transmit(walk, at, Frame("", "", packet), parent, far_end(ns, link, next_hop))
        return
    if lladdr is not None:
        detail = f"{next_hop} is at {lladdr}"
        step = walk.step(parent, at, "neighbour", "resolved", detail, packet, _facts(ns, at, next_hop))
        transmit.transmit(walk, at, Frame(link.address or "", lladdr, packet), step, next_hop)
        return
    asker = Asker(at.inode, at.ifindex, next_hop)
    waiting = walk.pending.setdefault(asker, [])
    step = walk.step(parent, at, "neighbour", "ask", f"who has {next_hop}?", packet, _facts(ns, at, next_hop))
    waiting.append((packet, step))
    if len(waiting) == 1:
        _solicit(walk, ns, at, link, asker, packet, step)


def resolved(walk: Walk, ns: Namespace, at: Place, link: Link, next_hop: str) -> str | None:
    """Return the lladdr to send to, or None where it must be asked for (arp_constructor(), neigh_resolve_output())."""
    if link.loopback:
        return link.address or "00:00:00:00:00:00"
    learned = walk.neighbours.get(Asker(at.inode, at.ifindex, next_hop))
    if learned is not None and learned.lladdr is not None:
        return learned.lladdr
    entry = ns.neighbour(at.ifindex, next_hop)
    if entry is not None and entry.state in NUD_VALID and entry.lladdr:
        walk.queries.append(NeighbourQuery(at.inode, at.ifindex, next_hop, entry.lladdr))
        return entry.lladdr
    return _constructed(ns, link, next_hop)


def far_end(ns: Namespace, link: Link, next_hop: str) -> str:
    """Whom a tunnel for IP sends to that has no remote: the next hop, unless a neighbour of GRE says otherwise.

    ipgre_header() writes the neighbour's lladdr, an IP address, into the outer header.
    """
    entry = ns.neighbour(link.index, next_hop) if link.kind == "gre" else None
    return entry.lladdr if entry is not None and entry.state in NUD_VALID and entry.lladdr else next_hop


def _constructed(ns: Namespace, link: Link, next_hop: str) -> str | None:
    if is_multicast(next_hop):
        return multicast_mac(next_hop)
    if link.noarp or link.loopback:
        return link.address or ""
    if (
        next_hop == "255.255.255.255"
        or fib.local_type(ns, next_hop, link) == "broadcast"
        or link.flags & IFF_POINTOPOINT
    ):
        return BROADCAST
    return None


def _solicit(walk: Walk, ns: Namespace, at: Place, link: Link, asker: Asker, packet: Ip, step: int) -> None:
    """arp_solicit(): broadcast the question, from the source that arp_announce allows."""
    probes = sum(
        number(ns, f"ipv4/neigh/{link.name}/{key}", default)
        for key, default in (("mcast_solicit", 3), ("app_solicit", 0))
    )
    if probes == 0:
        walk.pending.pop(asker)
        walk.end(NeighbourUnresolved(packet.flow, at, step, asker, packet, probes_off=True))
        return
    if number(ns, f"ipv4/neigh/{link.name}/mcast_solicit", 3) == 0:
        return
    sip = _announced(ns, link, packet, asker.address) or "0.0.0.0"
    flow = Flow(packet.flow.leg, asker)
    ask = Arp(flow, True, sip, asker.address, link.address or "")
    frame = Frame(link.address or "", BROADCAST, ask)
    sent = walk.step(step, at, "arp", "request", f"who has {asker.address}? tell {sip}", frame)
    if frames.pass_frame(walk, at, frame, "arp", Passing("output", oif=link.name), sent):
        transmit.transmit(walk, at, frame, sent)


def _announced(ns: Namespace, link: Link, packet: Ip, target: str) -> str | None:
    mode = conf_max(ns, link.name, "arp_announce")
    own = fib.local_type(ns, packet.src, link) == "local"
    if mode == 0 and own:
        return packet.src
    if mode == 1 and own and _onlink(ns, link, target, packet.src):
        return packet.src
    return select_address(ns, link, target, 253)


def _onlink(ns: Namespace, link: Link, one: str, other: str) -> bool:
    """inet_addr_onlink(): both lie in one subnet of the device."""
    return any(
        covers(ifa.address or ifa.local, ifa.prefixlen, one)
        and covers(ifa.address or ifa.local, ifa.prefixlen, other)
        for ifa in ipv4_addresses(ns, link.index)
        if not ifa.secondary
    )


def learn(walk: Walk, at: Place, address: str, lladdr: str, create: bool) -> bool:
    """Take in what an ARP message says (neigh_update()); returns whether it was news. Sends what waited for it.

    Fixed entries stay. What this walk learned is younger than arp_locktime: a later reply does not replace it, only a
    request does (`create`: neigh_event_ns() overrides always).
    """
    asker = Asker(at.inode, at.ifindex, address)
    waiting = asker in walk.pending
    if not waiting and asker in walk.neighbours and not create:
        return False
    entry = walk.namespace(at.inode).neighbour(at.ifindex, address)
    if entry is not None and entry.state in NUD_FIXED:
        return False
    if entry is None and not create and not waiting:
        return False
    walk.neighbours[asker] = Learned(lladdr)
    link = walk.link(at)
    for packet, step in walk.pending.pop(asker, []):
        frame = Frame(link.address or "", lladdr, packet)
        done = walk.step(step, at, "neighbour", "resolved", f"{address} is at {lladdr}", packet)
        walk.later(lambda frame=frame, done=done: transmit.transmit(walk, at, frame, done))  # type: ignore[misc]
    return True


def give_up(walk: Walk) -> bool:
    """End what still waits for a neighbour once nothing moves any more; returns whether anything did."""
    waiting, walk.pending = walk.pending, {}
    for asker, packets in waiting.items():
        for packet, step in packets:
            walk.end(NeighbourUnresolved(packet.flow, Place(asker.inode, asker.ifindex), step, asker, packet))
    return bool(waiting)


def _facts(ns: Namespace, at: Place, next_hop: str) -> tuple[Neighbour, ...]:
    entry = ns.neighbour(at.ifindex, next_hop)
    return (entry,) if entry is not None else ()
