"""NEI001: a neighbour entry names an lladdr that the owner of the address does not have."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import DeleteNeighbour, SetNeighbour
from netdoctor.kernel.endings import Ending
from netdoctor_checks._hop import Hop, doors, hops
from netdoctor_checks._mac import lladdr, right_lladdrs, stations_with
from netdoctor_checks._taught import corrected


@check("NEI001")
def wrong_lladdr(end: Ending, case: Case) -> Iterator[Finding]:
    """A neighbour entry names the wrong lladdr.

    ## What it means
    The sender's neighbour table says at which lladdr the next hop is, and no device of the next hop has it. The
    entry was set by hand or by an agent (PERMANENT, NOARP), or learned before the address moved (REACHABLE,
    STALE).

    ## Why it breaks the path
    neigh_resolve_output() puts the entry's lladdr into the frame without asking. Whoever gets the frame sees
    another lladdr than its own, and eth_type_trans() marks it PACKET_OTHERHOST, which ip_rcv() drops; or a
    bystander has that lladdr and takes a packet that is not meant for it. A permanent entry is never verified.

    ## See it yourself
    `ip neigh show ADDRESS dev DEV` at the sender beside `ip link show` at the owner of the address. `ip -s link`
    of the receiver counts `otherhost` frames.

    ## How to fix it
    `ip neigh del ADDRESS dev DEV`: the kernel asks again with the next packet. Where nobody answers ARP on that
    link, set the right lladdr with `ip neigh replace`. Then find who writes the entry.

    ## Often taken for
    A firewall at the destination: the capture there shows the packets arriving. Look at the destination lladdr in
    it.
    """
    for hop in hops(case, end):
        link = case.link(hop.at)
        if hop.entry is None or link is None or link.noarp or link.kind == "vxlan":
            continue
        right = right_lladdrs(case, hop)
        if not right or hop.lladdr in right:
            continue
        yield from _findings(case, hop, right)


def _findings(case: Case, hop: Hop, right: list[str]) -> Iterator[Finding]:
    assert hop.entry is not None
    name, state = case.name(hop.at), hop.entry.state
    holders = [case.where(place) for place in stations_with(case, hop.at, hop.lladdr or "")]
    whose = f"that of {holders[0]}" if holders else "nobody's"
    owner = next(iter(doors(case, hop)), None)
    known = f"; {case.where(owner)} has {lladdr(case, owner)}" if owner is not None else ""
    show = case.ip(hop.at, "neigh", "show", hop.address, "dev", name)
    proofs = [Proof(f"the entry says {hop.lladdr} ({state})", show)]
    if owner is not None:
        text = f"{case.name(owner)} has the lladdr {lladdr(case, owner)}"
        proofs.append(Proof(text, case.ip(owner, "link", "show", "dev", case.name(owner))))
    drop = DeleteNeighbour(hop.at.inode, hop.at.ifindex, hop.address)
    fixes = [*corrected(case, hop, right[0])]
    fixes.append(Fix(f"delete the entry for {hop.address} on {case.where(hop.at)}: it is asked for anew", (drop,)))
    for address in right[:2]:
        change = SetNeighbour(hop.at.inode, hop.at.ifindex, hop.address, address)
        fixes.append(Fix(f"set the entry for {hop.address} on {case.where(hop.at)} to {address}", (change,)))
    for fix in fixes:
        yield Finding(
            f"{case.where(hop.at)} sends to {hop.address} at {hop.lladdr}, which is {whose}",
            f"The neighbour entry for {hop.address} ({state}) holds {hop.lladdr}{known}. The frame goes there, so "
            f"the next hop does not take it.",
            hop.at,
            tuple(proofs),
            fix,
        )
