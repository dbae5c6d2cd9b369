"""FWL009: a rule inside the container itself drops the packet."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import endpoint, story


@check("FWL009")
def endpoint_firewall(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """A firewall inside the container itself drops the packet.

    ## What it means
    The rule is in the network namespace of one of the two ends, not on the host. An image may bring its own
    firewall, an init container or a service mesh may write rules, or somebody tried something by hand.

    ## Why it breaks the path
    Every network namespace has its own tables. The packet goes through those of the source (output, postrouting),
    of every host on the way, and of the destination (prerouting, input); a drop in any of them ends it.

    ## See it yourself
    The host's own iptables does not show these rules: enter the namespace, `nsenter --net=FILE iptables -S`, also
    with `nft list ruleset`. A drop in the source's output makes ping print `Operation not permitted`.

    ## How to fix it
    Accept this traffic in the container's chain, or remove the rules from the image or the sidecar that writes
    them.

    ## Often taken for
    A rule on the host, where one looks for it in vain; or a container without the right address, as nothing
    leaves it.
    """
    if story(case, end) != "FWL009":
        return
    which, label = endpoint(case, end), case.label(end.at)
    verb = "rejects" if end.reject else "drops"
    title = f"{fw.named(case, end)} inside the {which} {label} {verb} {fw.packet(end)}: {fw.said(end)}"
    explanation = (
        f"{label} has a firewall of its own, and at its {end.hook} hook this {'rule' if end.number else 'policy'} "
        f"{verb} the packet; the host's tables have no part in it."
    )
    yield from findings(case, end, title, explanation)
