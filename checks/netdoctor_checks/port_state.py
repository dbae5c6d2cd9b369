"""BRG003: a bridge port does not forward."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Bridge, BridgePort
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetPortState
from netdoctor.kernel.endings import NotForwardedByBridge
from netdoctor_checks._down import is_down

STATES = {0: "disabled", 1: "listening", 2: "learning", 3: "forwarding", 4: "blocking"}


@check("BRG003")
def port_state(end: NotForwardedByBridge, case: Case) -> Iterator[Finding]:
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
    link, master = case.link(end.at), case.link(end.bridge)
    if end.why != "state" or link is None or master is None:
        return
    if is_down(case, end.at) or is_down(case, end.bridge) or is_down(case, case.peer(end.at)):
        return
    state = STATES.get((link.port or BridgePort()).state, "unknown")
    spans = bool((master.bridge or Bridge()).stp_state)
    where = (end.at.inode, end.at.ifindex, end.bridge.ifindex)
    fix = Fix(f"set {link.name} forwarding", (SetPortState(*where),))
    if spans:
        stop = SetPortState(*where, stop_stp=True)
        fix = Fix(
            f"switch spanning tree off on {master.name} and set {link.name} forwarding",
            (stop, SetPortState(*where)),
            "medium",
        )
    yield Finding(
        f"bridge port {link.name} in {case.label(end.at)} is {state}",
        f"{link.name} is a port of {master.name} in the state {state}; frames pass only ports that forward.",
        end.at,
        (
            Proof(f"{link.name} is {state}", case.bridge(end.at, "link", "show", "dev", link.name)),
            Proof(
                f"spanning tree is {'on' if spans else 'off'}",
                case.ip(end.at, "-d", "link", "show", "dev", master.name),
            ),
        ),
        fix,
    )
