"""FWL007: a rule drops ARP."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL007")
def arp_drop(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """A firewall rule drops ARP messages.

    ## What it means
    arptables, or a table of nft's family `arp`, has its own input and output hooks, which every ARP message of
    the host passes. Here a rule drops the question, or the answer to it.

    ## Why it breaks the path
    `arp_rcv()` and `arp_xmit()` run the hooks of NFPROTO_ARP. Without an answer the neighbour entry goes to
    FAILED, and each packet for it ends with `Destination Host Unreachable` after three questions, one a second.

    ## See it yourself
    `arptables-nft -L -n -v` or `nft list ruleset arp`. `ip neigh` shows INCOMPLETE or FAILED, while tcpdump on
    the asked side shows the question arrive and no answer leave (or, on the asking side, the answer arrive
    unused).

    ## How to fix it
    Accept ARP between the two before the rule, or delete the rule: load balancers in direct-routing mode write
    such rules to hide an address, which `arp_ignore` does as well. A permanent neighbour entry gets round it only
    in one direction.

    ## Often taken for
    A cabling or VLAN fault: the other side seems not to be there at all. iptables and its counters show nothing.
    """
    if story(case, end) != "FWL007":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} drops {fw.packet(end)}: {fw.said(end)}"
    explanation = (
        f"{label} passes the message through its ARP {end.hook} hook at {case.name(end.at)}, and this rule drops it, "
        f"so the address is never resolved."
    )
    yield from findings(case, end, title, explanation)
