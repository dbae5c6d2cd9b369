"""Geneve with one remote: Ethernet in UDP, taken at the other end by VNI and sender (drivers/net/geneve.c)."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.facts.links import Link, Tunnel
from netdoctor.kernel import ip, iptunnel, receive, vxlan
from netdoctor.kernel.endings import FragNeeded, NotModelled, TunnelNotSent, TunnelRefused
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.output import route_output
from netdoctor.kernel.packet import IPPROTO_UDP, VXLAN_HEADROOM, Frame, Ip, Place
from netdoctor.kernel.sysctls import local_ports, number
from netdoctor.kernel.walk import Walk

#: Geneve without options adds what VXLAN adds: IPv4, UDP, 8 bytes of its own, and the inner Ethernet header.
HEADROOM = VXLAN_HEADROOM
DF_SET, DF_INHERIT = 1, 2


def encapsulate(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """geneve_xmit_skb(): a datagram to the remote, along the underlay's own route."""
    link = walk.link(at)
    data, home, payload = link.tunnel or Tunnel(), vxlan.underlay(walk, at, link), frame.payload
    strange = iptunnel.unmodelled(link, data)
    if strange is not None or home is None or walk.host.namespace(home) is None:
        what = strange or f"underlay of {link.name} in a namespace that is not visible"
        walk.end(NotModelled(frame.flow, at, parent, what))
        return
    if data.remote is None:
        walk.end(TunnelNotSent(frame.flow, at, parent, "no-remote", "", frame))
        return
    mark = payload.mark if isinstance(payload, Ip) and home == at.inode else 0
    way = route_output(walk, home, FibFlow(data.remote, None, "lo", None, mark, proto=IPPROTO_UDP, dport=data.port))
    if isinstance(way, FibMiss) or (home == at.inode and way.oif == at.ifindex):
        why = "no-route" if isinstance(way, FibMiss) else "loop"
        step = walk.step(parent, at, "tunnel", "stuck", f"no way to the remote {data.remote}", frame, (data,))
        walk.end(TunnelNotSent(frame.flow, at, step, why, data.remote, frame))
        return
    if vxlan.depth(frame) > vxlan.XMIT_RECURSION_LIMIT:
        walk.end(TunnelNotSent(frame.flow, at, parent, "loop", data.remote, frame))
        return
    below = walk.link(Place(home, way.oif)).mtu
    fits = min(way.mtu or below, below) - HEADROOM
    if isinstance(payload, Ip) and payload.df and payload.length > fits:
        walk.end(FragNeeded(frame.flow, at, parent, fits, payload))  # skb_tunnel_check_pmtu()
        return
    inherited = payload.ttl if isinstance(payload, Ip) and data.ttl_inherit else 0
    ttl = data.ttl or inherited or number(walk.namespace(home), "ipv4/ip_default_ttl", 64)
    df = data.df == DF_SET or (data.df == DF_INHERIT and isinstance(payload, Ip) and payload.df)
    length = payload.length + HEADROOM + (4 if frame.vlan else 0)
    detail = f"geneve VNI {data.vni} to {data.remote}:{data.port}"
    step = walk.step(parent, at, "tunnel", "encapsulate", detail, frame, (data,))
    outer = Ip(
        frame.flow, way.src, data.remote, ttl, length, IPPROTO_UDP, None, df, mark, data.port, data.vni,
        inner=ip.scrubbed(frame), size=length, sport=vxlan.SOURCE_PORT, tunnel="geneve",
        ephemeral=(vxlan.SOURCE_PORT, *local_ports(walk.namespace(home))),
    )  # fmt: skip
    ip.send_along(walk, home, outer, way, step)


def arrive(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    """geneve_udp_encap_recv(): a socket on that port, then the device of that VNI whose remote is the sender."""
    assert packet.inner is not None
    known = [one for one in of_underlay(walk, at.inode) if one[2].port == packet.dport]
    fitting = [one for one in known if (one[2].vni, one[2].remote) == (packet.vni, packet.src)]
    up = [one for one in fitting if one[1].up]
    if not up:
        place = fitting[0][0] if fitting else None
        walk.end(TunnelRefused(packet.flow, at, parent, "down" if fitting else "no-device", packet, place))
        return
    target, link, data = up[0]
    if packet.inner.src == link.address:
        walk.end(TunnelRefused(packet.flow, at, parent, "own-lladdr", packet, target))
        return
    step = walk.step(parent, target, "tunnel", "decapsulate", f"geneve from {packet.src}", packet.inner, (data,))
    inner = packet.inner
    walk.later(lambda: receive.receive(walk, target, inner, step))


def of_underlay(walk: Walk, home: int) -> Iterator[tuple[Place, Link, Tunnel]]:
    """The geneve devices with one remote whose sockets are in the namespace `home`."""
    for place, link in iptunnel.of_underlay(walk, home, "geneve"):
        if link.tunnel is not None and not link.tunnel.collect_metadata:
            yield place, link, link.tunnel
