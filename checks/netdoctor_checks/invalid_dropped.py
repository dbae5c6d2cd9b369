"""CTK001: a packet that connection tracking calls INVALID is dropped."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story
from netdoctor_checks._untracking import exemptions, shown


@check("CTK001")
def invalid_dropped(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """Connection tracking calls the packet INVALID, and a rule drops such packets.

    ## What it means
    An answer came by a host that had not seen the question: the two directions take different ways, or the
    question was not tracked. Connection tracking has no connection that it could belong to.

    ## Why it breaks the path
    `nf_conntrack_in()` begins no connection with an echo reply, a SYN/ACK or an RST; the packet is left without
    one, which rules see as state INVALID. Rulesets of Docker, kube-proxy, ufw and firewalld drop that state
    early.

    ## See it yourself
    `conntrack -S` counts `invalid`; `sysctl net.netfilter.nf_conntrack_log_invalid=255` logs each of them. Ask
    where the request went: `ip route get` on both sides.

    ## How to fix it
    Make both directions take the same way. Where that cannot be, accept this traffic before the rule, or do not
    track it at all in either direction.

    ## Often taken for
    A stateless drop of the answers. Here an accept for ESTABLISHED is in place, and does not match.
    """
    if story(case, end) != "CTK001":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops {fw.packet(end)} as INVALID: {fw.said(end)}"
    exempt = next((one for one in exemptions(case) if one.at.inode == end.at.inode), None)
    seen = f"{exempt.text} kept the request from being tracked" if exempt else "it has seen no such request"
    explanation = (
        f"{label} knows no connection to which this packet would belong ({seen}), so its state is INVALID, and this "
        f"rule drops that.{fw.written_by(end)}"
    )
    yield from findings(case, end, title, explanation, (shown(case, exempt),) if exempt else ())
