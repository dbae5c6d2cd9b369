"""Answers that a bridge gave to ARP requests in somebody's name."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.layer2 import SetPort
from netdoctor.fix.ports import ProxyArpOff
from netdoctor.kernel.endings import NotForwardedByBridge
from netdoctor.kernel.packet import Arp, Frame, Place
from netdoctor_checks._hop import Hop


def answered_by(case: Case, hop: Hop) -> Place | None:
    """The bridge that answered the sender's ARP request in somebody's name."""
    for step in case.walk.steps:
        if (
            step.action != "suppress"
            or not isinstance(step.carries, Frame)
            or not isinstance(step.carries.payload, Arp)
        ):
            continue
        arp, asker = step.carries.payload, step.carries.flow.asker
        asked = asker is not None and (asker.inode, asker.ifindex) == (hop.at.inode, hop.at.ifindex)
        if asked and (arp.sip, arp.sha) == (hop.address, hop.lladdr):
            return step.at
    return None


def withheld(end: NotForwardedByBridge, case: Case) -> Finding:
    """The finding for a request that a port does not get because the bridge is to answer it."""
    name = case.name(end.at)
    change: Change = SetPort(end.at.inode, end.at.ifindex, "neigh_suppress", False)
    if end.why == "proxyarp":
        change = ProxyArpOff(end.at.inode, end.at.ifindex)
    return Finding(
        f"{name} in {case.label(end.at)} takes no ARP requests: {case.name(end.bridge)} is to answer them itself",
        f"The port {name} suppresses ARP, and {case.name(end.bridge)} gave no answer that helps.",
        end.at,
        (
            Proof(
                f"neigh_suppress or proxy ARP is on for {name}",
                case.bridge(end.at, "-d", "link", "show", "dev", name),
            ),
        ),
        Fix(f"let {name} take ARP requests again", (change,)),
    )
