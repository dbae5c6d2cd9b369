"""What leaves one host by a NIC arrives at another: over a wire that no snapshot shows, and so is assumed.

Which NICs are on one wire is inferred from the facts (`netdoctor.facts.wires`). The wire carries frames as a switch
does: to the NIC behind which the lladdr is, else to all. Where the next hop is a router that no snapshot shows, it is
assumed to send on to the host that has the packet's destination on a NIC.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.facts.fleet import Fleet, fleet_of, host_of
from netdoctor.facts.wires import OVER, can_be_wired
from netdoctor.kernel import ip, receive, transmit
from netdoctor.kernel.endings import LeavesHost, NotModelled, TooBig
from netdoctor.kernel.packet import Arp, Frame, Place
from netdoctor.kernel.topology import children, link_at, named, owners
from netdoctor.kernel.walk import Walk

#: The lladdr given to a router that no snapshot shows; one of those kept for documentation (RFC 9542, 2.1.2).
ROUTER = "00:00:5e:00:53:01"


def cross(walk: Walk, at: Place, frame: Frame, step: int, why: str) -> None:
    """Carry a frame that left by `at` to the NICs on the same wire, and end the copy that leaves what is visible."""
    fleet = fleet_of(walk.host)
    if fleet is None:
        walk.end(LeavesHost(frame.flow, at, step, frame, why))
        return
    others = [place for place in _others(fleet, at) if link_at(walk.host, place) is not None]
    behind = [] if frame.multicast else [place for place in others if frame.dst in _lladdrs(walk, place)]
    frame = ip.scrubbed(frame)
    for place in behind or others:
        reason = fleet.wires.why((at.inode, at.ifindex), (place.inode, place.ifindex))
        _arrive(walk, place, frame, step, f"over the wire from {_where(walk, at)} (assumed: {reason})")
    if not behind and _for_unseen(walk, fleet, at, frame, step) and not _routed(walk, fleet, at, frame, step):
        walk.end(LeavesHost(frame.flow, at, step, frame, "wire" if others else why))


def _others(fleet: Fleet, at: Place) -> list[Place]:
    return [Place(*port) for port in fleet.wires.others((at.inode, at.ifindex))]


def _arrive(walk: Walk, place: Place, frame: Frame, parent: int, detail: str) -> None:
    link = walk.link(place)
    step = walk.step(parent, place, "wire", "assumed", detail, frame)
    if link.up and transmit.too_long(frame, link.mtu):
        if link.kind == "veth":
            walk.end(TooBig(frame.flow, place, step, link.mtu, frame.payload.length))
        else:
            what = f"whether {link.name} takes a frame longer than its MTU of {link.mtu}"
            walk.end(NotModelled(frame.flow, place, step, what, "that is a matter of the NIC's driver"))
        return
    walk.later(lambda: receive.receive(walk, place, frame, step))


def _above(walk: Walk, place: Place) -> list[Place]:
    """The devices that speak through a NIC: itself, its master, and what stands on them."""
    found = [place]
    for at in found:
        link = link_at(walk.host, at)
        more = [Place(at.inode, link.master)] if link is not None and link.master else []
        more += [child for kind in OVER for child in children(walk.host, at, kind)]
        found += [one for one in more if one not in found]
    return found


def _lladdrs(walk: Walk, place: Place) -> frozenset[str]:
    """The lladdrs that a switch has learned, or will learn, at the wire of that NIC: its host's, and bridged ones."""
    if place not in walk.wired:
        walk.wired[place] = frozenset(_spoken_for(walk, place))
    return walk.wired[place]


def _spoken_for(walk: Walk, place: Place) -> Iterator[str]:
    for at in _above(walk, place):
        link, ns = link_at(walk.host, at), walk.host.namespace(at.inode)
        if link is None or ns is None:
            continue
        yield link.address or ""
        if link.kind == "bridge":
            bridged = (entry for entry in ns.fdb_entries() if entry.master == link.index)
            yield from (entry.lladdr for entry in bridged if entry.ifindex != place.ifindex)


def _for_unseen(walk: Walk, fleet: Fleet, at: Place, frame: Frame, step: int) -> bool:
    """Tell whether what no snapshot shows decides: who takes the frame, or whether the switch sends it back.

    It does not where the frame is for one of those that are visible, or the kernel has asked for its owner in vain.
    """
    arp = frame.payload
    if isinstance(arp, Arp):
        if not arp.request:
            return frame.dst in _lladdrs(walk, at) and _sent_back(walk, at)
        held = owners(walk.host, arp.tip)
        if held:
            return all(owner in _above(walk, at) for owner in held) and _sent_back(walk, at)
        return not _asked_in_vain(walk, arp) and not _ends_there(walk, arp)
    if frame.multicast:
        return not _others(fleet, at)
    if frame.dst in _lladdrs(walk, at):
        return _sent_back(walk, at)
    return not any(owners(walk.host, hop) for hop in _next_hops(walk, frame, step))


def _sent_back(walk: Walk, at: Place) -> bool:
    """A switch sends nothing back to where it came from, unless it was told to: who uses VEPA relies on that."""
    links = [link for over in _above(walk, at) if (link := link_at(walk.host, over)) is not None]
    modes = {link.macvlan.mode for link in links if link.macvlan is not None}
    flags = {link.ipvlan.flag for link in links if link.ipvlan is not None}
    return "vepa" in modes | flags


def _asked_in_vain(walk: Walk, arp: Arp) -> bool:
    """The kernel that asks has asked for this address before, and nobody answered."""
    asker = arp.flow.asker
    entry = walk.namespace(asker.inode).neighbour(asker.ifindex, asker.address) if asker is not None else None
    return entry is not None and entry.state in ("FAILED", "INCOMPLETE")


def _ends_there(walk: Walk, arp: Arp) -> bool:
    """A tunnel's far end is asked for, nobody visible is it, and whoever is to get the inner packet is visible.

    Whoever else has the address does not lead there.
    """
    waiting = walk.pending.get(arp.flow.asker, []) if arp.flow.asker is not None else []
    return bool(owners(walk.host, walk.target or "")) and any(
        packet.inner is not None and packet.dst == arp.tip for packet, _ in waiting
    )


def _next_hops(walk: Walk, frame: Frame, step: int) -> list[str]:
    """The addresses for which the frame's lladdr was taken."""
    found = []
    for number in walk.chain(step):
        for fact in walk.steps[number].facts:
            if getattr(fact, "lladdr", None) == frame.dst and getattr(fact, "dst", None):
                found.append(str(getattr(fact, "dst", "")))
    return found


def _routed(walk: Walk, fleet: Fleet, at: Place, frame: Frame, step: int) -> bool:
    """Let a router that no snapshot shows take the frame, where it is clear whom it sends it on to."""
    if isinstance(frame.payload, Arp):
        return _answered(walk, fleet, at, frame.payload, step)
    packet = frame.payload
    far = _far_nic(walk, fleet, at, packet.dst)
    if far is None or packet.ttl <= 1:
        return False
    place, lladdr = far
    onward = Frame(ROUTER, lladdr, replace(packet, ttl=packet.ttl - 1))
    detail = f"through a router that no snapshot shows (assumed: {_where(walk, place)} has {packet.dst})"
    _arrive(walk, place, onward, step, detail)
    return True


def _answered(walk: Walk, fleet: Fleet, at: Place, arp: Arp, step: int) -> bool:
    """Answer for a router that is asked for its lladdr, unless the kernel has lately asked in vain."""
    waiting = walk.pending.get(arp.flow.asker, []) if arp.flow.asker is not None else []
    if not any(
        packet.dst != arp.tip and _far_nic(walk, fleet, at, packet.dst) is not None for packet, _ in waiting
    ):
        return False
    reply = Frame(ROUTER, arp.sha, Arp(arp.flow, False, arp.tip, arp.sip, ROUTER, arp.sha))
    detail = f"{arp.tip} answers (assumed: a router that no snapshot shows)"
    known = walk.step(step, at, "wire", "assumed", detail, reply)
    walk.later(lambda: receive.receive(walk, at, reply, known))
    return True


def _far_nic(walk: Walk, fleet: Fleet, at: Place, address: str) -> tuple[Place, str] | None:
    """The NIC of another host through which `address` is spoken for, with the lladdr it has there."""
    here = host_of(walk.namespace(at.inode).id)
    for owner in owners(walk.host, address):
        ns, link = walk.host.namespace(owner.inode), link_at(walk.host, owner)
        if ns is None or link is None or host_of(ns.id) == here:
            continue
        for other in ns.links():
            place = Place(owner.inode, other.index)
            if can_be_wired(walk.host, ns, other) and owner in _above(walk, place):
                return place, link.address or ""
    return None


def _where(walk: Walk, at: Place) -> str:
    link = link_at(walk.host, at)
    return f"{link.name if link is not None else at.ifindex} in {named(walk.host, at.inode)}"
