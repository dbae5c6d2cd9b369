"""CTK003: a packet exempt from tracking does not count as an answer."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import applied
from netdoctor.kernel.endings import (
    AnswerFromAnother,
    DeliveredElsewhere,
    Ending,
    NeighbourUnresolved,
    NoRoute,
    RuleDropped,
)
from netdoctor.kernel.packet import Place
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story
from netdoctor_checks._untracking import exemptions, shown, tracked


@check("CTK003")
def untracked_reply(
    end: RuleDropped | NoRoute | DeliveredElsewhere | AnswerFromAnother | NeighbourUnresolved, case: Case
) -> Iterator[Finding]:
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
    exempt = next(exemptions(case), None)
    if not isinstance(end, RuleDropped):
        yield from _untranslated(end, case)
        return
    if story(case, end) != "CTK003":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops {fw.packet(end)}, which are UNTRACKED: {fw.said(end)}"
    explanation = (
        f"In {label} {exempt.text if exempt else 'a rule'} exempts the packet from tracking, so nothing for ESTABLISHED"
        f" matches it, and this {'rule' if end.number else 'policy'} drops it."
    )
    yield from findings(case, end, title, explanation, (shown(case, exempt),) if exempt else ())


def _untranslated(end: Ending, case: Case) -> Iterator[Finding]:
    """The packet was exempt where it should have been translated, and went astray for that."""
    for exempt in exemptions(case):
        label, fix = case.label(exempt.at), tracked(case, exempt)
        if end.flow.leg == "reply" and case.progress(applied(case.host, fix.changes)):
            title = (
                f"{exempt.text} in {label} exempts packets from tracking, and so from NAT: {exempt.hit.text}"
            )
            lost = f"What is not tracked is not translated, neither there nor back; it ends in {case.label(end.at)}."
            yield Finding(title, lost, Place(exempt.at.inode, 0), (shown(case, exempt),), fix, "prerouting")
