"""WireGuard: to the peer whose allowed IPs cover the destination, and from a peer only what its allowed IPs cover.

drivers/net/wireguard/device.c wg_xmit(), allowedips.c, socket.c send4(), noise.c, receive.c. The handshake goes the way
that the data goes: a packet that no handshake precedes is judged by whether one can come about.
"""

from __future__ import annotations

from netdoctor.facts.host import covers
from netdoctor.facts.links import Link
from netdoctor.facts.wireguard import WgPeer, WireGuard
from netdoctor.kernel import ip, receive, vxlan
from netdoctor.kernel.endings import NotModelled, TunnelNotSent, WgNotSent, WgRefused
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.output import route_output
from netdoctor.kernel.packet import IP_HLEN, IPPROTO_UDP, Frame, Ip, Place
from netdoctor.kernel.sysctls import number
from netdoctor.kernel.walk import Walk

#: UDP header, WireGuard's data header and its authentication tag; what is inside is padded to a multiple of 16.
OVERHEAD, PADDED = 8 + 16 + 16, 16


def encapsulate(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """wg_xmit(): the peer by the destination, its endpoint, and a datagram from the device's own port."""
    link, packet = walk.link(at), frame.payload
    device, home = walk.namespace(at.inode).wireguard(at.ifindex), vxlan.underlay(walk, at, link)
    if device is None or home is None or walk.host.namespace(home) is None or not isinstance(packet, Ip):
        what = f"the peers of {link.name}" if device is None else f"the underlay of {link.name}"
        walk.end(NotModelled(frame.flow, at, parent, what, "only root in that namespace may read them"))
        return
    peer = allowed(device, packet.dst)
    endpoint = _endpoint(walk, at, peer) if peer is not None else None
    if peer is None or endpoint is None:
        key = peer.public_key if peer is not None else None
        why = "no-peer" if peer is None else "no-endpoint"
        walk.end(WgNotSent(frame.flow, at, parent, why, packet.dst, key, frame))
        return
    if peer.preshared and not peer.shaken:
        walk.end(NotModelled(frame.flow, at, parent, f"whether the preshared keys of {link.name} and its peer agree"))
        return
    address, port = endpoint
    if ":" in address:
        walk.end(NotModelled(frame.flow, at, parent, f"WireGuard over IPv6 to {address}"))
        return
    flow = FibFlow(address, None, "lo", None, device.fwmark, proto=IPPROTO_UDP, sport=device.port, dport=port)
    way = route_output(walk, home, flow)
    if isinstance(way, FibMiss) or (home == at.inode and way.oif == at.ifindex):
        why = "no-route" if isinstance(way, FibMiss) else "loop"
        step = walk.step(parent, at, "tunnel", "stuck", f"no way to the endpoint {address}", frame)
        walk.end(TunnelNotSent(frame.flow, at, step, why, address, frame))
        return
    if vxlan.depth(frame) > vxlan.XMIT_RECURSION_LIMIT:
        walk.end(TunnelNotSent(frame.flow, at, parent, "loop", address, frame))
        return
    length = min(-(-packet.length // PADDED) * PADDED, max(link.mtu, packet.length)) + OVERHEAD + IP_HLEN
    detail = f"WireGuard peer {peer.public_key} at {address}:{port}"
    step = walk.step(parent, at, "tunnel", "encapsulate", detail, frame, (peer,))
    outer = Ip(
        frame.flow, way.src, address, number(walk.namespace(home), "ipv4/ip_default_ttl", 64), length, IPPROTO_UDP,
        None, False, device.fwmark, port, inner=ip.scrubbed(frame), size=length, sport=device.port,
        tunnel="wireguard", keys=(device.public_key or "", peer.public_key),
    )  # fmt: skip
    ip.send_along(walk, home, outer, way, step)


def allowed(device: WireGuard, address: str) -> WgPeer | None:
    """wg_allowedips_lookup_dst(), _src(): the peer with the longest prefix that covers an address."""
    best: tuple[int, WgPeer] | None = None
    for peer in device.peers:
        for item in peer.allowed:
            if covers(item.address, item.prefixlen, address) and (best is None or item.prefixlen > best[0]):
                best = item.prefixlen, peer
    return best[1] if best is not None else None


def _endpoint(walk: Walk, at: Place, peer: WgPeer) -> tuple[str, int] | None:
    """Where the peer was heard from last, else where it is said to be."""
    learned = walk.endpoints.get((at, peer.public_key))
    if learned is not None:
        return learned
    return (peer.endpoint, peer.port) if peer.endpoint is not None else None


def arrive(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    """wg_receive(): the device on that port, the handshake's keys, then the source by the sender's allowed IPs."""
    assert packet.inner is not None
    mine, theirs = (packet.keys or ("", ""))[::-1]
    found = [one for one in of_underlay(walk, at.inode) if one[2].port == packet.dport]
    if not found:
        walk.end(WgRefused(packet.flow, at, parent, "port-closed", packet))
        return
    target, link, device = max(found, key=lambda one: one[1].up)
    if not link.up:
        walk.end(WgRefused(packet.flow, at, parent, "down", packet, target))
        return
    peer = next((one for one in device.peers if one.public_key == theirs), None)
    if device.public_key != mine or peer is None:
        why = "key" if device.public_key != mine else "unknown-peer"
        walk.end(WgRefused(packet.flow, at, parent, why, packet, target))
        return
    if peer.preshared and not peer.shaken:
        what = f"whether the preshared keys of {link.name} and its peer agree"
        walk.end(NotModelled(packet.flow, target, parent, what))
        return
    walk.endpoints[target, theirs] = (packet.src, packet.sport)
    inner = packet.inner
    if isinstance(inner.payload, Ip) and allowed(device, inner.payload.src) != peer:
        walk.end(WgRefused(packet.flow, at, parent, "source", packet, target))
        return
    step = walk.step(parent, target, "tunnel", "decapsulate", f"from WireGuard peer {theirs}", inner, (peer,))
    walk.later(lambda: receive.receive(walk, target, inner, step))


def of_underlay(walk: Walk, home: int) -> list[tuple[Place, Link, WireGuard]]:
    """The WireGuard devices whose sockets are in the namespace `home`."""
    found = []
    for known in walk.host.namespaces():
        ns = walk.host.namespace(known.inode)
        for link in ns.links_of_kind("wireguard") if ns is not None else ():
            place = Place(known.inode, link.index)
            device = ns.wireguard(link.index) if ns is not None else None
            if device is not None and vxlan.underlay(walk, place, link) == home:
                found.append((place, link, device))
    return found
