"""BRG013: the bridge answers ARP itself, and wrongly; or keeps the request from the port."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.flush import FlushNeighbour
from netdoctor.fix.layer2 import DeleteNeighbour, SetNeighbour
from netdoctor.kernel.endings import Ending, NotForwardedByBridge
from netdoctor_checks._hop import doors, hops
from netdoctor_checks._mac import lladdr
from netdoctor_checks._suppress import answered_by, withheld


@check("BRG013")
def neigh_suppress_stale(end: Ending, case: Case) -> Iterator[Finding]:
    """The bridge answers ARP itself, from a stale entry.

    ## What it means
    A port has `neigh_suppress on` (or proxy ARP): the bridge does not flood ARP requests to it but answers them
    from its own neighbour table. The entry there holds an lladdr that the owner of the address does not have.

    ## Why it breaks the path
    br_do_proxy_suppress_arp() finds the entry and the port of its lladdr, sends a reply in the owner's name and
    keeps the request. The asker then sends to that lladdr, which is nobody's or somebody else's.

    ## See it yourself
    `ip neigh show dev BRIDGE` beside `ip link show` at the owner; `bridge -d link show` prints `neigh_suppress
    on`.

    ## How to fix it
    Correct or delete the entry: `ip neigh del ADDRESS dev BRIDGE`; requests are flooded again then. In an EVPN
    network the routing daemon owns these entries, and it should be asked why it keeps this one.

    ## Often taken for
    A duplicate address, because somebody answers for it who does not have it. The answer comes from the bridge.
    """
    if isinstance(end, NotForwardedByBridge) and end.why in ("suppressed", "proxyarp"):
        yield withheld(end, case)
    for hop in hops(case, end):
        bridge = answered_by(case, hop)
        right = [address for place in doors(case, hop) if (address := lladdr(case, place)) is not None]
        if bridge is None or not right or hop.lladdr in right:
            continue
        forget = FlushNeighbour(hop.at.inode, hop.at.ifindex, hop.address)
        drop: tuple[Change, ...] = (DeleteNeighbour(bridge.inode, bridge.ifindex, hop.address), forget)
        correct: tuple[Change, ...] = (
            SetNeighbour(bridge.inode, bridge.ifindex, hop.address, right[0]),
            forget,
        )
        name = case.name(bridge)
        for summary, changes in (
            (f"delete the entry for {hop.address} on {name}", drop),
            (f"set it to {right[0]}", correct),
        ):
            yield Finding(
                f"{case.where(bridge)} answers ARP for {hop.address} with {hop.lladdr}, which its owner does not have",
                f"The neighbour table of {name} says {hop.lladdr}, so the bridge answers that itself; the owner has "
                f"{right[0]} and is not asked.",
                bridge,
                (
                    Proof(
                        f"{name} has {hop.lladdr} for {hop.address}",
                        case.ip(bridge, "neigh", "show", hop.address, "dev", name),
                    ),
                    Proof("ports with neigh_suppress on", case.bridge(bridge, "-d", "link", "show")),
                ),
                Fix(summary, changes),
            )
