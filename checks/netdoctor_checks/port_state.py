"""BRG003: a bridge port does not forward."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Bridge
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetPortState
from netdoctor.kernel.endings import NoCarrier, NotForwardedByBridge
from netdoctor_checks._ports import state_of, stuck_ports


@check("BRG003")
def port_state(end: NotForwardedByBridge | NoCarrier, case: Case) -> Iterator[Finding]:
    """A bridge port is not in the forwarding state.

    ## What it means
    The port is up and has its carrier, but its state is disabled, blocking, listening or learning. With spanning
    tree on, a new port listens and learns for twice forward_delay; without, somebody set the state by hand.

    ## Why it breaks the path
    br_handle_frame() lets only BPDUs in by a port that does not forward, and should_deliver() lets nothing out.
    The frame is freed, and no counter of a rule moves.

    ## See it yourself
    `bridge link show dev PORT` prints the state; `ip -d link show dev BRIDGE` prints stp_state and forward_delay.

    ## How to fix it
    Without spanning tree: `bridge link set dev PORT state 3`. With it: wait for forward_delay to pass twice,
    shorten it, or switch it off where there is no loop (`ip link set dev BRIDGE type bridge stp_state 0`). A
    blocking port may be what keeps a loop open: look at the topology first.

    ## Often taken for
    A container that needs half a minute to get its network, or never gets it; a missing port, which shows no
    state.
    """
    bridge = end.bridge if isinstance(end, NotForwardedByBridge) else end.at
    master = case.link(bridge)
    stuck = stuck_ports(case, end, bridge)
    if master is None or not master.up or not stuck:
        return
    spans = bool((master.bridge or Bridge()).stp_state)
    changes = [SetPortState(port.inode, port.ifindex, bridge.ifindex) for port in stuck]
    names = ", ".join(case.name(port) for port in stuck)
    fix = Fix(f"set {names} forwarding", tuple(changes))
    if spans:
        stop = SetPortState(bridge.inode, stuck[0].ifindex, bridge.ifindex, stop_stp=True)
        summary = f"switch spanning tree off on {master.name} and set {names} forwarding"
        fix = Fix(summary, (stop, *changes[1:]), "medium")
    at = end.at if end.at in stuck else stuck[0]
    name, state = case.name(at), state_of(case, at)
    yield Finding(
        f"bridge port {name} in {case.label(at)} is {state}",
        f"{name} is a port of {master.name} in the state {state}; frames pass only ports that forward.",
        at,
        (
            Proof(f"{name} is {state}", case.bridge(at, "link", "show", "dev", name)),
            Proof(
                f"spanning tree is {'on' if spans else 'off'}",
                case.ip(at, "-d", "link", "show", "dev", master.name),
            ),
        ),
        fix,
    )
