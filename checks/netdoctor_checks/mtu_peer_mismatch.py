"""MTU002: a frame is larger than the MTU of the device that receives it."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import TooBig
from netdoctor_checks._mtu import mtu, too_big_fixes


@check("MTU002")
def mtu_peer_mismatch(end: TooBig, case: Case) -> Iterator[Finding]:
    """The two ends of a cable have different MTUs, and the frame is too large for the receiver.

    ## What it means
    The sender's device allows larger packets than the device on the other end of the pair takes. The sender has
    no reason to fragment, and cannot know.

    ## Why it breaks the path
    veth_xmit() hands the frame to __dev_forward_skb(), which asks is_skb_forwardable(): longer than the
    receiver's MTU plus its headers is dropped, without an ICMP message, because that is layer 2.

    ## See it yourself
    `ip link show` at both ends prints different MTUs; small pings pass, `ping -s SIZE` does not, and no error
    comes back. `ip -s link` of the receiver counts dropped frames.

    ## How to fix it
    Give both ends the same MTU, and all devices of one layer-2 segment with them.

    ## Often taken for
    A path MTU problem further away. There, an ICMP message names the hop; here nobody says a word.
    """
    step = case.walk.steps[end.step]
    if step.stage == "bridge":
        return
    name, sender = case.name(end.at), step.at
    fixes: list[Fix | None] = [*too_big_fixes(case, end)]
    for fix in fixes or [None]:
        yield Finding(
            f"{case.where(end.at)} takes {end.mtu} bytes, {case.where(sender)} sends {end.length}",
            f"The other end has MTU {mtu(case, sender)} and sends a packet of {end.length} bytes; {name} "
            f"takes {end.mtu} and the kernel drops it without telling anybody.",
            end.at,
            tuple(
                Proof(
                    f"{case.where(p)} has MTU {mtu(case, p)}", case.ip(p, "link", "show", "dev", case.name(p))
                )
                for p in (sender, end.at)
            ),
            fix,
        )
