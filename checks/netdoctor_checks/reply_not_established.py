"""CTK002: the answers are dropped, because nothing accepts them as such."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("CTK002")
def reply_not_established(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """The request was let through, and its answer is dropped.

    ## What it means
    The firewall allows one direction only. A stateful one needs a rule that accepts the packets of connections it
    has allowed (`ctstate ESTABLISHED`); here none is met before the answer is dropped.

    ## Why it breaks the path
    `nf_conntrack_in()` marks the answer ESTABLISHED, but that is only something a rule can ask for: without such
    a rule it is judged like any other packet in that direction, and falls to a drop or to the policy.

    ## See it yourself
    tcpdump on the destination shows the request and the answer leave. `conntrack -L` shows the connection as
    `[UNREPLIED]` or with its answer, while the drop's counter goes up.

    ## How to fix it
    Accept ESTABLISHED (and RELATED) early in the chain. That lets nobody begin anything in that direction, so the
    one-way intent of the ruleset stays.

    ## Often taken for
    A destination that does not answer, or a missing route back: the request arrives, after all.
    """
    if story(case, end) != "CTK002":
        return
    label, verb = case.label(end.at), "rejects" if end.reject else "drops"
    title = f"{fw.named(case, end)} in {label} {verb} the answer, {fw.packet(end)}: {fw.said(end)}"
    explanation = (
        f"{label} let the request through; the answer belongs to a known connection, and nothing in {end.chain} accepts"
        f" it for that before this {'rule' if end.number else 'policy'} {verb} it.{fw.written_by(end)}"
    )
    yield from findings(case, end, title, explanation)
