"""NEI002: nobody on the segment answers for an address."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import ArpNotAnswered, NeighbourUnresolved
from netdoctor.kernel.packet import Place


@check("NEI002", generic=True)
def neighbour_unresolved(end: NeighbourUnresolved | ArpNotAnswered, case: Case) -> Finding | None:
    """Nobody answers for the address of the next hop.

    ## What it means
    Before an IPv4 packet leaves on Ethernet, the lladdr of its next hop must be known. Here it was asked for, and no
    device that heard the question answered.

    ## Why it breaks the path
    The packet waits in the neighbour entry (neigh_resolve_output()). After `mcast_solicit` requests, three by default
    and a second apart, the entry is FAILED, its queue is discarded, and the sender is told EHOSTUNREACH.

    ## See it yourself
    `ip neigh show ADDRESS` shows FAILED or INCOMPLETE. `tcpdump -ni DEV arp` shows the question without an answer.

    ## How to fix it
    Find out who should have the address, and why it does not hear or does not answer: is it configured, on which
    device, and is that device on this segment?

    ## Often taken for
    A firewall. Filters of IP do not see ARP.
    """
    asker = end.asker if isinstance(end, NeighbourUnresolved) else end.flow.asker
    at = Place(asker.inode, asker.ifindex) if asker is not None else end.at
    address = asker.address if asker is not None else getattr(end, "address", "")
    held = [place for place in case.owners(address) if place.inode != at.inode]
    near = [place for place in held if place in case.segment(at)]
    if near:
        who = f"{case.where(near[0])} has it and does not answer"
    elif held:
        who = f"its owner, {case.where(held[0])}, is not on that segment"
    else:
        who = "no visible device has it"
    shown = case.ip(at, "neigh", "show", "to", address, "dev", case.name(at))
    proofs = [Proof(f"{address} has no lladdr on {case.name(at)}", shown)]
    for place in held[:2]:
        proofs.append(
            Proof(f"{address} is on {case.where(place)}", case.ip(place, "addr", "show", "to", address))
        )
    if isinstance(end, ArpNotAnswered) and end.why in ("no-route", "forwarding-off"):
        proofs.append(
            Proof(f"{case.label(end.at)} does not forward to it", case.ip(end.at, "route", "get", address))
        )
    return Finding(
        f"nobody answers {case.where(at)} for {address}",
        f"{case.where(at)} asks who has {address}, and gets no answer: {who}. The packet waits and is discarded.",
        at,
        tuple(proofs),
    )
