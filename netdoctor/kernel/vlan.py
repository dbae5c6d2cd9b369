"""VLAN devices: the tag goes on where a frame is sent, and picks the device where one is received.

net/8021q/vlan_dev.c vlan_dev_hard_start_xmit(), vlan_core.c vlan_do_receive().
"""

from __future__ import annotations

from netdoctor.facts.links import Vlan
from netdoctor.kernel import receive, topology, transmit
from netdoctor.kernel.endings import LeavesHost
from netdoctor.kernel.packet import Frame, Place, tagged, untagged
from netdoctor.kernel.walk import Walk


def send(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """Put the device's tag on the frame and send it out of the parent device."""
    link, data = walk.link(at), walk.link(at).vlan or Vlan()
    lower = transmit.lower(walk, at, link)
    if lower is None or topology.link_at(walk.host, lower) is None:
        walk.end(LeavesHost(frame.flow, at, parent, frame, "peer"))
        return
    out = tagged(frame, data.vid, data.protocol)
    step = walk.step(parent, at, "vlan", "tag", f"VLAN {data.vid}", out, (data,))
    transmit.transmit(walk, lower, out, step)


def take(walk: Walk, at: Place, frame: Frame, parent: int, host: bool) -> bool:
    """Give a tagged frame to the device of its VLAN over `at`; False where there is none.

    That comes before any bridge, bond or macvlan that `at` belongs to. A device that is down takes the frame too, and
    drops it. What `at` took as its own (`host`) stays so, whatever lladdr the VLAN device has.
    """
    if frame.vlan is None:
        return False
    for child in topology.children(walk.host, at, "vlan"):
        data = walk.link(child).vlan or Vlan()
        if (data.vid, data.protocol) == (frame.vlan, frame.tpid):
            _hand(walk, child, untagged(frame), parent, host or frame.dst == walk.link(child).address)
            return True
    return False


def _hand(walk: Walk, child: Place, frame: Frame, parent: int, host: bool) -> None:
    walk.later(lambda: receive.receive(walk, child, frame, parent, host))
