"""FWL001: a firewall rule drops the packet."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL001")
def rule_drops(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """A firewall rule drops the packet.

    ## What it means
    Of all the rules of all tables at this hook, one matches the packet and its verdict is drop. Nobody is told:
    the sender waits until it gives up.

    ## Why it breaks the path
    `nf_hook_slow()` runs the base chains of a hook by priority, legacy tables and nftables alike. A drop in any
    of them frees the packet at once; an accept ends only its own base chain. So one rule suffices, wherever it
    stands.

    ## See it yourself
    List the chain with its counters (`iptables-nft -t filter -v -S CHAIN`, `iptables-legacy …`, `nft -a list
    chain …`) and ping: the rule's counter goes up by one with each packet.

    ## How to fix it
    Put an accept for exactly this traffic before the rule, or delete the rule if it is a leftover. Answers have
    to come back as well: a rule for `ctstate ESTABLISHED` serves them all. Where a program wrote the chain,
    change that program's settings, or it writes the rule again.

    ## Often taken for
    A routing fault, because tcpdump shows the packet come in and nothing go out. Also for the policy of the
    chain, which is asked only where no rule decides.
    """
    if story(case, end) != "FWL001":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops {fw.packet(end)}: {fw.said(end)}"
    matches = f"At the {end.hook} hook of {label} this rule matches and drops; no later rule is asked."
    explanation = matches + fw.written_by(end)
    yield from findings(case, end, title, explanation)
