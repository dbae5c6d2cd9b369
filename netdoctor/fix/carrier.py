"""What the kernel does by itself once the other end of a cable comes up: no command makes these changes."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import IFF_LOWER_UP, Bridge, Link
from netdoctor.facts.overlay import Draft
from netdoctor.facts.records import RTNH_F_DEAD, RTNH_F_LINKDOWN, Route
from netdoctor.fix.change import Change
from netdoctor.fix.command import Argv

DISABLED, LISTENING, FORWARDING = 0, 1, 3


class CarrierOn(Change, frozen=True):
    """A device gets its carrier back: its bridge port is enabled and its routes lose the linkdown mark.

    netif_carrier_on() is called by the other end's driver (veth_open()) or by the parent's notifier (macvlan); a bridge
    has a carrier while one of its ports forwards (br_port_state_selection()).
    """

    ifindex: int

    def apply(self, draft: Draft) -> None:
        """See `Change.apply`."""
        link = next((item for item in draft.links if item.index == self.ifindex), None)
        if link is None:
            return
        master = (
            next((item for item in draft.links if item.index == link.master), None) if link.master else None
        )
        draft.edit_link(link.index, flags=link.flags | IFF_LOWER_UP, port=_enabled(link, master))
        alive = {link.index}
        if master is not None and master.up and not _spans(master):
            draft.edit_link(master.index, flags=master.flags | IFF_LOWER_UP)
            alive.add(master.index)
        draft.routes = tuple(_alive(route, alive) for route in draft.routes)

    def commands(self, ns: Namespace) -> list[Argv]:
        """See `Change.commands`: none is needed."""
        return []


def _enabled(link: Link, master: Link | None) -> object:
    port = link.port
    if port is None or port.state != DISABLED or not link.up or master is None or not master.up:
        return port
    return replace(port, state=LISTENING if _spans(master) else FORWARDING)


def _spans(bridge: Link) -> bool:
    return bool((bridge.bridge or Bridge()).stp_state)


def _alive(route: Route, ifindexes: set[int]) -> Route:
    marks = RTNH_F_LINKDOWN | RTNH_F_DEAD
    if not any(hop.oif in ifindexes and hop.flags & marks for hop in route.nexthops):
        return route
    hops = tuple(
        replace(hop, flags=hop.flags & ~marks) if hop.oif in ifindexes else hop for hop in route.nexthops
    )
    return replace(route, nexthops=hops)
