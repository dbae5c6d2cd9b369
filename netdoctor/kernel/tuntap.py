"""TUN devices: a packet sent by one goes to the process that has opened it (drivers/net/tun.c).

What the process does with it is known only of flanneld's udp backend, by what it holds: its UDP port, or its name. It
sends the packet on, in a datagram, to the node that has the packet's subnet (dist/udp/proxy_amd64.c); the table that
tells which node that is, is its own. The node is inferred from the facts, and marked as assumed.
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace, covers
from netdoctor.facts.links import Link
from netdoctor.facts.processes import Process
from netdoctor.facts.records import AF_INET
from netdoctor.facts.sockets import Socket
from netdoctor.kernel import fib, ip, listening, receive
from netdoctor.kernel.endings import NotListening, NotModelled, TtlExceeded
from netdoctor.kernel.fib import FibFlow, FibHit, FibMiss
from netdoctor.kernel.output import route_output
from netdoctor.kernel.packet import IP_HLEN, IPPROTO_UDP, Frame, Ip, Place, is_loopback
from netdoctor.kernel.sysctls import number
from netdoctor.kernel.walk import Walk

#: The port of flannel's udp backend.
FLANNEL_UDP = 8285
UDP_HLEN = 8


def shown(process: Process) -> str:
    """A process in words: its number and its command line, or its name."""
    return f"process {process.pid} ({process.command or process.name})"


def encapsulate(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """tun_net_xmit(), and what the process sends; it is unknown unless it is one that `socket_of` knows."""
    ns, link, packet = walk.namespace(at.inode), walk.link(at), frame.payload
    process = ns.reader(at.ifindex)
    own = socket_of(ns, process) if process is not None else None
    if own is None or not isinstance(packet, Ip) or (link.tun is not None and link.tun.mode != "tun"):
        who = shown(process) if process is not None else "a process that is not visible"
        what = f"what {who} does with packets that leave by {link.name}"
        walk.end(NotModelled(frame.flow, at, parent, what, "the packet goes to the program behind the device"))
        return
    found = peer(walk, at, link, packet.dst, own.port)
    if found is None:
        what = f"to which node {shown(process) if process else ''} sends packets for {packet.dst}"
        walk.end(NotModelled(frame.flow, at, parent, what, "no visible node with such a device has that address"))
        return
    if packet.ttl <= 1:
        walk.end(TtlExceeded(packet.flow, at, parent, packet))
        return
    address, port, why = found
    detail = f"{shown(process) if process else ''} sends it to {address}:{port} (assumed: {why})"
    step = walk.step(parent, at, "tunnel", "encapsulate", detail, frame)
    _send(walk, at, frame, own, address, port, step)


def _send(walk: Walk, at: Place, frame: Frame, own: Socket, address: str, port: int, step: int) -> None:
    packet, src = frame.payload, None if own.wildcard else own.address
    assert isinstance(packet, Ip)
    flow = FibFlow(address, src, "lo", own.ifindex or None, proto=IPPROTO_UDP, sport=own.port, dport=port)
    way = route_output(walk, at.inode, flow)
    length = packet.length + IP_HLEN + UDP_HLEN
    fits = not isinstance(way, FibMiss) and length <= min(way.mtu or 65535, walk.link(Place(at.inode, way.oif)).mtu)
    inner = replace(frame, payload=replace(ip.fresh(packet), ttl=packet.ttl - 1))
    ttl = number(walk.namespace(at.inode), "ipv4/ip_default_ttl", 64)
    # A UDP socket sets don't-fragment on what fits (IP_PMTUDISC_WANT), and fragments what does not.
    outer = Ip(
        frame.flow, src or "0.0.0.0", address, ttl, length, IPPROTO_UDP, None, fits, dport=port, inner=inner,
        size=length, sport=own.port, owner=(own.uid, None), tunnel="tun",
    )  # fmt: skip
    ip.send(walk, at.inode, outer, src, step, own.ifindex or None)


def socket_of(ns: Namespace, process: Process) -> Socket | None:
    """The socket by which a process that is flanneld's udp backend speaks to the other nodes; None for another one."""
    held = [
        item
        for item in ns.sockets() or ()
        if item.proto == "udp" and item.family == AF_INET and (who := ns.holder(item)) and who.pid == process.pid
    ]
    known = [item for item in held if item.port == FLANNEL_UDP]
    named = held if process.name.startswith("flanneld") and len(held) == 1 else []
    return next(iter((*known, *named)), None)


def peer(walk: Walk, at: Place, link: Link, destination: str, port: int) -> tuple[str, int, str] | None:
    """The address and port to which the process is assumed to send packets for `destination`, and why.

    It is the node with a TUN device of the same name behind which the destination's subnet is.
    """
    best: tuple[int, str, int, str] | None = None
    for known in walk.host.namespaces():
        ns = walk.host.namespace(known.inode) if known.inode != at.inode else None
        far = next((one for one in ns.links_of_kind("tun") if one.name == link.name), None) if ns is not None else None
        hit = fib.lookup(ns, FibFlow(destination, None, link.name)) if ns is not None and far is not None else None
        if ns is None or far is None or not isinstance(hit, FibHit) or not hit.route.prefixlen:
            continue
        if hit.route.type != "local" and any(hop.oif == far.index for hop in hit.nexthops):
            continue
        process = ns.reader(far.index)
        theirs = socket_of(ns, process) if process is not None else None
        address = _address(walk.namespace(at.inode), ns, theirs)
        if address is not None and (best is None or hit.route.prefixlen > best[0]):
            why = f"{known.label} has {hit.route.dst}/{hit.route.prefixlen}"
            best = (hit.route.prefixlen, address, theirs.port if theirs is not None else port, why)
    return best[1:] if best is not None else None


def _address(here: Namespace, there: Namespace, theirs: Socket | None) -> str | None:
    """The address of a node by which this one reaches it: the one its socket is bound to, if that can be."""
    if theirs is not None and not theirs.wildcard and not is_loopback(theirs.address):
        return theirs.address
    held = (ifa for ifa in here.addresses() if ifa.family == AF_INET and ifa.prefixlen < 32)
    mine = [ifa for ifa in held if not _behind(here, ifa.ifindex)]
    theirs_all = [ifa.local for ifa in there.addresses() if ifa.family == AF_INET and not is_loopback(ifa.local)]
    near = (a for a in theirs_all if any(covers(own.address or own.local, own.prefixlen, a) for own in mine))
    return next((address for address in near if not here.owners(address)), None)


def _behind(ns: Namespace, ifindex: int) -> bool:
    link = ns.link(ifindex)
    return link is None or link.loopback or link.kind == "tun"


def arrive(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    """The datagram comes to a socket; a process that has that and a TUN device writes the packet there."""
    assert packet.inner is not None
    ns = walk.namespace(at.inode)
    socket = listening.accepting(ns, "udp", packet.dst, packet.dport, at.ifindex)
    if socket is None:
        near = tuple(listening.on_port(ns, "udp", packet.dport))
        walk.end(NotListening(packet.flow, at, parent, "udp", packet.dport, packet, near))
        return
    process = ns.holder(socket)
    devices = [
        link
        for link in ns.links_of_kind("tun")
        if process is not None and (reader := ns.reader(link.index)) is not None and reader.pid == process.pid
    ]
    if process is None or not devices:
        who = shown(process) if process is not None else "a process that is not visible"
        what = f"what {who} does with what UDP port {packet.dport} gets"
        walk.end(NotModelled(packet.flow, at, parent, what, "a tunnel's packet was sent there"))
        return
    target, inner = Place(at.inode, devices[0].index), packet.inner
    if not isinstance(inner.payload, Ip) or inner.payload.ttl <= 1:
        walk.end(TtlExceeded(packet.flow, at, parent, packet))
        return
    onward = replace(inner, payload=replace(inner.payload, ttl=inner.payload.ttl - 1))
    detail = f"{shown(process)} writes it to {devices[0].name}"
    step = walk.step(parent, target, "tunnel", "decapsulate", detail, onward)
    walk.later(lambda: receive.receive(walk, target, onward, step))
