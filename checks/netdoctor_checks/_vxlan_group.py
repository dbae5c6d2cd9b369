"""VTEPs that flood to a multicast group: who of them does not hear whom, and why."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.facts.links import Link
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetPort
from netdoctor.kernel.endings import Ending, NotForwardedByBridge
from netdoctor.kernel.packet import Asker, Ip, Place, is_multicast
from netdoctor_checks._underlay import underlay_devices
from netdoctor_checks._vxlan import Vtep, sent, towards, vtep
from netdoctor_checks._vxlan_fixes import odd_first


def pairs(case: Case, end: Ending, hop: Asker) -> Iterator[tuple[Vtep, Vtep]]:
    """Each VTEP that the question came to, with the one behind which the address is, where either uses a group."""
    one = sent(case, end)
    places = (
        [one.by.at] if one is not None else sorted(case.visited(hop), key=lambda at: (at.inode, at.ifindex))
    )
    for by in (v for at in places if (v := vtep(case, at)) is not None):
        there = towards(case, hop.address, by)
        if there is not None and any(_grouped(v) for v in (by, there)):
            yield by, there


def joinings(case: Case, by: Vtep, there: Vtep) -> Iterator[tuple[Vtep, str, Link]]:
    """Which of the two may use the other's group, and on which device."""
    for odd, group in odd_first(case, by, there, "group"):
        if isinstance(group, str) and is_multicast(group):
            for dev in _devices(case, odd, there if odd is by else by):
                yield odd, group, dev


def kept_apart(case: Case, hop: Asker, by: Vtep) -> Iterator[Finding]:
    """The bridge ports of the node network that did not pass the flooded question on."""
    for end in case.walk.endings:
        if not isinstance(end, NotForwardedByBridge) or end.flow.asker != hop or end.why != "multicast-flood":
            continue
        if not isinstance(end.frame.payload, Ip) or end.frame.payload.vni is None:
            continue
        name = case.name(end.at)
        yield Finding(
            f"{case.where(end.at)} does not pass multicast on, and {case.where(by.at)} floods to {by.data.group}",
            f"The question who has {hop.address} is sent to the group {by.data.group}; {name} has mcast_flood off, so "
            "the bridge keeps it from the node behind that port.",
            end.at,
            (
                Proof(f"{name} has mcast_flood off", case.bridge(end.at, "-d", "link", "show", "dev", name)),
                Proof(
                    f"the group is {by.data.group}",
                    case.ip(by.at, "-d", "link", "show", "dev", case.name(by.at)),
                ),
            ),
            Fix(
                f"let {name} pass multicast on", (SetPort(end.at.inode, end.at.ifindex, "mcast_flood", True),)
            ),
        )


def _grouped(one: Vtep) -> bool:
    return one.data.group is not None and is_multicast(one.data.group)


def _devices(case: Case, odd: Vtep, other: Vtep) -> list[Link]:
    """The device on which to join: the one it has, else those in the subnet of the other's addresses."""
    own = case.link(Place(odd.home, odd.data.link)) if odd.data.link else None
    known = [ifa.local for ifa in case.ns(other.home).addresses() if ifa.family == 2]
    near = [
        link for address in known if address[:4] != "127." for link in underlay_devices(case, odd, address)
    ]
    found = {link.index: link for link in ([own] if own is not None else []) + near}
    return list(found.values())[:2]
