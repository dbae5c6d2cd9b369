"""MTU003: a frame is larger than the MTU of the bridge port it should leave by."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import TooBig
from netdoctor_checks._mtu import too_big_fixes


@check("MTU003")
def bridge_port_mtu(end: TooBig, case: Case) -> Iterator[Finding]:
    """The frame is larger than the MTU of the bridge port it should leave by.

    ## What it means
    The ports of one bridge have different MTUs. The sender's side takes larger packets than the port behind which
    the receiver is; often that port is a tunnel.

    ## Why it breaks the path
    A bridge works on layer 2: it neither fragments nor sends ICMP. br_dev_queue_push_xmit() drops what
    is_skb_forwardable() says is too long for the port.

    ## See it yourself
    `ip link show master BRIDGE` lists the ports with their MTUs. Small pings pass, large ones vanish.

    ## How to fix it
    One MTU for a whole segment: raise that of the small port and of what is behind it, or lower that of the
    sender. A VXLAN port cannot be raised beyond its underlay less 50 bytes, so the containers have to be lowered.

    ## Often taken for
    A firewall or a flaky link: ssh logs in and hangs with the first long output.
    """
    if case.walk.steps[end.step].stage != "bridge":
        return
    name = case.name(end.at)
    link = case.link(end.at)
    bridge = case.ns(end.at).link(link.master) if link is not None and link.master else None
    fixes: list[Fix | None] = [*too_big_fixes(case, end)]
    for fix in fixes or [None]:
        yield Finding(
            f"bridge port {case.where(end.at)} takes {end.mtu} bytes, the packet has {end.length}",
            f"{bridge.name if bridge is not None else 'The bridge'} should send the packet out of {name}, whose MTU is "
            f"{end.mtu}; a bridge neither fragments nor reports, so it is dropped.",
            end.at,
            (Proof(f"{name} has MTU {end.mtu}", case.ip(end.at, "link", "show", "dev", name)),),
            fix,
        )
