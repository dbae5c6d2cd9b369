"""MTU004: the way is narrower than both ends, and nobody tells the sender."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.allowed import Allowed
from netdoctor.fix.change import Fix
from netdoctor.fix.firewall import AllowBefore
from netdoctor.kernel.decisive import decisive
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.packet import IPPROTO_TCP, Ip
from netdoctor.kernel.pmtu import narrows, told
from netdoctor.kernel.walk import Walk
from netdoctor_checks import _firewall as fw

HEADERS = 40


@check("MTU004")
def pmtu_black_hole(walk: Walk, case: Case) -> Iterator[Finding]:
    """The connection comes about and then hangs: what tells the sender of a smaller MTU is lost.

    ## What it means
    Some device on the way has a smaller MTU than both ends, which therefore agree on segments that do not fit. The
    router refuses the first large one and says so by ICMP (fragmentation needed); that message is dropped.

    ## Why it breaks the path
    TCP sets don't-fragment and counts on path MTU discovery (RFC 1191): `ip_forward()` drops what does not fit and
    calls `icmp_send()`. Where the error never arrives, the sender repeats the same segment until it gives up.

    ## See it yourself
    A small ping and the handshake work, `ping -M do -s 1472` gets no answer and no `Frag needed`. On the router
    `nstat IpFragFails` grows; `ip route get` on the sender shows no `mtu` that was learned.

    ## How to fix it
    Let ICMP type 3 code 4 pass on its whole way back; a rule that accepts RELATED does. Or have the router lower the
    segments that are agreed on (`TCPMSS --clamp-mss-to-pmtu`, `maxseg size set rt mtu`), or give both ends its MTU.

    ## Often taken for
    A slow server or a broken application, as connecting works; or a loss in the tunnel.
    """
    asked = walk.steps[0].carries
    if not walk.answered or not isinstance(asked, Ip) or asked.proto != IPPROTO_TCP or _clamped(walk):
        return
    for narrow in narrows(walk):
        back = told(walk, narrow)
        end = decisive(back)
        if back.answered or not isinstance(end, RuleDropped) or not isinstance(end.packet, Ip):
            continue
        router, label = case.label(narrow.at), case.label(end.at)
        packet, name = end.packet, case.name(narrow.at)
        change = AllowBefore(end.at.inode, fw.spot_of(case, end), Allowed(packet.src, packet.dst, packet.proto))
        lost = f"drops what tells {narrow.packet.src} of the MTU {narrow.limit}"
        yield Finding(
            f"{fw.named(case, end)} in {label} {lost}: {fw.said(end)}",
            f"{name} in {router} takes {narrow.limit} bytes, both ends take {narrow.size}: a segment of more than "
            f"{narrow.limit - HEADERS} bytes is refused there, and the ICMP error that says so does not come back.",
            fw.at(end),
            (
                *fw.evidence(case, end),
                Proof(f"{name} takes {narrow.limit} bytes", case.ip(narrow.at, "link", "show", "dev", name)),
            ),
            Fix(f"accept ICMP from {packet.src} to {packet.dst} in {label}", (change,), "low"),
            end.hook,
        )


def _clamped(walk: Walk) -> bool:
    """Some namespace on the way changes the segment size that the ends agree on, or may do so."""
    passed = {step.at.inode for step in walk.steps}
    texts = [item for inode in passed for item in walk.namespace(inode).firewall()]
    return any(word in item.text for item in texts for word in ("TCPMSS", "maxseg"))
