"""BRG012: a container has the lladdr of the bridge."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import Ending, NotForwardedByBridge
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import helps, hops
from netdoctor_checks._mac import another_lladdr, bridges_near, lladdr, talkers


@check("BRG012")
def mac_equals_bridge(end: Ending, case: Case) -> Iterator[Finding]:
    """A container has the same lladdr as the bridge.

    ## What it means
    The lladdr of a bridge device is a local entry of its forwarding database. Here a container behind one of its
    ports has the very same lladdr.

    ## Why it breaks the path
    br_handle_frame_finish() passes every frame for that lladdr up to the host. What the container asks goes out,
    but the answers, ARP replies first of all, are delivered to the host. From the container's side nobody ever
    answers.

    ## See it yourself
    `ip link show dev BRIDGE` and `ip link show dev DEV` in the container print the same link/ether; the kernel
    may log `received packet on PORT with own address as source address`.

    ## How to fix it
    Give the container another lladdr. A bridge without a set address takes that of one of its ports
    (br_stp_recalculate_bridge_id()): set it explicitly where ports come and go.

    ## Often taken for
    A destination that is down: its answers are on the wire, on the bridge's own side.
    """
    seen: set[tuple[Place, Place]] = set()
    refused = end if isinstance(end, NotForwardedByBridge) and end.why == "local-entry" else None
    for hop in hops(case, end):
        for side in talkers(case, hop):
            for bridge in bridges_near(case, hop):
                if side == bridge or lladdr(case, side) != lladdr(case, bridge) or (side, bridge) in seen:
                    continue
                seen.add((side, bridge))
                finding = _finding(case, side, bridge)
                if (
                    (refused is not None and refused.bridge == bridge)
                    or finding.fix is not None
                    and helps(case, finding.fix)
                ):
                    yield finding
    if refused is not None and not seen and refused.frame.dst == lladdr(case, refused.bridge):
        yield _unowned(refused, case)


def _finding(case: Case, side: Place, bridge: Place) -> Finding:
    address = lladdr(case, side)
    return Finding(
        f"{case.where(side)} has the lladdr of the bridge {case.name(bridge)}: {address}",
        f"{case.name(bridge)} takes frames for {address} for its own and passes them up to {case.label(bridge)}; "
        f"{case.label(side)} does not get them.",
        side,
        tuple(
            Proof(f"{case.where(p)} has {address}", case.ip(p, "link", "show", "dev", case.name(p)))
            for p in (side, bridge)
        ),
        another_lladdr(case, side),
    )


def _unowned(end: NotForwardedByBridge, case: Case) -> Finding:
    name = case.name(end.bridge)
    return Finding(
        f"{case.where(end.bridge)} sends to its own lladdr {end.frame.dst}",
        f"The frame that {name} is to send is addressed to {name} itself; the bridge has no port for it and drops it.",
        end.bridge,
        (Proof(f"{name} has that lladdr", case.ip(end.bridge, "link", "show", "dev", name)),),
    )
