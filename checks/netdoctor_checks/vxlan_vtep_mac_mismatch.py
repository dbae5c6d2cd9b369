"""VXL004: the lladdr that a VTEP sends to is not the one that the far device has."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel import endings as e
from netdoctor_checks._vxlan import sent
from netdoctor_checks._vxlan_fixes import believed
from netdoctor_checks._vxlan_names import named_by, set_back, told

Stray = (
    e.NotForMe
    | e.NoVtep
    | e.ForwardingOff
    | e.DeliveredElsewhere
    | e.NoRoute
    | e.TtlExceeded
    | e.NotForwardedByBridge
)


@check("VXL004")
def vxlan_vtep_mac_mismatch(end: Stray, case: Case) -> Iterator[Finding]:
    """A VTEP sends to a MAC address that the far device does not have.

    ## What it means
    A permanent neighbour entry of the VXLAN device says which MAC address the next hop has, and the device that owns
    the next hop's address has another one. Devices made anew get a random address; so do others where systemd's
    MACAddressPolicy is at work.

    ## Why it breaks the path
    The inner frame is written for the address in the entry. The right node takes the outer packet, decapsulates it,
    and eth_type_trans() marks the frame PACKET_OTHERHOST: ip_rcv() drops it without a word. If no FDB entry has that
    address, the frame is not even sent.

    ## See it yourself
    `ip neigh show dev DEV` on the sending node against `ip link show DEV` on the other. `ip -s -s link` there counts
    `otherhost`.

    ## How to fix it
    `ip neigh replace NEXTHOP lladdr MAC dev DEV nud permanent` and an FDB entry for that MAC; or, where all other
    nodes agree on the old one, `ip link set DEV address MAC` on the odd one, whose permanent neighbours must be
    written again then. For good: `MACAddressPolicy=none` for the device, and restart the agent.

    ## Often taken for
    Packet loss on the underlay: tcpdump on the far node's NIC shows the packets arriving.
    """
    one = sent(case, end)
    wrong = named_by(case, end, one) if one is not None else None
    if one is None or wrong is None:
        return
    others = believed(case, wrong.address, (one.by, wrong.there) if wrong.there else (one.by,))
    found = [told(case, wrong), set_back(case, wrong)]
    for changes, summary in reversed(found) if others[wrong.lladdr] else found:
        if not changes:
            continue
        near = changes[0].inode == one.by.at.inode
        yield Finding(
            f"{case.where(one.by.at)} says that {wrong.address} is at {wrong.lladdr}; it is at {wrong.right}",
            f"Frames for {wrong.address} are addressed to {wrong.lladdr}, which {case.where(wrong.owner)} does not "
            "have, so whoever gets them drops them as somebody else's.",
            one.by.at if near else wrong.owner,
            (
                Proof(
                    f"the entry for {wrong.address} has lladdr {wrong.lladdr}",
                    case.ip(one.by.at, "neigh", "show", "dev", case.name(one.by.at)),
                ),
                Proof(
                    f"{case.where(wrong.owner)} has {wrong.right}",
                    case.ip(wrong.owner, "link", "show", "dev", case.name(wrong.owner)),
                ),
            ),
            Fix(summary, changes, "low" if near else "medium"),
        )
