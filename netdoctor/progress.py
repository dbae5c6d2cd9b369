"""Whether a change gets the packet anywhere: the answer before it held against the answer after it."""

from __future__ import annotations

from netdoctor.answer import Answer
from netdoctor.kernel.endings import Ending, NoRoute, RuleDropped
from netdoctor.kernel.packet import Arp, Ip

#: The fields that make an ending this one; frames and step numbers differ from walk to walk.
_NAMES = (
    "why",
    "address",
    "destination",
    "source",
    "error",
    "mode",
    "lladdr",
    "mtu",
    "rule",
    "route",
    "asker",
    "entry",
    "port",
    "near",
    "full",
    "hook",
    "backend",
    "family",
    "table",
    "chain",
    "text",
    "reject",
)

_OF_PACKET = ("address", "destination", "source", "lladdr")


def rank(before: Answer, after: Answer) -> int:
    """How far a change gets the packet: 3 answered, 2 further, 1 elsewhere, 0 no difference."""
    if after.verdict == "reachable":
        return 3
    if not gone(before, after):
        return 0
    if after.verdict == "unknown" and after.lost < before.lost:
        # Of several ways that the kernel may choose, fewer fail.
        return 2
    replied_before = before.walk.reply_from is not None
    replied_after = after.walk.reply_from is not None
    if replied_after != replied_before:
        return 2 if replied_after else 0
    return 2 if _depth(after) > _depth(before) or after.verdict == "unknown" else 1


def gone(before: Answer, after: Answer) -> bool:
    """The cause no longer stops the packet: another kind of ending, or another place."""
    if after.verdict == "reachable" or after.ending is None or before.ending is None:
        return True
    same_kind = type(after.ending) is type(before.ending)
    same = same_kind and after.ending.at == before.ending.at and _core(after.ending) == _core(before.ending)
    return not (same and _routeless(after) == _routeless(before))


def alike(one: Ending | None, other: Ending | None) -> bool:
    """The same thing in the same namespace ended two packets that differ in their addresses."""
    if one is None or other is None or type(one) is not type(other) or one.at.inode != other.at.inode:
        return False
    return all(
        getattr(one, name, None) == getattr(other, name, None) for name in _NAMES if name not in _OF_PACKET
    )


def _routeless(answer: Answer) -> tuple[int, ...]:
    """Where no route was found: the devices that are down, for the routes of a device go with it."""
    ending = answer.ending
    ns = answer.walk.host.namespace(ending.at.inode) if isinstance(ending, NoRoute) else None
    return tuple(link.index for link in ns.links() if not link.up) if ns is not None else ()


def _core(ending: Ending) -> tuple[object, ...]:
    """What makes an ending this one, without frames and step numbers."""
    dropped = _sort(ending.packet) if isinstance(ending, RuleDropped) else None
    return (ending.flow.leg, dropped, *(getattr(ending, name, None) for name in _NAMES))


def _sort(packet: Ip | Arp) -> tuple[object, ...]:
    """What rules tell packets apart by: one rule may drop the question, the answer and the packet itself."""
    if isinstance(packet, Arp):
        return "arp", packet.request, packet.sip, packet.tip
    return "ip", packet.src, packet.dst


def _depth(answer: Answer) -> int:
    return len(answer.walk.chain(answer.ending.step)) if answer.ending is not None else 0
