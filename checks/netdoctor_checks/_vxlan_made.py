"""A VXLAN device made anew after the pattern of the one at the other end."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.facts.links import IFF_BROADCAST, IFF_LOWER_UP, IFF_UP, Link
from netdoctor.facts.records import Address, Neighbour
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.layer3 import AddAddress
from netdoctor.fix.vxlan import CreateVxlan
from netdoctor.kernel.endings import VxlanRefused
from netdoctor_checks._vxlan import Sent


def made_alike(case: Case, one: Sent, end: VxlanRefused) -> Fix | None:
    """The far device as the sender's own device, neighbours and remotes describe it; None where they do not."""
    by, inode = one.by, end.at.inode
    ns = case.ns(inode)
    if by.home != by.at.inode or ns.link_named(by.link.name) is not None or one.frame.multicast:
        return None
    carrier = next((ifa.ifindex for ifa in ns.owners(end.packet.dst)), 0)
    local = end.packet.dst if by.data.local else None
    data = replace(by.data, local=local, link=carrier if by.data.link else 0)
    index = max(link.index for link in ns.links()) + 1
    flags = IFF_UP | IFF_LOWER_UP | IFF_BROADCAST
    link = Link(index, by.link.name, flags, by.link.mtu, "vxlan", None, vxlan=data)
    if by.link.master:
        # As a bridge's port its own lladdr is nobody's destination.
        octets = (by.link.address or "02:00:00:00:00:00").split(":")
        return _fix(
            inode, replace(link, address=":".join([octets[0], f"{index % 256:02x}", *octets[2:]])), []
        )
    hop = _next_hop(case, one, end)
    if hop is None:
        return None
    length = next((ifa.prefixlen for ifa in case.addresses(by.at)), 32)
    address = Address(index, 2, hop.dst, length, hop.dst)
    return _fix(inode, replace(link, address=one.frame.dst), [AddAddress(inode, address)])


def _fix(inode: int, link: Link, more: list[Change]) -> Fix:
    return Fix(
        f"make {link.name} anew, as the other end describes it", (CreateVxlan(inode, link), *more), "medium"
    )


def _next_hop(case: Case, one: Sent, end: VxlanRefused) -> Neighbour | None:
    """The neighbour entry that the sender used: address and lladdr of the device that is missing."""
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.stage == "neighbour" and step.at == one.by.at:
            return next((fact for fact in step.facts if isinstance(fact, Neighbour) and fact.lladdr), None)
    return None
