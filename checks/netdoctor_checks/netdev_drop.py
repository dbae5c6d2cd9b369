"""FWL008: a rule at a device's ingress or egress drops the packet."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL008")
def netdev_drop(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """A rule of nft's netdev family drops the packet at the device itself.

    ## What it means
    A chain of the family `netdev` hangs on one device, at its ingress or egress. It sees every frame before the
    bridge, ARP or IP do, and after them on the way out.

    ## Why it breaks the path
    `nf_ingress()` runs in `__netif_receive_skb_core()` behind the packet taps, so tcpdump shows what is dropped
    here, and nothing else in the host does. `nf_hook_egress()` runs before the taps: there not even tcpdump sees
    it.

    ## See it yourself
    `nft list ruleset netdev` names the device in `hook ingress device "eth0"`; put a `counter` into the rule and
    ping.

    ## How to fix it
    Put an accept for this pair before the rule. Such chains are written against floods and spoofed sources:
    narrow the rule's set or prefix if it catches an address that is in use.

    ## Often taken for
    A driver or NIC that loses packets, or a tc filter, which stands next to it: `tc filter show dev DEV ingress`.
    """
    if story(case, end) != "FWL008":
        return
    where = case.where(end.at)
    title = f"{fw.named(case, end)} drops {fw.packet(end)} at {where}: {fw.said(end)}"
    explanation = (
        f"The chain hangs on the {end.hook} of {where} itself; the packet is dropped there before bridge, ARP or IP "
        f"rules are asked."
    )
    yield from findings(case, end, title, explanation)
