"""FDB lookups on the way to an ending, and the port by which the right device would be reached."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.facts.links import Record
from netdoctor.facts.records import FdbEntry
from netdoctor.kernel.endings import Ending, NotForwardedByBridge
from netdoctor.kernel.packet import Frame, Place
from netdoctor_checks._hop import cable
from netdoctor_checks._mac import stations_with


class Lookup(Record, frozen=True):
    """A bridge looked up an lladdr and was sent to a port by `entry`, which stands in the recorded FDB."""

    bridge: Place
    lladdr: str
    port: Place
    entry: FdbEntry


def lookups(case: Case, end: Ending) -> list[Lookup]:
    """The FDB lookups that led to the ending, last first; what this packet itself taught the bridge is left out."""
    found = []
    if isinstance(end, NotForwardedByBridge) and end.entry is not None and not end.entry.local:
        found.append(_recorded(case, end.bridge, end.frame.dst, end.entry.ifindex, end.vid))
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.stage == "bridge" and step.detail.startswith("FDB says") and isinstance(step.carries, Frame):
            bridge = _bridge_of(case, step.at)
            found.append(
                _recorded(case, bridge, step.carries.dst, step.at.ifindex, None)
                if bridge is not None
                else None
            )
    return [item for item in found if item is not None]


def _bridge_of(case: Case, port: Place) -> Place | None:
    link = case.link(port)
    return Place(port.inode, link.master) if link is not None and link.master else None


def _recorded(case: Case, bridge: Place, lladdr: str, ifindex: int, vid: int | None) -> Lookup | None:
    for entry in case.ns(bridge).fdb(bridge.ifindex, lladdr):
        fits = vid is None or entry.vlan == vid
        if entry.ifindex == ifindex and entry.dst is None and not entry.local and fits:
            return Lookup(bridge, lladdr, Place(bridge.inode, ifindex), entry)
    return None


def right_ports(case: Case, bridge: Place, lladdr: str) -> list[Place]:
    """The ports of a bridge behind which a running station with that lladdr is cabled."""
    found: list[Place] = []
    for owner in stations_with(case, bridge, lladdr):
        path = cable(case, bridge, owner)
        if len(path) > 1:
            found.append(path[1])
    return found


def fdb_show(case: Case, bridge: Place, lladdr: str) -> tuple[str, ...]:
    """The command that shows what a bridge knows of an lladdr."""
    return case.bridge(bridge, "fdb", "get", lladdr, "br", case.name(bridge))
