"""ipvlan: slaves share their parent's lladdr and are told apart by IP address (drivers/net/ipvlan/ipvlan_core.c)."""

from __future__ import annotations

from netdoctor.facts.links import Ipvlan, Link
from netdoctor.kernel import ip, receive, topology, transmit
from netdoctor.kernel.endings import IpvlanKept, LeavesHost, LinkDown, NotModelled, TooBig
from netdoctor.kernel.input import Refused, route_input
from netdoctor.kernel.netfilter import hook
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.packet import Arp, Frame, Ip, Place, arriving
from netdoctor.kernel.walk import Walk


def send(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """ipvlan_queue_xmit(): to a sibling that has the address, else out of the parent (L2), or routed there (L3)."""
    link = walk.link(at)
    lower = transmit.lower(walk, at, link)
    if lower is None or topology.link_at(walk.host, lower) is None:
        walk.end(LeavesHost(frame.flow, at, parent, frame, "peer"))
        return
    data = link.ipvlan or Ipvlan()
    if data.mode == "unknown":
        walk.end(NotModelled(frame.flow, at, parent, f"ipvlan {link.name} in a mode that is not known"))
    elif data.mode == "l2":
        _send_l2(walk, at, lower, data, frame, parent)
    else:
        _send_l3(walk, at, lower, data, frame, parent)


def _send_l2(walk: Walk, at: Place, lower: Place, data: Ipvlan, frame: Frame, parent: int) -> None:
    """ipvlan_xmit_mode_l2(): only what goes to the common lladdr is looked up; groups go to all siblings and out."""
    if frame.multicast:
        for other in topology.children(walk.host, lower, "ipvlan"):
            if other != at and walk.link(other).up:
                _forward(walk, other, frame, parent)
        transmit.transmit(walk, lower, ip.scrubbed(frame), parent)
    elif data.flag != "vepa" and frame.dst == frame.src:
        sibling = _owner(walk, lower, _asked(frame))
        if sibling is None:
            _forward(walk, lower, frame, parent)
        else:
            _to_sibling(walk, sibling, data, frame, parent)
    else:
        transmit.transmit(walk, lower, frame, parent)


def _send_l3(walk: Walk, at: Place, lower: Place, data: Ipvlan, frame: Frame, parent: int) -> None:
    """ipvlan_xmit_mode_l3(): what no sibling has is routed in the parent's namespace, out of the parent."""
    sibling = _owner(walk, lower, _asked(frame)) if data.flag != "vepa" else None
    if sibling is not None:
        _to_sibling(walk, sibling, data, frame, parent)
        return
    packet = frame.payload
    if frame.multicast or isinstance(packet, Arp):
        walk.end(IpvlanKept(frame.flow, at, parent, "multicast", frame))
        return
    step = walk.step(parent, lower, "ipvlan", "route", f"in {topology.named(walk.host, lower.inode)}", packet)
    fresh = ip.fresh(packet) if lower.inode != at.inode else ip.unseen(packet)
    ip.send_on(walk, lower.inode, fresh, step, lower.ifindex)


def _to_sibling(walk: Walk, sibling: Place, data: Ipvlan, frame: Frame, parent: int) -> None:
    if data.flag == "private":
        walk.end(IpvlanKept(frame.flow, sibling, parent, "private", frame))
    else:
        _forward(walk, sibling, frame, parent)


def _forward(walk: Walk, to: Place, frame: Frame, parent: int) -> None:
    """dev_forward_skb(): it is received by a device of the same parent, if that is up and takes its size."""
    link = walk.link(to)
    if not link.up:
        walk.end(LinkDown(frame.flow, to, parent, frame))
    elif transmit.too_long(frame, link.mtu):
        walk.end(TooBig(frame.flow, to, parent, link.mtu, frame.payload.length))
    else:
        walk.later(lambda: receive.receive(walk, to, ip.scrubbed(frame), parent))


def take(walk: Walk, at: Place, frame: Frame, parent: int) -> bool:
    """ipvlan_handle_frame(): what a parent takes in goes to the slave that has the address; True where none goes up.

    Groups (L2) go to every slave and up. In mode L3S the parent's own stack takes in everything.
    """
    slaves = topology.children(walk.host, at, "ipvlan")
    data = (walk.link(slaves[0]).ipvlan or Ipvlan()) if slaves else Ipvlan("l3s")
    if data.mode in ("l3s", "unknown"):
        return False
    if data.mode == "l2" and frame.multicast:
        own = frame.src == walk.link(at).address and _owner(walk, at, _sender(frame)) is not None
        for each in slaves if not own else []:
            if walk.link(each).up:
                walk.later(lambda each=each: receive.receive(walk, each, frame, parent))  # type: ignore[misc]
        return False
    slave = _owner(walk, at, _asked(frame))
    if slave is None:
        return False
    host = arriving(frame, walk.link(at).address).pkttype == "unicast"
    walk.later(lambda: receive.receive(walk, slave, ip.scrubbed(frame), parent, host))
    return True


def divert(walk: Walk, at: Place, packet: Ip, parent: int) -> bool:
    """ipvlan_l3_rcv(), ipvlan_nf_input(): in mode L3S the parent's stack takes the packet in for the slave.

    It is routed as in the slave's namespace, and the input hooks that it passes are those of the parent's. Returns
    False where no slave has the address.
    """
    slave = _owner(walk, at, packet.dst) if _may_have(walk.link(at)) else None
    link = walk.link(slave) if slave is not None else None
    if slave is None or link is None or (link.ipvlan or Ipvlan()).mode != "l3s":
        return False
    way = route_input(walk, walk.namespace(slave.inode), link, packet)
    if isinstance(way, Refused):
        ip.refuse(walk, slave, packet, way, parent)
        return True
    step = walk.step(parent, slave, "route", way.kind, f"{packet.dst} is {way.kind} on {link.name}", packet)
    passing = Passing("input", iif=walk.link(at).name, physin=packet.physin)
    passed = hook.pass_hook(walk, at, packet, passing, step)
    if passed is not None:
        ip.deliver(walk, slave, ip.unseen(passed[0]), passed[1], broadcast=way.kind == "broadcast")
    return True


def _may_have(link: Link) -> bool:
    return not link.loopback and not link.master and link.kind not in ("ipvlan", "macvlan", "vrf")


def _owner(walk: Walk, lower: Place, address: str) -> Place | None:
    """ipvlan_addr_lookup(): the running slave of this parent that has the address."""
    for slave in topology.children(walk.host, lower, "ipvlan"):
        if walk.link(slave).up:
            held = walk.namespace(slave.inode).addresses(slave.ifindex)
            if any(ifa.local == address for ifa in held):
                return slave
    return None


def _asked(frame: Frame) -> str:
    """The address that the frame is for: in an ARP message, that of its target."""
    return frame.payload.tip if isinstance(frame.payload, Arp) else frame.payload.dst


def _sender(frame: Frame) -> str:
    return frame.payload.sip if isinstance(frame.payload, Arp) else frame.payload.src
