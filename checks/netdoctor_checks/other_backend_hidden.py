"""FWL011: the rule is in the iptables backend that is not looked at."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix import command
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL011")
def other_backend_hidden(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """The rule that drops is in the other iptables backend.

    ## What it means
    iptables comes in two kinds: the legacy one with its own tables in the kernel, and iptables-nft, which writes
    nftables. Which of them `iptables` is, a symbolic link decides. Here both have rules in force, and the
    dropping one is in the backend that `iptables -S` does not show.

    ## Why it breaks the path
    Both register at the same hooks with the same priorities, and `nf_hook_slow()` asks all of them. An accept in
    one does not save a packet from the other.

    ## See it yourself
    `iptables-legacy -S` beside `iptables-nft -S`; `cat /proc/net/ip_tables_names` tells whether legacy tables are
    loaded. iptables-nft prints `Warning: iptables-legacy tables present` then.

    ## How to fix it
    Decide for one backend and empty the other once nothing uses it; a container with an iptables of its own, or
    an upgrade of the distribution, often leaves old rules behind. Until then, accept this traffic in the backend
    that drops it.

    ## Often taken for
    A ghost: the rules that one sees allow the packet, all counters are right, and it is dropped all the same.
    """
    if story(case, end) != "FWL011":
        return
    label = case.label(end.at)
    other = "nft" if end.backend == "legacy" else "legacy"
    who = f"{fw.named(case, end)} in {label}, beside rules of the {other} backend,"
    title = f"{who} drops {fw.packet(end)}: {fw.said(end)}"
    explanation = (
        f"Two backends have rules in force in {label}; this one is of {fw.backend(case, end)}, and whoever looks at "
        f"the {other} one does not see it.{fw.written_by(end)}"
    )
    shown = command.enter(case.id(end.at), (f"iptables-{other}-save",))
    yield from findings(case, end, title, explanation, (Proof("the other backend has rules too", shown),))
