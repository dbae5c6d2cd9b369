"""BRG004: both ports are isolated."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetPort
from netdoctor.kernel.endings import NotForwardedByBridge


@check("BRG004")
def port_isolated(end: NotForwardedByBridge, case: Case) -> Iterator[Finding]:
    """Both bridge ports are isolated from one another.

    ## What it means
    An isolated port talks to the bridge itself and to ports that are not isolated. Here the port that the frame
    came in by and the port that it should leave by are both isolated.

    ## Why it breaks the path
    should_deliver() drops the frame if BR_ISOLATED is set on both (br_skb_isolated()). One isolated port does no
    harm.

    ## See it yourself
    `bridge -d link show` prints `isolated on` for both ports. From the host both ends answer.

    ## How to fix it
    `bridge link set dev PORT isolated off` on one of the two, if these two may talk. Isolation is often meant: it
    is how guests of one bridge are kept apart, so ask first who set it.

    ## Often taken for
    A firewall between containers, since each of them reaches the gateway.
    """
    if end.why != "isolated" or end.ingress is None:
        return
    ports = (end.at, end.ingress)
    for port in ports:
        name, other = case.name(port), case.name(end.ingress if port == end.at else end.at)
        yield Finding(
            f"{name} and {other} in {case.label(port)} are both isolated ports of {case.name(end.bridge)}",
            f"The frame came in by {case.name(end.ingress)} and should leave by {case.name(end.at)}; nothing passes "
            f"between two isolated ports of a bridge.",
            port,
            tuple(
                Proof(
                    f"{case.name(p)} is isolated", case.bridge(p, "-d", "link", "show", "dev", case.name(p))
                )
                for p in ports
            ),
            Fix(
                f"end the isolation of {name}",
                (SetPort(port.inode, port.ifindex, "isolated", False),),
                "medium",
            ),
        )
