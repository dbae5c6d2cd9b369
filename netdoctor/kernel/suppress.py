"""The bridge answers ARP itself: neigh_suppress and proxyarp ports.

net/bridge/br_arp_nd_proxy.c br_do_proxy_suppress_arp().
"""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import BridgePort, Link
from netdoctor.facts.records import NUD_VALID
from netdoctor.kernel import bridge, receive, transmit
from netdoctor.kernel.packet import Arp, Asker, Frame, Place, is_loopback, is_multicast
from netdoctor.kernel.walk import Walk


def answer(
    walk: Walk, ns: Namespace, master: Link, ingress: Place | None, frame: Frame, vid: int, parent: int
) -> bool:
    """Answer for another where the bridge may; returns whether suppressing ports are left out of the flood."""
    arp = frame.payload
    assert isinstance(arp, Arp)
    if master.noarp or is_loopback(arp.tip) or is_multicast(arp.tip):
        return False
    ports = ns.ports(master.index)
    enabled = any(link.port is not None and link.port.neigh_suppress for link in ports)
    inport = ns.link(ingress.ifindex) if ingress is not None else None
    port = inport.port if inport is not None else None
    if enabled:
        if port is not None and port.neigh_suppress:
            return False
        if not frame.multicast and arp.request:
            return False
        if arp.sip.startswith("0.") or arp.sip == arp.tip:
            return True
    if not arp.request or vid:
        # A VLAN needs a device of its own on the bridge to look the neighbour up; without one nothing is answered.
        return False
    if enabled and any(ifa.local == arp.tip for ifa in ns.addresses(master.index)):
        return True
    return _from_neighbour(walk, ns, master, ingress, port, frame, arp, enabled, parent)


def _from_neighbour(
    walk: Walk,
    ns: Namespace,
    master: Link,
    ingress: Place | None,
    port: BridgePort | None,
    frame: Frame,
    arp: Arp,
    enabled: bool,
    parent: int,
) -> bool:
    at = ingress or walk.steps[parent].at
    home = Place(at.inode, master.index)
    learned = walk.neighbours.get(Asker(home.inode, home.ifindex, arp.tip))
    entry = ns.neighbour(master.index, arp.tip)
    lladdr = learned.lladdr if learned is not None else None
    if lladdr is None and entry is not None and entry.state in NUD_VALID:
        lladdr = entry.lladdr
    found = bridge.find(walk, ns, home, lladdr, 0) if lladdr is not None else None
    if lladdr is None or found is None:
        return False
    out = ns.link(found.ifindex)
    behind = out.port if out is not None else None
    replied = bool(port and port.proxyarp) or bool(behind and (behind.proxyarp_wifi or behind.neigh_suppress))
    if replied:
        _send(walk, home, ingress, frame, arp, lladdr, parent)
    return replied or enabled


def _send(
    walk: Walk, home: Place, ingress: Place | None, frame: Frame, arp: Arp, lladdr: str, parent: int
) -> None:
    """br_arp_send(): out of the port that asked, or up to the host that did."""
    reply = Frame(lladdr, arp.sha, Arp(arp.flow, False, arp.tip, arp.sip, lladdr, arp.sha))
    step = walk.step(parent, home, "arp", "suppress", f"the bridge answers: {arp.tip} is at {lladdr}", reply)
    if ingress is not None:
        walk.later(lambda: transmit.transmit(walk, ingress, reply, step))
    else:
        walk.later(lambda: receive.up_the_stack(walk, home, reply, step, host=True))
