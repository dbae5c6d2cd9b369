"""A frame leaves through a device: one way out for each kind (net/core/dev.c __dev_queue_xmit(), drivers/net/)."""

from __future__ import annotations

from netdoctor.facts.links import Link
from netdoctor.kernel import (
    bond,
    bridge,
    ip,
    ipvlan,
    macvlan,
    receive,
    topology,
    tunnels,
    vlan,
    vrf,
    vxlan,
    wire,
)
from netdoctor.kernel.endings import LinkDown, NoCarrier, NotModelled, Swallowed, TooBig
from netdoctor.kernel.netfilter import frames
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.packet import ETH_HLEN, VLAN_HLEN, Frame, Place
from netdoctor.kernel.walk import Walk


def transmit(walk: Walk, at: Place, frame: Frame, parent: int, next_hop: str = "") -> None:
    """Hand `frame` to the device at `at`; `next_hop` is the route's, which a tunnel without a remote sends to."""
    link = walk.link(at)
    if not link.up:
        walk.end(LinkDown(frame.flow, at, parent, frame))
        return
    if not has_carrier(walk, at, link):
        walk.end(NoCarrier(frame.flow, at, parent, lower(walk, at, link)))
        return
    passed = frames.pass_frame(walk, at, frame, "netdev", Passing("egress", oif=link.name), parent)
    if passed is None:
        return
    frame = passed
    step = walk.step(parent, at, "transmit", "sent", f"out of {link.name}", frame, (link,))
    if link.loopback:
        walk.later(lambda: receive.receive(walk, at, frame, step))
    elif link.kind == "veth":
        _to_peer(walk, at, link, frame, step)
    elif link.kind == "bridge":
        bridge.from_host(walk, at, frame, step)
    elif link.kind == "vxlan":
        vxlan.encapsulate(walk, at, frame, step)
    elif link.kind in ("dummy", "ifb"):
        walk.end(Swallowed(frame.flow, at, step))
    elif link.kind in (*tunnels.KINDS, "tun"):
        tunnels.encapsulate(walk, at, frame, next_hop, step)
    elif link.kind in (None, ""):
        wire.cross(walk, at, frame, step, "nic")
    else:
        _through_others(walk, at, link, frame, step)


def _through_others(walk: Walk, at: Place, link: Link, frame: Frame, step: int) -> None:
    """Devices that hand what they send to another one; what is none of them is not modelled."""
    if link.kind == "macvlan":
        macvlan.from_child(walk, at, frame, step)
    elif link.kind == "ipvlan":
        ipvlan.send(walk, at, frame, step)
    elif link.kind == "vlan":
        vlan.send(walk, at, frame, step)
    elif link.kind == "bond":
        bond.send(walk, at, frame, step)
    elif link.kind == "vrf":
        vrf.transmit(walk, at, frame, step)
    else:
        walk.end(NotModelled(frame.flow, at, step, f"{link.kind} device {link.name}"))


#: Devices that have their carrier from the one they stand on (netif_stacked_transfer_operstate()).
_FOLLOWING = ("vlan", "ipvlan", "macvlan")


def has_carrier(walk: Walk, at: Place, link: Link) -> bool:
    """Tell whether the device has a carrier. A pair has one while both ends are up; it follows from the facts."""
    if link.kind == "bond":
        return bond.has_carrier(walk, at, link)
    if link.kind not in ("veth", *_FOLLOWING):
        always = ("vxlan", "dummy", "ifb", "vrf", *tunnels.KINDS)
        return link.carrier or link.kind in always or link.loopback
    peer = lower(walk, at, link)
    other = topology.link_at(walk.host, peer) if peer is not None else None
    if peer is None or other is None:
        return link.carrier
    if link.kind == "veth":
        return other.up
    follows = other.up and has_carrier(walk, peer, other)
    # An ipvlan or macvlan is not told at once that its parent went down, only that it came up.
    return follows or (link.kind != "vlan" and link.carrier)


def lower(walk: Walk, at: Place, link: Link) -> Place | None:
    """The device that `iflink` points to: a pair's other end, a macvlan's parent. None where it is not visible.

    `iflink` is an ifindex of the namespace that link-netnsid names, relative to the namespace that says so.
    """
    if not link.iflink:
        return None
    if link.link_netnsid is None:
        return Place(at.inode, link.iflink)
    inode = walk.namespace(at.inode).peer_namespace(link.link_netnsid)
    return Place(inode, link.iflink) if inode is not None else None


def _to_peer(walk: Walk, at: Place, link: Link, frame: Frame, step: int) -> None:
    """veth_xmit(): the frame is received by the other end, if that is up and takes its size."""
    peer = lower(walk, at, link)
    ns = walk.host.namespace(peer.inode) if peer is not None else None
    other = ns.link(peer.ifindex) if ns is not None and peer is not None else None
    if peer is None or other is None:
        wire.cross(walk, at, frame, step, "peer")
        return
    if not other.up:
        walk.end(LinkDown(frame.flow, peer, step, frame))
        return
    if too_long(frame, other.mtu):
        walk.end(TooBig(frame.flow, peer, step, other.mtu, frame.payload.length))
        return
    scrubbed = ip.scrubbed(frame)
    walk.later(lambda: receive.receive(walk, peer, scrubbed, step))


def too_long(frame: Frame, mtu: int) -> bool:
    """is_skb_forwardable(): longer than the MTU, the Ethernet header and one VLAN tag together.

    The outermost tag does not count: it travels beside the frame, not in it.
    """
    return frame.payload.length + VLAN_HLEN * len(frame.stack) + ETH_HLEN > mtu + ETH_HLEN + VLAN_HLEN
