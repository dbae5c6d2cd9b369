"""Bridge ports and their states."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.facts.links import BridgePort
from netdoctor.kernel.endings import NoCarrier, NotForwardedByBridge
from netdoctor.kernel.packet import Place
from netdoctor_checks._down import is_down
from netdoctor_checks._hop import way

STATES = {0: "disabled", 1: "listening", 2: "learning", 3: "forwarding", 4: "blocking"}


def state_of(case: Case, port: Place) -> str:
    """The name of a port's state."""
    link = case.link(port)
    return STATES.get((link.port or BridgePort()).state, "unknown") if link is not None else "unknown"


def stuck_ports(case: Case, end: NotForwardedByBridge | NoCarrier, bridge: Place) -> list[Place]:
    """The running ports on the packet's way that do not forward; of a bridge without carrier, all of them."""
    if isinstance(end, NotForwardedByBridge) and end.why != "state":
        return []
    named = [end.at] if isinstance(end, NotForwardedByBridge) else []
    ports = [Place(bridge.inode, link.index) for link in case.ns(bridge).ports(bridge.ifindex)]
    needed = [*named, *way(case, end)] if named else ports
    fit = [
        p
        for p in dict.fromkeys(needed)
        if p in ports and not is_down(case, p) and not is_down(case, case.peer(p))
    ]
    return [port for port in fit if state_of(case, port) != "forwarding"]
