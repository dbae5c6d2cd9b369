"""macvlan: children share a parent device and are told apart by lladdr (drivers/net/macvlan.c)."""

from __future__ import annotations

from netdoctor.facts.links import Link, Macvlan
from netdoctor.kernel import ip, receive, topology, transmit
from netdoctor.kernel.endings import LeavesHost, LinkDown, MacvlanKept
from netdoctor.kernel.packet import Frame, Place
from netdoctor.kernel.walk import Walk


def from_child(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """macvlan_queue_xmit(): to siblings directly in bridge mode, and out of the parent device."""
    link = walk.link(at)
    lower = transmit.lower(walk, at, link)
    if lower is None or walk.host.namespace(lower.inode) is None:
        walk.end(LeavesHost(frame.flow, at, parent, frame, "peer"))
        return
    if not walk.link(lower).up:
        walk.end(LinkDown(frame.flow, lower, parent, frame))
        return
    if _mode(link) == "bridge":
        if frame.multicast:
            _broadcast(walk, lower, frame, parent, ("bridge",), at)
        else:
            sibling = _child(walk, lower, frame.dst)
            if sibling is not None and _mode(walk.link(sibling)) == "bridge":
                _hand(walk, sibling, ip.scrubbed(frame), parent)
                return
    if not frame.multicast and frame.dst == walk.link(lower).address:
        # Out it goes: the parent's own stack never sees what its children send.
        walk.end(MacvlanKept(frame.flow, lower, parent, "parent", frame))
    transmit.transmit(walk, lower, frame, parent)


def take(walk: Walk, at: Place, frame: Frame, parent: int) -> bool:
    """macvlan_handle_frame(): give what a parent device takes in to its children; True where none goes on up."""
    children = topology.children(walk.host, at)
    if not children:
        return False
    consumed = _source_mode(walk, children, frame, parent)
    if consumed:
        return True
    if frame.multicast:
        return _take_multicast(walk, at, frame, parent)
    child = children[0] if _mode(walk.link(children[0])) == "passthru" else _child(walk, at, frame.dst)
    if child is None or _mode(walk.link(child)) == "source":
        return False
    _hand(walk, child, frame, parent)
    return True


def _take_multicast(walk: Walk, at: Place, frame: Frame, parent: int) -> bool:
    sender = _child(walk, at, frame.src)
    mode = _mode(walk.link(sender)) if sender is not None else None
    if mode in ("private", "passthru", "source"):
        # Its own frame came back from outside: only the sender gets it.
        return True
    if mode is None:
        _broadcast(walk, at, frame, parent, ("private", "vepa", "passthru", "bridge"), None)
    elif mode == "vepa":
        _broadcast(walk, at, frame, parent, ("vepa", "bridge"), sender)
    else:
        _broadcast(walk, at, frame, parent, ("vepa",), sender)
    return False


def _broadcast(
    walk: Walk, lower: Place, frame: Frame, parent: int, modes: tuple[str, ...], sender: Place | None
) -> None:
    for child in topology.children(walk.host, lower):
        if child == sender:
            continue
        mode = _mode(walk.link(child))
        if mode in modes:
            _hand(walk, child, frame, parent)
        elif mode != "source":
            walk.end(MacvlanKept(frame.flow, child, parent, mode, frame))


def _source_mode(walk: Walk, children: list[Place], frame: Frame, parent: int) -> bool:
    """macvlan_forward_source(): children in source mode take what their list of senders allows."""
    consumed = False
    for child in children:
        data = walk.link(child).macvlan
        if data is None or data.mode != "source":
            continue
        if frame.src in data.sources:
            _hand(walk, child, frame, parent)
            consumed = consumed or data.nodst
        else:
            walk.end(MacvlanKept(frame.flow, child, parent, "source", frame))
    return consumed


def _hand(walk: Walk, child: Place, frame: Frame, parent: int) -> None:
    link = walk.link(child)
    if not link.up:
        walk.end(LinkDown(frame.flow, child, parent, frame))
        return
    step = walk.step(parent, child, "macvlan", "hand", f"{_mode(link)} child {link.name}", frame)
    host = _mode(link) == "passthru" or frame.dst == link.address
    walk.later(lambda: _received(walk, child, frame, step, host))


def _received(walk: Walk, child: Place, frame: Frame, step: int, host: bool) -> None:
    master = walk.link(child).master
    if master:
        receive.receive(walk, child, frame, step)
    else:
        passed = receive.ingress(walk, child, frame, step)
        if passed is not None:
            receive.enter(walk, child, passed, step, host)


def _child(walk: Walk, lower: Place, lladdr: str) -> Place | None:
    """macvlan_hash_lookup(): the running child with that lladdr."""
    for child in topology.children(walk.host, lower):
        link = walk.link(child)
        if link.address == lladdr and link.up:
            return child
    return None


def _mode(link: Link) -> str:
    return (link.macvlan or Macvlan()).mode
