"""BRG006: an unknown lladdr is not flooded to the port behind which it is."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import BridgePort
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.layer2 import SetPort
from netdoctor.kernel.endings import NotForwardedByBridge
from netdoctor_checks._fdb import fdb_show


@check("BRG006")
def unicast_flood_off(end: NotForwardedByBridge, case: Case) -> Finding | None:
    """Frames to an lladdr that the bridge does not know are not flooded to the port.

    ## What it means
    The bridge has no entry for the destination lladdr, and the port behind which the destination is has `flood
    off`: it takes unicast only of lladdrs that the forwarding database knows there. Mostly learning is off as
    well.

    ## Why it breaks the path
    br_flood() passes over ports without BR_FLOOD when it floods an unknown unicast. ARP still works, because it
    is broadcast one way, so the neighbours know one another and yet nothing arrives.

    ## See it yourself
    `bridge -d link show dev PORT` prints `flood off` and maybe `learning off`; `bridge fdb get LLADDR br BRIDGE`
    finds nothing.

    ## How to fix it
    `bridge link set dev PORT flood on learning on`, or a static entry for each lladdr behind the port, which is
    what an agent that switches flooding off has to provide.

    ## Often taken for
    A firewall that lets ARP through. The entry that is missing is one of the bridge, not a rule.
    """
    if end.why != "unicast-flood":
        return None
    link = case.link(end.at)
    port = (link.port if link is not None else None) or BridgePort()
    name = case.name(end.at)
    changes: list[Change] = [SetPort(end.at.inode, end.at.ifindex, "unicast_flood", True)]
    if not port.learning:
        changes.append(SetPort(end.at.inode, end.at.ifindex, "learning", True))
    return Finding(
        f"{case.where(end.at)} takes no unknown unicast, and {case.name(end.bridge)} does not know {end.frame.dst}",
        f"The FDB has no entry for {end.frame.dst}, so the frame is flooded, but not to {name}: flooding of "
        f"unknown unicast is off there{'' if port.learning else ', and so is learning'}.",
        end.at,
        (
            Proof(f"flood is off on {name}", case.bridge(end.at, "-d", "link", "show", "dev", name)),
            Proof(f"{end.frame.dst} is not in the FDB", fdb_show(case, end.bridge, end.frame.dst)),
        ),
        Fix(f"let {name} take unknown unicast again{'' if port.learning else ' and learn'}", tuple(changes)),
    )
