"""MTUs along a hop: which devices are too small for a packet, which sender makes it too large."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.flush import FlushRouteCache
from netdoctor.fix.layer2 import SetMtu
from netdoctor.kernel import topology
from netdoctor.kernel.endings import FragNeeded, TooBig
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import cable, doors, hops

#: `Case.progress` of a change with which the reply comes back.
ANSWERED = 3


def mtu(case: Case, place: Place) -> int:
    """The MTU of a device, 0 where it is not known."""
    link = case.link(place)
    return link.mtu if link is not None else 0


def onward(case: Case, at: Place, address: str) -> list[Place]:
    """The devices from `at` to the owner of a next hop, over the cabling; `at` alone where nobody is found."""
    near = case.segment(at)
    goals = [place for place in case.owners(address) if place in near and place.inode != at.inode]
    paths = [path for goal in goals if (path := cable(case, at, goal))]
    peer = case.peer(at)
    other = (
        [at, peer] if peer is not None and case.link(peer) is not None and _kind(case, at) == "veth" else [at]
    )
    return min(paths, key=len, default=other)


def widened(case: Case, path: list[Place], length: int) -> Fix | None:
    """The fix that makes every device of a path take packets of that length; None where a tunnel is in the way."""
    small = [place for place in path if 0 < mtu(case, place) < length]
    if not small or any(
        _kind(case, place) in ("vxlan", None, "") and not _roomy(case, place) for place in small
    ):
        return None
    usual = max((mtu(case, place) for place in _known(case, path)), default=length)
    wanted = usual if usual >= length else length
    changes = tuple(SetMtu(place.inode, place.ifindex, wanted) for place in small)
    names = ", ".join(case.where(place) for place in small)
    return Fix(f"raise the MTU to {wanted} on {names}", changes, "medium" if len(small) > 1 else "low")


def narrowed(case: Case, end: TooBig) -> Fix | None:
    """The fix that makes the senders of a hop cut the packet down to what the device takes."""
    found: dict[Place, None] = {}
    for hop in hops(case, end):
        for place in dict.fromkeys(
            (hop.at, *(p for door in doors(case, hop) for p in cable(case, hop.at, door)))
        ):
            if place == end.at:
                break
            if mtu(case, place) > end.mtu:
                found[place] = None
    if not found:
        return None
    changes = tuple(SetMtu(place.inode, place.ifindex, end.mtu) for place in found)
    return Fix(f"lower the MTU to {end.mtu} on {', '.join(case.where(p) for p in found)}", changes, "medium")


def too_big_fixes(case: Case, end: TooBig) -> Iterator[Fix]:
    """Both ways out, that of the fewest changes first: raise what is too small, or lower what is too large."""
    hop = next(iter(hops(case, end)), None)
    path = onward(case, end.at, hop.address) if hop is not None else [end.at]
    both = [fix for fix in (widened(case, path, end.length), narrowed(case, end)) if fix is not None]
    yield from sorted(both, key=lambda fix: len(fix.changes))


def frag_fix(case: Case, end: FragNeeded, next_hop: str) -> Fix | None:
    """The fix that raises the MTUs from the device on; path MTUs that ICMP taught the sender are forgotten.

    None where nothing on this segment ever took such packets and a tunnel behind it would not either.
    """
    path = onward(case, end.at, next_hop)
    fix = widened(case, path, end.packet.length)
    if fix is None:
        return None
    usual = max(mtu(case, place) for place in _known(case, path))
    if (
        usual < end.packet.length
        and _tunnelled(case, end.at)
        and case.progress(applied(case.host, fix.changes)) < ANSWERED
    ):
        return None
    source = case.question.source.inode
    if source is None or source == end.at.inode:
        return fix
    changes: tuple[Change, ...] = (*fix.changes, FlushRouteCache(source))
    return Fix(fix.summary, changes, fix.risk)


def _tunnelled(case: Case, at: Place) -> bool:
    """Tell whether a tunnel belongs to the network around a device."""
    near = topology.distances(case.host, [at], routed=True)
    return any(place in near for place, _ in topology.vteps(case.host))


def _known(case: Case, path: list[Place]) -> list[Place]:
    """The devices whose MTU says what is usual here: those of the path, and what is cabled to them."""
    ends = [peer for place in path if (peer := case.peer(place)) is not None and case.link(peer) is not None]
    return [*path, *ends]


def _kind(case: Case, place: Place) -> str | None:
    link = case.link(place)
    return link.kind if link is not None else None


def _roomy(case: Case, place: Place) -> bool:
    """A NIC may take more; a VXLAN device may not take more than its underlay leaves."""
    return _kind(case, place) != "vxlan"
