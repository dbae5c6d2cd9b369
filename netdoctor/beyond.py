"""What lies beyond the facts: where the packet left them, what is certain by then, and whose snapshot decides."""

from __future__ import annotations

from netdoctor.facts.fleet import fleet_of
from netdoctor.kernel.endings import LeavesHost, NeighbourUnresolved
from netdoctor.kernel.packet import Arp, Ip
from netdoctor.kernel.topology import link_at, named, owners
from netdoctor.kernel.walk import Walk
from netdoctor.report import MissingPart
from netdoctor.wording import tunnelled


def left(walk: Walk, ending: LeavesHost) -> MissingPart:
    """Name the host that decides, by the address that the packet is sent to next."""
    link = link_at(walk.host, ending.at)
    where = f"{named(walk.host, ending.at.inode)} by {link.name if link is not None else 'a device'}"
    packet = _packet(walk, ending)
    hop = _next_hop(walk, ending, packet)
    several = fleet_of(walk.host) is not None
    nobody = "no snapshot given is of that host" if several else "nothing beyond it is visible here"
    what = f"what the host that has {hop} does with it" if hop else "what lies beyond this host"
    how = f"a snapshot of the host that has {hop}" if hop else "a snapshot of the host on the other side"
    if packet is not None and hop not in (None, packet.dst) and not owners(walk.host, packet.dst):
        how += f", or of the one that has {packet.dst}"
    return MissingPart(
        what, f"the packet leaves {where}{_sent_as(packet, hop)}; {nobody}", f"{how}, given with --snapshot as well"
    )


def _packet(walk: Walk, ending: LeavesHost) -> Ip | None:
    """The packet that leaves, or for which a neighbour is asked; with a tunnel around it, the outer one."""
    payload = ending.frame.payload
    if isinstance(payload, Ip):
        return payload
    waiting = (end for end in walk.endings if isinstance(end, NeighbourUnresolved))
    return next((end.packet for end in waiting if end.asker == ending.flow.asker), None)


def _next_hop(walk: Walk, ending: LeavesHost, packet: Ip | None) -> str | None:
    """The address that the packet is handed to: who is asked for, or whose lladdr it goes to."""
    frame = ending.frame
    if isinstance(frame.payload, Arp):
        return frame.payload.tip if frame.payload.request else None
    for number in reversed(walk.chain(ending.step)):
        step = walk.steps[number]
        if step.stage == "neighbour" and step.action == "resolved" and step.detail.endswith(f" is at {frame.dst}"):
            return step.detail.partition(" ")[0]
    return packet.dst if packet is not None else None


def _sent_as(packet: Ip | None, hop: str | None) -> str:
    """How it leaves: in a tunnel, and to whom."""
    if packet is None:
        return ""
    to = f" to {packet.dst}" if hop != packet.dst else ""
    if packet.inner is None:
        return f"{to} via {hop}" if to and hop else to
    return f"{to} in {tunnelled(packet)}, to {packet.dst}"
