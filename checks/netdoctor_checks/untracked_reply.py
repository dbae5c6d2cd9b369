"""CTK003: a packet exempt from tracking does not count as an answer."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.netfilter.branch import Hit
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("CTK003")
def untracked_reply(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """The packet is exempt from connection tracking, so no rule takes it for an answer.

    ## What it means
    A rule in the raw table (`-j CT --notrack`, NOTRACK, nft's `notrack`) took the packet out of connection
    tracking. Its state is UNTRACKED: neither NEW nor ESTABLISHED. A firewall that allows by state does not know
    it.

    ## Why it breaks the path
    `nf_conntrack_in()` leaves such packets alone (IP_CT_UNTRACKED). Rules for `ctstate ESTABLISHED` do not match,
    NAT is not applied in either direction, and the packet falls to a drop or to the policy.

    ## See it yourself
    `iptables -t raw -vS` counts the exemption; `conntrack -L` lacks the flow altogether.

    ## How to fix it
    Accept the untracked packets explicitly, in both directions, or take the exemption away. Both directions have
    to be exempt, or neither: one alone gives INVALID packets.

    ## Often taken for
    A lost connection entry, or a conntrack table that is full: nothing was ever entered.
    """
    if story(case, end) != "CTK003":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops {fw.packet(end)}, which are UNTRACKED: {fw.said(end)}"
    hits = [
        f
        for n in case.walk.chain(end.step)
        for f in case.walk.steps[n].facts
        if getattr(f, "verdict", "") == "notrack"
    ]
    rule = hits[-1] if hits else None
    why = (
        f"rule {rule.number} of {rule.place.chain} in table {rule.place.table} exempts"
        if isinstance(rule, Hit)
        else "a rule exempts"
    )
    explanation = (
        f"In {label} {why} the packet from tracking, so no rule for ESTABLISHED matches it, and this "
        f"{'rule' if end.number else 'policy'} drops it."
    )
    yield from findings(case, end, title, explanation)
