"""Path MTU discovery (RFC 1191): where a packet that may not be fragmented would be refused, and who is told of it.

net/ipv4/ip_forward.c answers with ICMP fragmentation needed; that has to find its way back to the sender.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

from netdoctor.facts.links import Record
from netdoctor.kernel import ip, neighbour
from netdoctor.kernel.packet import ICMP_HLEN, IP_HLEN, IPPROTO_ICMP, Flow, IcmpError, Ip, Leg, Place
from netdoctor.kernel.walk import Step, Walk

FRAG_NEEDED = (3, 4)


class Narrow(Record, frozen=True):
    """A device on the way that takes less than both ends: `limit` bytes where they agree on `size`."""

    at: Place
    packet: Ip
    limit: int
    size: int


def narrows(walk: Walk) -> Iterator[Narrow]:
    """Yield, for each direction of an answered walk, the first device that is too narrow for what the ends may send."""
    routed = [step for step in walk.steps if step.stage == "route" and isinstance(step.carries, Ip)]
    sent = [step for step in routed if step.action == "output" and not _outer(step)]
    size = min((walk.link(step.at).mtu for step in sent), default=0)
    for leg in ("request", "reply"):
        for step in routed:
            limit = walk.link(step.at).mtu
            if step.action == "forward" and not _outer(step) and _leg(step) == leg and limit < size:
                assert isinstance(step.carries, Ip)
                yield Narrow(step.at, step.carries, limit, size)
                break


def _outer(step: Step) -> bool:
    return isinstance(step.carries, Ip) and step.carries.inner is not None


def _leg(step: Step) -> Leg | None:
    return step.carries.flow.leg if isinstance(step.carries, Ip) and not step.carries.flow.arp else None


def told(walk: Walk, narrow: Narrow) -> Walk:
    """Walk the ICMP error from the narrow place back to the sender; `answered` says whether it arrives."""
    about = narrow.packet
    back = Walk(walk.host)
    back.connections, back.neighbours, back.fdb = deepcopy(walk.connections), dict(walk.neighbours), dict(walk.fdb)
    back.asker = walk.asker if about.flow.leg == "request" else walk.reply_from
    back.reply_from = narrow.at.inode
    error = IcmpError(*FRAG_NEEDED, about.proto, about.src, about.dst, about.sport, about.dport)
    # The error carries the header of the packet and eight bytes more, at least (icmp_send()).
    length = IP_HLEN + ICMP_HLEN + IP_HLEN + ICMP_HLEN
    packet = Ip(Flow("reply"), "0.0.0.0", about.src, 64, length, IPPROTO_ICMP, None, size=length, error=error)
    step = back.step(-1, Place(narrow.at.inode, 0), "send", "error", "fragmentation needed", packet)
    back.later(lambda: ip.send(back, narrow.at.inode, packet, None, step))
    back.run()
    while neighbour.give_up(back):
        back.run()
    return back
