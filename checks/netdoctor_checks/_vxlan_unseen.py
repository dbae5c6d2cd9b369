"""A VTEP that lacks an entry while the host it should lead to is not visible: the cause is certain, the fix is not."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.kernel.packet import Asker, Place
from netdoctor_checks._vteps import Vtep
from netdoctor_checks._vxlan_fixes import fdb_proof

_WHO = "No namespace visible here is the far end: a snapshot of its host says what to add."


def no_remote(case: Case, at: Place, lladdr: str) -> Finding:
    """The FDB has no remote for an lladdr, and no default entry."""
    return Finding(
        f"{case.where(at)} has no FDB entry for {lladdr}",
        f"The VXLAN device knows no remote for {lladdr} and has no default entry, so vxlan_xmit() drops the frame. "
        f"{_WHO}",
        at,
        (fdb_proof(case, at, f"no line for {lladdr} and none for 00:00:00:00:00:00"),),
    )


def no_neighbour(case: Case, by: Vtep, hop: Asker) -> Finding:
    """The next hop has no neighbour entry, and nothing can be flooded to ask for it."""
    return Finding(
        f"{case.where(by.at)} has no neighbour entry for {hop.address}, its next hop",
        f"The kernel can only ask by broadcast for the MAC address of {hop.address}, and {case.name(by.at)} has "
        f"nowhere to flood that to. {_WHO}",
        by.at,
        (
            Proof(
                f"no usable entry for {hop.address}",
                case.ip(by.at, "neigh", "show", "dev", case.name(by.at)),
            ),
            fdb_proof(case, by.at, "no entry for flooding"),
        ),
    )


def no_flooding(case: Case, by: Vtep, hop: Asker) -> Finding:
    """A broadcast of the bridge comes to a VTEP that floods to nobody."""
    return Finding(
        f"{case.where(by.at)} has no entry for flooding",
        f"{case.where(Place(hop.inode, hop.ifindex))} asks who has {hop.address}; the broadcast comes to "
        f"{case.name(by.at)}, which sends it to nobody. {_WHO}",
        by.at,
        (fdb_proof(case, by.at, "no line 00:00:00:00:00:00"),),
    )
