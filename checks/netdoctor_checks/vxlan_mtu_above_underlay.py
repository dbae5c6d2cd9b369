"""VXL019: a VXLAN device takes packets that are too large for the underlay once they are encapsulated."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetMtu
from netdoctor.kernel.packet import VXLAN_HEADROOM, Ip, Place
from netdoctor.kernel.walk import Walk
from netdoctor_checks._vxlan import vtep
from netdoctor_checks._vxlan_fixes import link_proof


@check("VXL019")
def vxlan_mtu_above_underlay(walk: Walk, case: Case) -> Iterator[Finding]:
    """The tunnel's MTU does not fit into the underlay's.

    ## What it means
    Encapsulation adds 50 bytes to a packet over IPv4. The VXLAN device takes packets so large that they exceed the MTU
    of the device by which the outer packet leaves.

    ## Why it breaks the path
    It does not break small packets. Large ones are sent as IP fragments (ip_do_fragment()), which costs time and which
    some networks and firewalls drop; with `df set` or `df inherit` on the device they are dropped here. The kernel
    checks the MTU when it is set, not when the underlay's changes later.

    ## See it yourself
    `ip link show` prints both MTUs; `ping -s 1400 -M do DST` fails or `nstat -az IpFragCreates` counts on the node.

    ## How to fix it
    `ip link set DEV mtu N` with the underlay's MTU minus 50, on every node, and the containers' interfaces likewise;
    or give the underlay a larger MTU.

    ## Often taken for
    A slow or hanging application: the handshake is small and passes, the data are large and do not.
    """
    told: set[Place] = set()
    for step in walk.steps:
        by = vtep(case, walk.steps[step.parent].at) if step.parent >= 0 else None
        outer = isinstance(step.carries, Ip) and step.carries.vni is not None and step.action == "output"
        link = case.link(step.at)
        if by is None or not outer or link is None or link.loopback or by.at in told:
            continue
        room = link.mtu - VXLAN_HEADROOM
        if by.link.mtu <= room or room < 68:
            continue
        told.add(by.at)
        yield Finding(
            f"{case.where(by.at)} has MTU {by.link.mtu}; {case.where(step.at)} under it has room for {room}",
            f"Packets of more than {room} bytes become larger than {link.mtu} with their outer headers: they are cut "
            "into fragments, or dropped where the tunnel forbids that.",
            by.at,
            (
                link_proof(case, by.at, f"the tunnel has mtu {by.link.mtu}"),
                link_proof(case, step.at, f"the underlay has mtu {link.mtu}"),
            ),
            Fix(
                f"set the MTU of {case.name(by.at)} to {room}",
                (SetMtu(by.at.inode, by.at.ifindex, room),),
                "medium",
            ),
        )
