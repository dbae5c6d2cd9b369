"""IPv4 above layer 2: sending, receiving, forwarding, and the echo itself.

net/ipv4/ip_input.c, ip_forward.c, ip_output.c, icmp.c.
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link, Record
from netdoctor.kernel import ipvlan, l3mdev, listening, neighbour, receive, tunnels, vrf, vxlan
from netdoctor.kernel.endings import (
    Answered,
    AnswerFromAnother,
    DeliveredElsewhere,
    EchoIgnored,
    ForwardingOff,
    FragNeeded,
    LinkDown,
    MartianAddress,
    MartianSource,
    NoRoute,
    NotListening,
    NotModelled,
    ReversePath,
    TtlExceeded,
)
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.input import InputWay, Refused, route_input
from netdoctor.kernel.netfilter import hook
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.output import Way, route_output
from netdoctor.kernel.packet import IPPROTO_ICMP, IPPROTO_TCP, Flow, Frame, Ip, Place, is_group, is_multicast
from netdoctor.kernel.query import RouteQuery
from netdoctor.kernel.sysctls import number
from netdoctor.kernel.walk import Walk


def send(walk: Walk, inode: int, packet: Ip, src: str | None, parent: int, oif: int | None = None) -> None:
    """Send a packet of this namespace's own; its source is chosen where `src` is None."""
    flow = FibFlow(packet.dst, src, "lo", oif, packet.mark, packet.dscp, packet.proto, packet.sport, packet.dport)
    _send(walk, inode, packet, flow, parent)


def send_on(walk: Walk, inode: int, packet: Ip, parent: int, oif: int) -> None:
    """Send on what an ipvlan or a VRF device was given: routed anew as if sent here, whoever's its source is."""
    flow = FibFlow(packet.dst, packet.src, "lo", oif, packet.mark, packet.dscp, packet.proto, anysrc=True)
    _send(walk, inode, packet, flow, parent)


def _send(walk: Walk, inode: int, packet: Ip, flow: FibFlow, parent: int) -> None:
    ns = walk.namespace(inode)
    way = route_output(walk, inode, flow)
    origin = Place(inode, 0)
    if isinstance(way, FibMiss):
        step = walk.step(parent, origin, "route", "none", f"no way to {packet.dst}: {way.error}", packet, _facts(way))
        walk.end(_no_route(packet, origin, step, flow.src, way, False))
        return
    packet = replace(packet, src=way.src)
    at = Place(inode, way.oif)
    step = walk.step(
        parent, at, "route", "output", describe(ns, way.type, way.oif, way.gateway, way.table), packet, _facts(way)
    )
    fits = min(way.mtu or walk.link(at).mtu, walk.link(at).mtu)
    if packet.df and packet.inner is None and packet.length > fits:
        # ip_append_data(): the socket is told (EMSGSIZE) before any rule sees a packet.
        walk.end(FragNeeded(packet.flow, at, step, fits, packet))
        return
    _local_out(walk, at, packet, way, flow, step)


def send_along(walk: Walk, inode: int, packet: Ip, way: Way, parent: int) -> None:
    """Send a tunnel's outer packet along a way that the tunnel has found (ip_local_out())."""
    ns, at = walk.namespace(inode), Place(inode, way.oif)
    detail = describe(ns, way.type, way.oif, way.gateway, way.table)
    step = walk.step(parent, at, "route", "output", detail, packet, _facts(way))
    flow = FibFlow(packet.dst, packet.src, "lo", None, packet.mark, packet.dscp, packet.proto)
    _local_out(walk, at, packet, way, flow, step)


def _local_out(walk: Walk, at: Place, packet: Ip, way: Way, flow: FibFlow, step: int) -> None:
    """The hook of what is sent from here, which may have it routed anew; then out, or back through lo."""
    inode, ns, origin = at.inode, walk.namespace(at.inode), Place(at.inode, 0)
    passed: tuple[Ip, int] | None = (packet, step)
    if not flow.anysrc and way.type != "local":
        passed = vrf.leave(walk, at, packet, step)
    if passed is not None:
        packet, step = passed
        passed = hook.pass_hook(walk, at, packet, Passing("output", oif=_name(ns, way.oif)), step)
    if passed is None:
        return
    filtered, step = passed
    if filtered.rerouted is not None:
        # ip_route_me_harder(): a new destination, mark or TOS may lead elsewhere.
        again = route_output(
            walk,
            inode,
            replace(
                flow, dst=filtered.dst, src=filtered.src, mark=filtered.rerouted, tos=filtered.dscp, sport=0, dport=0
            ),
        )
        filtered = replace(filtered, rerouted=None)
        if isinstance(again, FibMiss):
            walk.end(_no_route(filtered, origin, step, filtered.src, again, False))
            return
        way, at = again, Place(inode, again.oif)
        detail = describe(ns, way.type, way.oif, way.gateway, way.table)
        step = walk.step(step, at, "route", "output", detail, filtered, _facts(way))
    if way.type == "local":
        _loop_back(walk, at, filtered, step)
        return
    _out(walk, at, filtered, way.gateway or filtered.dst, way.mtu, step, None)


def receive_ip(walk: Walk, at: Place, packet: Ip, parent: int, macs: tuple[str, str] | None = None) -> None:
    """Take in a packet addressed to this device's lladdr: deliver it here, forward it, or drop it."""
    ns, link = walk.namespace(at.inode), walk.link(at)
    unicast = macs is None or not is_group(macs[1])
    packet = replace(_unhooked(packet, link), macs=macs)
    if not packet.prerouted:
        passed = hook.pass_hook(walk, at, packet, Passing("prerouting", iif=link.name), parent)
        if passed is None:
            return
        packet, parent = passed
    if ipvlan.divert(walk, at, packet, parent):
        return
    entered = vrf.enter(walk, at, packet, parent)
    if entered is None:
        return
    packet, domain, parent = entered
    if is_multicast(packet.dst):
        _multicast(walk, at, packet, parent)
        return
    way = route_input(walk, ns, link, packet)
    if not packet.dscp and not link.loopback:  # what loops back has its route already: it is not looked up again
        walk.queries.append(_query(at, packet, way))
    if isinstance(way, Refused):
        refuse(walk, at, packet, way, parent)
        return
    if way.kind == "forward":
        _forward(walk, ns, at, packet, way, parent, unicast, domain.name)
        return
    facts = (way.route,) if way.route is not None else ()
    step = walk.step(parent, at, "route", way.kind, f"{packet.dst} is {way.kind} here", packet, facts)
    passed = hook.pass_hook(walk, at, packet, Passing("input", iif=domain.name, physin=packet.physin), step)
    if passed is None:
        return
    packet, step = passed
    deliver(walk, at, packet, step, broadcast=way.kind == "broadcast")


def _forward(
    walk: Walk, ns: Namespace, at: Place, packet: Ip, way: InputWay, parent: int, unicast: bool, iif: str
) -> None:
    out = Place(at.inode, way.oif)
    facts = (way.route,) if way.route is not None else ()
    step = walk.step(
        parent, out, "route", "forward", describe(ns, "unicast", way.oif, way.gateway, way.table), packet, facts
    )
    if not unicast:
        # ip_forward() drops what did not come to this host's own lladdr.
        walk.end(DeliveredElsewhere(packet.flow, at, step, packet))
        return
    if packet.ttl <= 1:
        walk.end(TtlExceeded(packet.flow, at, step, packet))
        return
    onward = replace(packet, ttl=packet.ttl - 1)
    passing = Passing("forward", iif=iif, oif=_name(ns, way.oif), physin=packet.physin)
    passed = hook.pass_hook(walk, out, onward, passing, step)
    if passed is None:
        return
    onward, step = passed
    _out(walk, out, onward, way.gateway or onward.dst, way.mtu, step, at.ifindex)


def _out(walk: Walk, at: Place, packet: Ip, next_hop: str, mtu: int | None, step: int, ingress: int | None) -> None:
    """ip_output(): the last hook, then fragment or refuse what is longer than the MTU, then the neighbour layer."""
    ns = walk.namespace(at.inode)
    forwarded = ingress is not None
    iif = _name(ns, ingress) if ingress is not None else None
    passing = Passing("postrouting", iif=iif, oif=_name(ns, at.ifindex), next_hop=next_hop)
    passed = hook.pass_hook(walk, at, packet, passing, step)
    if passed is None:
        return
    packet, step = passed
    link = walk.link(at)
    limit = min(mtu or link.mtu, link.mtu) if not forwarded else (mtu or link.mtu)
    if packet.length > limit:
        if packet.df:
            walk.end(FragNeeded(packet.flow, at, step, limit, packet))
            return
        packet = replace(packet, length=limit)
    if not link.up:
        walk.end(LinkDown(packet.flow, at, step, Frame("", "", packet)))
        return
    neighbour.send_to(walk, at, packet, next_hop, step)


def _loop_back(walk: Walk, at: Place, packet: Ip, step: int) -> None:
    """A packet to an own address goes through the loopback device, which must be up."""
    link = walk.link(at)
    passed = hook.pass_hook(walk, at, packet, Passing("postrouting", oif=link.name), step)
    if passed is None:
        return
    packet, step = passed
    frame = Frame(link.address or "", link.address or "", packet)
    if not link.up:
        walk.end(LinkDown(packet.flow, at, step, frame))
        return
    done = walk.step(step, at, "transmit", "looped", f"through {link.name}", packet, (link,))
    walk.later(lambda: receive.up_the_stack(walk, at, frame, done, host=True))


def deliver(walk: Walk, at: Place, packet: Ip, parent: int, broadcast: bool = False) -> None:
    """Give the packet to what waits for it here: the echo responder, the ping, a VXLAN socket."""
    ns = walk.namespace(at.inode)
    if packet.inner is not None:
        tunnels.arrive(walk, at, packet, parent)
        return
    if packet.error is not None:
        here = at.inode == walk.asker
        walk.answered |= here
        walk.end(Answered(packet.flow, at, parent) if here else DeliveredElsewhere(packet.flow, at, parent, packet))
        return
    if packet.echo == "reply":
        _take_reply(walk, at, packet, parent)
        return
    # tcp_conn_request() answers no broadcast, and a UDP answer has another source than the sender waits for.
    if broadcast and (packet.proto != IPPROTO_ICMP or number(ns, "ipv4/icmp_echo_ignore_broadcasts", 1)):
        walk.end(DeliveredElsewhere(packet.flow, at, parent, packet, True))
        return
    if packet.proto != IPPROTO_ICMP:
        _to_socket(walk, at, packet, parent)
        return
    if number(ns, "ipv4/icmp_echo_ignore_all"):
        walk.end(EchoIgnored(packet.flow, at, parent, "ipv4/icmp_echo_ignore_all"))
        return
    step = walk.step(parent, at, "deliver", "echo", f"echo request for {packet.dst} answered", packet)
    if walk.reply_from is None:
        walk.reply_from = at.inode
    ttl = number(ns, "ipv4/ip_default_ttl", 64)
    # icmp_reply() keeps the TOS of what it answers; sockets have their own.
    answer = Ip(Flow("reply"), packet.dst, packet.src, ttl, packet.size, echo="reply", size=packet.size, tos=packet.tos)
    home = l3mdev.domain(ns, walk.link(at))
    walk.later(lambda: send(walk, at.inode, answer, packet.dst, step, home.index if home is not None else None))


def _to_socket(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    """A SYN or a datagram finds its socket, which answers; or none takes it."""
    ns = walk.namespace(at.inode)
    proto = "tcp" if packet.proto == IPPROTO_TCP else "udp"
    if service := listening.balanced(ns, proto, packet):
        walk.end(NotModelled(packet.flow, at, parent, service))
        return
    if ns.sockets() is None:
        what, why = f"the {proto} sockets of {ns.id.label}", "the packet arrives, and who listens there was not seen"
        walk.end(NotModelled(packet.flow, at, parent, what, why))
        return
    home = l3mdev.domain(ns, walk.link(at))
    socket = listening.accepting(ns, proto, packet.dst, packet.dport, at.ifindex, home.index if home is not None else 0)
    if socket is None or listening.full(socket):
        near = tuple(listening.on_port(ns, proto, packet.dport))
        walk.end(NotListening(packet.flow, at, parent, proto, packet.dport, packet, near, socket))
        return
    detail = f"{proto} port {packet.dport}: a socket takes it"
    step = walk.step(parent, at, "deliver", "echo", detail, packet, (socket,))
    if walk.reply_from is None:
        walk.reply_from = at.inode
    answer = Ip(
        Flow("reply"),
        packet.dst,
        packet.src,
        number(ns, "ipv4/ip_default_ttl", 64),
        packet.size,
        packet.proto,
        "reply",
        dport=packet.sport,
        size=packet.size,
        sport=packet.dport,
        flags=18 if proto == "tcp" else 0,
        ephemeral=packet.ephemeral,
        owner=(socket.uid, None),
    )
    # An unbound TCP socket answers in the VRF that it was asked in (inet_request_bound_dev_if()), an UDP one does not.
    through = socket.ifindex or (home.index if home is not None and proto == "tcp" else None)
    walk.later(lambda: send(walk, at.inode, answer, packet.dst, step, through))


def _take_reply(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    if at.inode != walk.asker:
        walk.end(DeliveredElsewhere(packet.flow, at, parent, packet))
        return
    asked = walk.steps[0].carries
    if isinstance(asked, Ip) and not _awaited(walk, asked, packet):
        walk.end(AnswerFromAnother(packet.flow, at, parent, packet, asked.dst))
        return
    what = "echo reply" if packet.proto == IPPROTO_ICMP else "answer"
    step = walk.step(parent, at, "deliver", "answer", f"{what} from {packet.src} delivered", packet)
    walk.answered = True
    walk.end(Answered(packet.flow, at, step))


def _awaited(walk: Walk, asked: Ip, answer: Ip) -> bool:
    """Tell whether a socket waits for the answer.

    A connected socket takes packets only to its own address and port from the peer that it knows
    (__inet_lookup_established(), udp4_lib_lookup2()), not from the one to which that was translated on the way.
    ping(8) takes an answer from anybody, by its id, through either kind of socket (ping_lookup(), raw_v4_match(); it
    prints DIFFERENT ADDRESS).
    """
    if answer.proto == IPPROTO_ICMP:
        return True
    mine = (asked.dst, asked.dport, walk.bound, asked.sport)
    return (answer.src, answer.sport, answer.dst, answer.dport) == mine


def _multicast(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    """A group packet is delivered where a VXLAN device of this namespace joined the group on this device."""
    if packet.vni is not None and vxlan.joined(walk, at, packet.dst):
        deliver(walk, at, packet, parent)
    else:
        walk.end(DeliveredElsewhere(packet.flow, at, parent, packet))


def refuse(walk: Walk, at: Place, packet: Ip, refused: Refused, parent: int) -> None:
    """End a packet that the route lookup of an incoming one turned away."""
    detail = f"{refused.why} ({refused.address})"
    facts = (refused.route,) if refused.route is not None else ()
    step = walk.step(parent, at, "route", "refused", detail, packet, facts)
    if refused.why == "reverse-path":
        walk.end(ReversePath(packet.flow, at, step, refused.address, refused.mode, refused.route, False, packet.mark))
    elif refused.why == "martian-source":
        walk.end(MartianSource(packet.flow, at, step, refused.address, False))
    elif refused.why == "martian-address":
        walk.end(MartianAddress(packet.flow, at, step, refused.address))
    elif refused.why == "forwarding-off":
        walk.end(ForwardingOff(packet.flow, at, step, packet))
    else:
        miss = refused.miss or FibMiss("ENETUNREACH")
        walk.end(_no_route(packet, at, step, packet.src, miss, True))


def _no_route(packet: Ip, at: Place, step: int, src: str | None, miss: FibMiss, forwarding: bool) -> NoRoute:
    return NoRoute(
        packet.flow, at, step, packet.dst, src, miss.error, forwarding, miss.tables, miss.route, miss.rule, packet
    )


def scrubbed(frame: Frame) -> Frame:
    """skb_scrub_packet(): what leaves for another namespace, or into a tunnel, loses what this one noted on it."""
    payload = frame.payload
    return replace(frame, payload=fresh(payload)) if isinstance(payload, Ip) else frame


def fresh(packet: Ip) -> Ip:
    """A packet as it comes into a namespace: without mark, conntrack entry and what a bridge noted on it."""
    return replace(unseen(packet), mark=0)


def _unhooked(packet: Ip, link: Link) -> Ip:
    """As it meets IP's first hook here: behind a bridge it has met it already, and lo keeps its conntrack entry."""
    if packet.prerouted:
        return packet
    looped = link.loopback or link.kind == "vrf"
    return replace(unseen(packet), ct=packet.ct, zone=packet.zone) if looped else unseen(packet)


def unseen(packet: Ip) -> Ip:
    """A packet before its first hook of IP: what a device or a bridge marked it with stays."""
    return replace(packet, ct=None, zone=0, prerouted=False, physin=None, macs=None)


def _name(ns: Namespace, ifindex: int) -> str | None:
    link = ns.link(ifindex)
    return link.name if link is not None else None


def describe(ns: Namespace, kind: str, oif: int, gateway: str | None, table: int | None) -> str:
    """Say where a packet goes, in iproute2's words."""
    link: Link | None = ns.link(oif)
    via = f" via {gateway}" if gateway else ""
    where = f" table {table}" if table not in (None, 254, 255) else ""
    return f"{kind}{via} dev {link.name if link else oif}{where}"


def _facts(way: Way | FibMiss) -> tuple[Record, ...]:
    return (way.route,) if way.route is not None else ()


def _query(at: Place, packet: Ip, way: InputWay | Refused) -> RouteQuery:
    key = (at.inode, packet.dst, packet.src, at.ifindex, None, packet.mark, packet.proto)
    if isinstance(way, InputWay):
        kind = "unicast" if way.kind == "forward" else way.kind
        return RouteQuery(*key, kind, way.oif, way.gateway)
    if way.why == "no-route":
        return RouteQuery(*key, error=way.miss.error if way.miss is not None else "ENETUNREACH")
    return RouteQuery(*key, error="EHOSTUNREACH" if way.why == "forwarding-off" else "EINVAL")
