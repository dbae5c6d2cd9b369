"""FWL006: a rule of the bridge family drops the frame."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL006")
def bridge_family_drop(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """A rule of the bridge itself (ebtables, nft's bridge family) drops the frame.

    ## What it means
    Bridges have a firewall of their own that looks at frames before, while and after they are forwarded. ebtables
    writes it, or a table of nft's family `bridge`. iptables does not show it.

    ## Why it breaks the path
    `br_handle_frame()` and `__br_forward()` run the hooks of NFPROTO_BRIDGE, whatever `bridge-nf-call-iptables`
    says. IP rules never see what is dropped here, so that all of their counters stand still. A rule may also drop
    ARP only; then the neighbour stays unresolved.

    ## See it yourself
    `ebtables-nft -t filter -L --Lc` or `nft list ruleset bridge`, with counters. tcpdump shows the frame on the
    port where it comes in, not on the one where it should leave.

    ## How to fix it
    Put an accept for this pair before the rule, for ARP as well as for IP; or delete the rule, if the cloud's or
    hypervisor's anti-spoofing that wrote it (libvirt's nwfilter, OpenStack) was given wrong addresses.

    ## Often taken for
    An isolated port or a missing FDB entry, as the frame vanishes inside the bridge.
    """
    if story(case, end) != "FWL006":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops {fw.packet(end)} on the bridge: {fw.said(end)}"
    explanation = (
        f"The frame meets the bridge family's {end.hook} hook at {case.name(end.at)}, and this rule drops it before "
        f"any IP rule is asked.{fw.written_by(end)}"
    )
    yield from findings(case, end, title, explanation)
