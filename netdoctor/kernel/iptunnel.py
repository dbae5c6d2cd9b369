"""IP in IP, and GRE over IPv4: into the tunnel, and out of it again.

net/ipv4/ip_tunnel.c, ipip.c, ip_gre.c, net/ipv6/sit.c.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from msgspec.structs import replace

from netdoctor.facts.links import Link, Tunnel
from netdoctor.kernel import ip, receive, vxlan
from netdoctor.kernel.endings import FragNeeded, NotModelled, TunnelNotSent, TunnelRefused
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.output import Way, route_output
from netdoctor.kernel.packet import ETH_HLEN, IP_HLEN, IPPROTO_GRE, IPPROTO_IPIP, Frame, Ip, Place
from netdoctor.kernel.sysctls import number
from netdoctor.kernel.walk import Walk

#: The devices that a module brings along: they take what fits no other.
FALLBACKS = {"ipip": "tunl0", "sit": "sit0", "gre": "gre0", "gretap": "gretap0"}

GRE_CSUM, GRE_KEY, GRE_SEQ = 0x8000, 0x2000, 0x1000


def encapsulate(walk: Walk, at: Place, frame: Frame, next_hop: str, parent: int) -> None:
    """ip_tunnel_xmit(): route the outer packet in the underlay's namespace, to the remote or else the next hop."""
    link = walk.link(at)
    data = link.tunnel or Tunnel()
    strange = unmodelled(link, data)
    if strange is not None:
        walk.end(NotModelled(frame.flow, at, parent, strange))
        return
    home = vxlan.underlay(walk, at, link)
    if home is None or walk.host.namespace(home) is None:
        what = f"underlay of {link.name} in a namespace that is not visible"
        walk.end(NotModelled(frame.flow, at, parent, what))
        return
    routed = isinstance(frame.payload, Ip)
    remote = data.remote or (next_hop if routed else "")
    if not remote or (link.kind in ("ipip", "sit") and not (routed and data.protocol in (0, IPPROTO_IPIP))):
        why = "no-remote" if not remote else "protocol"
        walk.end(TunnelNotSent(frame.flow, at, parent, why, remote, frame))
        return
    flow = FibFlow(remote, data.local, "lo", data.link or None, data.fwmark, proto=_proto(link))
    way = route_output(walk, home, flow)
    if isinstance(way, FibMiss) or (home == at.inode and way.oif == at.ifindex):
        gone = isinstance(way, FibMiss) and data.local is not None and not walk.namespace(home).owners(data.local)
        why = "local-address" if gone else "no-route" if isinstance(way, FibMiss) else "loop"
        detail = f"no way to the tunnel's remote {remote}: {way.error if isinstance(way, FibMiss) else 'a loop'}"
        step = walk.step(parent, at, "tunnel", "stuck", detail, frame, (data,))
        walk.end(TunnelNotSent(frame.flow, at, step, why, remote, frame))
        return
    if vxlan.depth(frame) > vxlan.XMIT_RECURSION_LIMIT:
        walk.end(TunnelNotSent(frame.flow, at, parent, "loop", remote, frame))
        return
    _send(walk, at, link, data, frame, remote, way, home, parent)


def unmodelled(link: Link, data: Tunnel) -> str | None:
    """What of a tunnel is not walked, in words, or None."""
    if data.collect_metadata:
        return f"{link.kind} device {link.name} with external metadata"
    if data.encap:
        return f"{link.kind} device {link.name} with a further UDP header (FOU, GUE)"
    return f"{link.kind} device {link.name} over IPv6" if ":" in (data.remote or data.local or "") else None


def _proto(link: Link) -> int:
    return IPPROTO_GRE if link.kind in ("gre", "gretap") else IPPROTO_IPIP


def headroom(link: Link, data: Tunnel) -> int:
    """The bytes of the tunnel's own header behind the outer IP header (gre_calc_hlen())."""
    if link.kind in ("ipip", "sit"):
        return 0
    return 4 + 4 * sum(bool(data.oflags & flag) for flag in (GRE_CSUM, GRE_KEY, GRE_SEQ))


def _send(
    walk: Walk, at: Place, link: Link, data: Tunnel, frame: Frame, remote: str, way: Way, home: int, parent: int
) -> None:
    payload = frame.payload
    own = headroom(link, data)
    eth = ETH_HLEN + (4 if frame.vlan else 0) if link.ethernet else 0
    df = data.pmtudisc or (isinstance(payload, Ip) and payload.df and not data.ignore_df)
    fits = (min(way.mtu or _mtu(walk, home, way), _mtu(walk, home, way)) - IP_HLEN - own - eth) if df else link.mtu
    if isinstance(payload, Ip) and payload.df and payload.length > fits:
        # tnl_update_pmtu()
        walk.end(FragNeeded(frame.flow, at, parent, fits, payload))
        return
    length = payload.length + IP_HLEN + own + eth
    inherited = payload.ttl if isinstance(payload, Ip) else number(walk.namespace(home), "ipv4/ip_default_ttl", 64)
    tos = (payload.tos if isinstance(payload, Ip) else 0) if data.tos & 1 else data.tos
    mark = payload.mark if isinstance(payload, Ip) and home == at.inode else 0
    key = f" key {data.okey}" if data.okey is not None else ""
    detail = f"{link.kind}{key} from {way.src} to {remote}"
    step = walk.step(parent, at, "tunnel", "encapsulate", detail, frame, (data,))
    outer = Ip(
        frame.flow, way.src, remote, data.ttl or inherited, length, _proto(link), None, df, mark,
        inner=ip.scrubbed(frame), size=length, tos=tos, tunnel=link.kind or "", key=data.okey, flags=data.oflags,
    )  # fmt: skip
    ip.send_along(walk, home, outer, way, step)


def _mtu(walk: Walk, inode: int, way: Way) -> int:
    return walk.link(Place(inode, way.oif)).mtu


def arrive(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    """ipip_rcv(), gre_rcv(): find the tunnel by addresses and key, and take the inner packet in by it."""
    assert packet.inner is not None
    target = lookup(walk, at, packet)
    if target is None:
        target = lookup(walk, at, packet, down=True)
        why = "no-device" if target is None else "down"
        walk.end(TunnelRefused(packet.flow, at, parent, why, packet, target))
        return
    link = walk.link(target)
    data = link.tunnel or Tunnel()
    strange = unmodelled(link, data)
    if strange is not None:
        walk.end(NotModelled(packet.flow, target, parent, strange))
        return
    if why := _unfit(packet, link, data):
        walk.end(TunnelRefused(packet.flow, at, parent, why, packet, target))
        return
    inner = packet.inner
    if isinstance(inner.payload, Ip) and target.inode == at.inode:
        # skb_scrub_packet() leaves the mark to what stays in its namespace.
        inner = replace(inner, payload=replace(inner.payload, mark=packet.mark))
    step = walk.step(parent, target, "tunnel", "decapsulate", f"{link.kind} from {packet.src}", inner, (data,))
    walk.later(lambda: receive.receive(walk, target, inner, step))


def _unfit(packet: Ip, link: Link, data: Tunnel) -> str:
    """ip_tunnel_rcv(): checksums only where both say so, sequence numbers where the receiver wants them."""
    if link.kind in ("ipip", "sit"):
        return "" if data.protocol in (0, IPPROTO_IPIP) else "protocol"
    summed = (packet.flags ^ data.iflags) & GRE_CSUM
    return "flags" if summed or (data.iflags & GRE_SEQ and not packet.flags & GRE_SEQ) else ""


def lookup(walk: Walk, at: Place, packet: Ip, down: bool = False) -> Place | None:
    """ip_tunnel_lookup(): the most specific tunnel that is up (or with `down`, any); the one bound to `at` first."""
    mine = [
        (place, link, link.tunnel or Tunnel())
        for place, link in of_underlay(walk, at.inode, packet.tunnel)
        if link.up or down
    ]
    ordinary = [one for one in mine if not one[2].collect_metadata]
    ranked = [(place, data.link) for fits in _PRECEDENCE for place, _, data in ordinary if fits(data, packet)]
    if ranked:
        return next((place for place, bound in ranked if bound == at.ifindex), ranked[0][0])
    others = [place for place, _, data in mine if data.collect_metadata]
    fallback = [place for place, link, _ in mine if link.name == FALLBACKS[packet.tunnel] and _used(walk, place, link)]
    return next(iter((*others, *fallback)), None)


def _used(walk: Walk, place: Place, link: Link) -> bool:
    """A fallback device stands in every namespace; one that is down counts only where somebody gave it an address."""
    return link.up or bool(walk.namespace(place.inode).addresses(place.ifindex))


def of_underlay(walk: Walk, home: int, kind: str) -> Iterator[tuple[Place, Link]]:
    """The tunnels of one kind whose outer packets are those of the namespace `home`. ipip and sit carry the same."""
    kinds = ("ipip", "sit") if kind in ("ipip", "sit") else (kind,)
    for known in walk.host.namespaces():
        ns = walk.host.namespace(known.inode)
        for link in (link for kind in kinds for link in ns.links_of_kind(kind)) if ns is not None else ():
            place = Place(known.inode, link.index)
            if vxlan.underlay(walk, place, link) == home:
                yield place, link


def _keyed(data: Tunnel, packet: Ip) -> bool:
    """ip_tunnel_key_match(): a key where one is expected, and none where none is."""
    return data.ikey == packet.key


#: What fits a packet, the most specific first; `local` of a tunnel is the packet's destination.
_PRECEDENCE: tuple[Callable[[Tunnel, Ip], bool], ...] = (
    lambda data, packet: (data.local, data.remote) == (packet.dst, packet.src) and _keyed(data, packet),
    lambda data, packet: (data.local, data.remote) == (None, packet.src) and _keyed(data, packet),
    lambda data, packet: (data.local, data.remote) == (packet.dst, None) and _keyed(data, packet),
    lambda data, packet: data.local is None and data.remote is None and (data.ikey or 0) == (packet.key or 0),
)
