"""Where the VLANs of a bridge kept a frame from going on."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.kernel.endings import NotForMe, NotForwardedByBridge
from netdoctor.kernel.packet import Place


def vlan_fault(
    end: NotForwardedByBridge | NotForMe, case: Case
) -> tuple[Place | None, Place | None, int, bool]:
    """The bridge, the port, the VLAN, and whether the fault is only that it leaves with its tag."""
    if isinstance(end, NotForwardedByBridge):
        fits = end.why in ("vlan-ingress", "vlan-egress")
        return (end.bridge, end.at, end.vid or end.frame.vlan or 0, False) if fits else (None, None, 0, False)
    if not end.frame.vlan:
        return None, None, 0, False
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.stage == "bridge" and step.action in ("forward", "up"):
            link = case.link(step.at)
            home = step.at if link is None or not link.master else Place(step.at.inode, link.master)
            return home, step.at, end.frame.vlan, True
    return None, None, 0, False
