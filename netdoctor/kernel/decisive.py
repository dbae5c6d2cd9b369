"""Of all the copies of a packet that ended somewhere: which ending explains that the answer did not come.

A flooded frame ends at every device that it was not for. What counts is the ending nearest, by cabling, to the device
that was to be reached; where a neighbour stayed unresolved, the ending of the ARP exchange that explains it.
"""

from __future__ import annotations

from netdoctor.facts.host import Host
from netdoctor.kernel.endings import (
    Answered,
    ArpNotAnswered,
    BondKept,
    DeliveredElsewhere,
    Ending,
    IpvlanKept,
    LeavesHost,
    Looped,
    MacvlanKept,
    MartianSource,
    NeighbourUnresolved,
    NotForMe,
    NotForwardedByBridge,
    NotModelled,
    NoVtep,
    ReversePath,
    TunnelNotSent,
    TunnelRefused,
    VxlanNotSent,
    VxlanRefused,
    WgNotSent,
    WgRefused,
)
from netdoctor.kernel.packet import Arp, Asker, Ip, Leg, Place
from netdoctor.kernel.topology import distances, owners
from netdoctor.kernel.walk import Walk

#: Endings that tell that the packet left what the facts cover.
OPEN = (LeavesHost, NotModelled)
_FAR = 1_000_000


def decisive(walk: Walk) -> Ending | None:
    """Return the ending that explains an unanswered walk, or None where there is none (it was answered)."""
    if walk.answered:
        return None
    leg = walk.leg
    endings = [end for end in walk.leg_endings(leg) if not isinstance(end, Answered)]
    targets = _targets(walk, leg)
    ending = _nearest(walk.host, endings, targets, routed=True)
    if ending is None:
        return endings[-1] if endings else None
    return explained(walk, ending)


def explained(walk: Walk, ending: Ending, depth: int = 4) -> Ending:
    """Follow an unresolved neighbour to the ending of its ARP exchange, at most `depth` times."""
    for left in range(depth - 1, -1, -1):
        if not isinstance(ending, NeighbourUnresolved) or ending.probes_off:
            return ending
        deeper = _of_resolution(walk, ending.asker, left)
        if deeper is None:
            return ending
        ending = deeper
    return ending


def _of_resolution(walk: Walk, asker: Asker, depth: int) -> Ending | None:
    """The ending of the ARP exchange that explains why nobody answered, or None where simply nobody is there.

    Where a tunnel carries the request, its packet may wait for a neighbour in turn; `depth` bounds how often.
    """
    endings = [end for end in walk.endings if end.flow.asker == asker]
    replies = [end for end in endings if _is_reply(end)]
    if replies:
        return _nearest(walk.host, replies, [Place(asker.inode, asker.ifindex)], routed=False) or replies[-1]
    held = owners(walk.host, asker.address)
    direct = [end for end in endings if _declined(end)]
    if not held:
        onward = [end for end in endings if isinstance(end, (*OPEN, NeighbourUnresolved))]
        leaves = [end for end in (explained(walk, end, depth) for end in onward) if isinstance(end, OPEN)]
        own = [
            end
            for end in endings
            if end.at == Place(asker.inode, asker.ifindex) and not isinstance(end, _NOISE)
        ]
        lost = [end for end in endings if isinstance(end, _TUNNEL)]
        found = direct[:1] or own[:1] or leaves[:1] or lost[:1]
        return found[0] if found else None
    useful = [
        end
        for end in endings
        if not (isinstance(end, ArpNotAnswered) and end.why in ("not-owner", "no-proxy"))
    ]
    near = distances(walk.host, held, routed=False)
    inside = [end for end in useful if _place(end) in near]
    unresolved = [end for end in useful if isinstance(end, NeighbourUnresolved)]
    asked_at = Place(asker.inode, asker.ifindex)
    if not inside and not unresolved and not direct:
        # The owner is on another segment, as long as the tunnel between them does not work.
        closest = _nearest(walk.host, endings, held, routed=True)
        if isinstance(closest, _TUNNEL) or _outer(closest):
            return closest
        # It may also be that the question never left the device that asks.
        return next((end for end in endings if _place(end) == asked_at and not isinstance(end, _NOISE)), None)
    useful = inside or [*unresolved] or [*direct]
    return min(useful, key=lambda end: (near.get(_place(end), _FAR), -end.step), default=None)


def _outer(ending: Ending | None) -> bool:
    """What ended is a tunnel's outer packet."""
    packet = getattr(ending, "packet", None)
    return isinstance(packet, Ip) and packet.inner is not None


def _declined(ending: Ending) -> bool:
    """Who proxies ARP had a reason not to answer this time."""
    if isinstance(ending, ReversePath | MartianSource):
        return ending.arp
    return isinstance(ending, ArpNotAnswered) and ending.why in _PROXY_REASONS


_PROXY_REASONS = ("no-route", "forwarding-off", "same-device", "proxy-no-neighbour")
_TUNNEL = (NoVtep, VxlanRefused, VxlanNotSent, TunnelRefused, TunnelNotSent, WgRefused, WgNotSent)
_NOISE = (NotForMe, MacvlanKept, IpvlanKept, BondKept, NotForwardedByBridge, ArpNotAnswered, DeliveredElsewhere, Looped)


def _nearest(host: Host, endings: list[Ending], targets: list[Place], routed: bool) -> Ending | None:
    if len(endings) <= 1:
        return endings[0] if endings else None
    near = distances(host, targets, routed)
    return min(endings, key=lambda end: (near.get(_place(end), _FAR), isinstance(end, _NOISE), -end.step))


def _place(ending: Ending) -> Place:
    return ending.at


def _targets(walk: Walk, leg: Leg) -> list[Place]:
    if leg == "request":
        return owners(walk.host, walk.target or "")
    ns = walk.host.namespace(walk.asker or 0)
    return (
        [Place(walk.asker or 0, link.index) for link in ns.links() if not link.loopback]
        if ns is not None
        else []
    )


def _is_reply(ending: Ending) -> bool:
    frame = getattr(ending, "frame", None)
    payload = frame.payload if frame is not None else getattr(ending, "packet", None)
    while payload is not None and not isinstance(payload, Arp):
        payload = payload.inner.payload if payload.inner is not None else None
    return isinstance(payload, Arp) and not payload.request
