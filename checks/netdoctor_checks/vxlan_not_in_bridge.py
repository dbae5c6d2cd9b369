"""VXL012: a VTEP of a bridged overlay is in no bridge."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.layer2 import SetMaster
from netdoctor.kernel import endings as e
from netdoctor_checks._vxlan_fixes import link_proof
from netdoctor_checks._vxlan_loose import bridges_for, each, is_loose, nearby

Missed = (
    e.NeighbourUnresolved
    | e.ArpNotAnswered
    | e.NotForMe
    | e.NotForwardedByBridge
    | e.NoVtep
    | e.ForwardingOff
    | e.NoRoute
)


@check("VXL012")
def vxlan_not_in_bridge(end: Missed, case: Case) -> Iterator[Finding]:
    """A VTEP is no port of the overlay's bridge.

    ## What it means
    In an overlay of layer 2 the VXLAN device is a port of a bridge, beside the containers. Its fellows on other nodes
    are ports; this one has no master.

    ## Why it breaks the path
    The bridge has no way into the tunnel. What comes out of the tunnel goes up the node's own stack instead of into the
    bridge, since br_handle_frame() is not registered on the device; there it is for nobody.

    ## See it yourself
    `ip -d link show DEV` prints no `master`, and `bridge link` does not list the device.

    ## How to fix it
    `ip link set DEV master BRIDGE`. Then find out who took it from the bridge: a network manager that restarted, or a
    script that made the device anew.

    ## Often taken for
    A missing FDB entry of the bridge: with the VTEP outside, it cannot learn any.
    """
    loose = [
        (one, bridge) for one in nearby(case) if is_loose(case, one) for bridge in bridges_for(case, one)
    ]
    changes = [SetMaster(one.at.inode, one.at.ifindex, bridge.index) for one, bridge in loose]
    helpful = [n for n, change in enumerate(changes) if case.progress(applied(case.host, (change,))) > 0]
    for number in helpful or ([0] if len({one.at for one, _ in loose}) > 1 else []):
        one, bridge = loose[number]
        several: tuple[Change, ...] = (changes[number],) if helpful else each(loose, changes)
        yield Finding(
            f"{case.where(one.at)} is in no bridge",
            f"{case.name(one.at)}, the way from {bridge.name} to the other nodes, has no master: nothing gets through.",
            one.at,
            (
                link_proof(case, one.at, f"{case.name(one.at)} shows no master"),
                Proof(f"it is not among the ports of {bridge.name}", case.bridge(one.at, "link", "show")),
            ),
            Fix(f"make {case.name(one.at)} a port of {bridge.name}", several),
        )
