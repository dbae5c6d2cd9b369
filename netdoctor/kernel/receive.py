"""A frame is received by a device: layer 2 hands it to a bridge, a macvlan or layer 3.

net/core/dev.c __netif_receive_skb_core().
"""

from __future__ import annotations

from netdoctor.kernel import arp, bond, bridge, ip, ipvlan, macvlan, vlan
from netdoctor.kernel.endings import LinkDown, NotForMe, NotModelled
from netdoctor.kernel.netfilter import frames
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.packet import Arp, Frame, Place, arriving
from netdoctor.kernel.walk import Walk

#: Masters that hand on what their slaves take in, and those that leave it to layer 3.
_KNOWN_MASTERS = ("bridge", "bond", "vrf")


def receive(walk: Walk, at: Place, frame: Frame, parent: int, host: bool | None = None) -> None:
    """Take in `frame` on the device at `at`; `host` says if it is to this host, where a device below has decided."""
    link = walk.link(at)
    if not link.up:
        walk.end(LinkDown(frame.flow, at, parent, frame))
        return
    own = frame.dst == (link.address if link.ethernet else "") if host is None else host
    frame = walk.later_round(at, arriving(frame, frame.dst if own else None))
    step = walk.step(parent, at, "receive", "received", f"in by {link.name}", frame, (link,))
    if walk.seen(at, frame, step):
        return
    passed = ingress(walk, at, frame, step)
    if passed is None:
        return
    enter(walk, at, passed, step, host=own)


def ingress(walk: Walk, at: Place, frame: Frame, parent: int) -> Frame | None:
    """nf_ingress(): the netdev chains of this device; None where one drops the frame."""
    return frames.pass_frame(walk, at, frame, "netdev", Passing("ingress", iif=walk.link(at).name), parent)


def enter(walk: Walk, at: Place, frame: Frame, parent: int, host: bool) -> None:
    """Offer `frame` to the VLAN devices over `at`, its master, the macvlan and ipvlan devices, then to layer 3."""
    if vlan.take(walk, at, frame, parent, host) or _to_master(walk, at, frame, parent, host):
        return
    if not macvlan.take(walk, at, frame, parent) and not ipvlan.take(walk, at, frame, parent):
        up_the_stack(walk, at, frame, parent, host)


def _to_master(walk: Walk, at: Place, frame: Frame, parent: int, host: bool) -> bool:
    """The rx_handler of a bridge or bond; one that is not known may do anything with the frame."""
    link = walk.link(at)
    master = walk.namespace(at.inode).link(link.master) if link.master else None
    if master is None or (master.kind == "bridge" and link.kind == "bridge"):
        return False
    if master.kind == "bridge":
        bridge.from_port(walk, at, Place(at.inode, master.index), frame, parent)
    elif master.kind == "bond":
        bond.take(walk, at, master, frame, parent, host)
    elif master.kind not in _KNOWN_MASTERS:
        walk.end(
            NotModelled(
                frame.flow, at, parent, f"{master.kind or 'master'} device {master.name} over {link.name}"
            )
        )
    return master.kind != "vrf"


def up_the_stack(walk: Walk, at: Place, frame: Frame, parent: int, host: bool) -> None:
    """Give `frame` to layer 3; `host` is PACKET_HOST, as layer 2 decided (eth_type_trans())."""
    other_host = not host and not frame.multicast and not walk.link(at).loopback
    if frame.vlan or frame.stack:
        # No device of this VLAN takes it: the tag makes it somebody else's (PACKET_OTHERHOST).
        walk.end(NotForMe(frame.flow, at, parent, frame))
        return
    if isinstance(frame.payload, Arp):
        passing = Passing("input", iif=walk.link(at).name)
        if not other_host and not frames.pass_frame(walk, at, frame, "arp", passing, parent):
            return
        arp.receive_arp(walk, at, frame, other_host, parent)
    elif other_host:
        walk.end(NotForMe(frame.flow, at, parent, frame))
    else:
        ip.receive_ip(walk, at, frame.payload, parent, (frame.src, frame.dst))
