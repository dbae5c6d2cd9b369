"""VRF: which domain a device or a lookup is in, and what a packet does that is sent through the VRF's own device.

net/l3mdev/l3mdev.c, drivers/net/vrf.c.
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.links import Link
from netdoctor.kernel import ip, receive
from netdoctor.kernel.endings import NotModelled
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.l3mdev import domain
from netdoctor.kernel.netfilter import hook
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.output import route_output
from netdoctor.kernel.packet import Arp, CtRef, Frame, Ip, Place, is_multicast
from netdoctor.kernel.walk import Walk

_UNTRACKED = CtRef(-1, False, "UNTRACKED")


def leave(walk: Walk, at: Place, packet: Ip, step: int) -> tuple[Ip, int] | None:
    """vrf_ip_out(): what a VRF's own socket sends passes output and postrouting as if out of the VRF's device first.

    It is not tracked there (vrf_nf_set_untracked()), but in the context of the slave that it really leaves by.
    """
    master = domain(walk.namespace(at.inode), walk.link(at))
    if master is None or master.index == at.ifindex or is_multicast(packet.dst):
        return packet, step
    before = packet.ct
    if before is None:
        packet = replace(packet, ct=_UNTRACKED)
    over = Place(at.inode, master.index)
    for name in ("output", "postrouting"):
        passed = hook.pass_hook(walk, over, packet, Passing(name, oif=master.name), step)
        if passed is None:
            return None
        packet, step = passed
    return replace(packet, ct=before) if packet.ct == _UNTRACKED else packet, step


def enter(walk: Walk, at: Place, packet: Ip, step: int) -> tuple[Ip, Link, int] | None:
    """vrf_ip_rcv(): what a slave takes in is the VRF device's from here on, and passes prerouting once more.

    Returns the packet, the device that it came in by for all that follows, and the last step.
    """
    ns, link = walk.namespace(at.inode), walk.link(at)
    master = domain(ns, link)
    if master is None or master.index == at.ifindex:
        return packet, link, step
    if is_multicast(packet.dst):
        return packet, master, step
    over = Place(at.inode, master.index)
    step = walk.step(step, over, "vrf", "enter", f"{link.name} is in VRF {master.name}", packet, (master,))
    passed = hook.pass_hook(walk, over, packet, Passing("prerouting", iif=master.name), step)
    return None if passed is None else (passed[0], master, passed[1])


def transmit(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """vrf_xmit(): a route led into the VRF's device: the packet is routed anew, in the VRF's table."""
    packet = frame.payload
    if isinstance(packet, Arp):
        walk.end(NotModelled(frame.flow, at, parent, f"ARP on the VRF device {walk.link(at).name}"))
        return
    key = FibFlow(
        packet.dst, packet.src, "lo", at.ifindex, packet.mark, packet.dscp, packet.proto, anysrc=True
    )
    way = route_output(walk, at.inode, key)
    if not isinstance(way, FibMiss) and way.oif == at.ifindex:
        walk.later(lambda: receive.up_the_stack(walk, at, frame, parent, host=True))
        return
    ip.send_on(walk, at.inode, packet, parent, at.ifindex)
