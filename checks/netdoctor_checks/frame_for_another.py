"""NEI011: the frame came to a device that has another lladdr."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import NotForMe, NotForwardedByBridge
from netdoctor_checks._hop import hops


@check("NEI011", generic=True)
def frame_for_another(end: NotForMe | NotForwardedByBridge, case: Case) -> Finding | None:
    """The frame arrives at a device, but is addressed to another lladdr.

    ## What it means
    Layer 2 brought the frame to a device whose lladdr is not the one in the frame. Either the sender believes in
    a wrong lladdr, or a bridge sent the frame to the wrong port, or the owner of the lladdr is not there any
    more.

    ## Why it breaks the path
    eth_type_trans() compares the destination with the device's own address and marks the frame PACKET_OTHERHOST;
    ip_rcv_core() and arp_rcv() drop such frames. A capture still shows them, because it switches to promiscuous
    mode.

    ## See it yourself
    `ip link show dev DEV` at the receiver beside `ip neigh show ADDRESS` at the sender; `tcpdump -e` prints the
    lladdrs of each frame.

    ## How to fix it
    Find out who has the lladdr in the frame. If nobody has, the sender's knowledge is wrong: flush it and look at
    who answers its ARP request.

    ## Often taken for
    A firewall at the receiver, since the packets are seen there.
    """
    if isinstance(end, NotForwardedByBridge) and end.why != "no-port":
        return None
    name = case.name(end.at)
    link = case.link(end.at)
    own = link.address if link is not None else None
    hop = next(iter(hops(case, end)), None)
    proofs = [Proof(f"the lladdr of {name} is {own}", case.ip(end.at, "link", "show", "dev", name))]
    meant = end.frame.dst
    if hop is not None:
        meant = hop.address
        text = f"{case.where(hop.at)} sends to {hop.lladdr}"
        proofs.append(Proof(text, case.ip(hop.at, "neigh", "show", hop.address, "dev", case.name(hop.at))))
    why = f"{name} has the lladdr {own}; the kernel drops what is addressed to another one above layer 2."
    if isinstance(end, NotForwardedByBridge):
        why = f"No port of {name} is left by which {end.frame.dst} could be reached, so the bridge drops the frame."
    return Finding(
        f"the frame for {meant} arrives at {case.where(end.at)} but is addressed to {end.frame.dst}",
        why,
        end.at,
        tuple(proofs),
    )
