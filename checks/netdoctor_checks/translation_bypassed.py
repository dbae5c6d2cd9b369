"""NAT008: a rule keeps the packet from the translation that is meant for it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.firewall import DeleteFirewallRule
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    ForwardingOff,
    NeighbourUnresolved,
    NoRoute,
    NotListening,
    RuleDropped,
)
from netdoctor.kernel.packet import Place
from netdoctor_checks._translations import exempted, shown, spot_of, translations

#: An exemption further back than this is not tried.
MAX_TRIED = 4


@check("NAT008")
def translation_bypassed(
    end: NoRoute | NeighbourUnresolved | NotListening | ArpNotAnswered | ForwardingOff | RuleDropped, case: Case
) -> Iterator[Finding]:
    """An earlier rule of the nat table keeps the packet from being translated.

    ## What it means
    A rule for this destination is there (a Service, a published port), and the packet never comes to it: an ACCEPT
    or a RETURN stands before it. In the nat table those do not let a packet through, they exempt it.

    ## Why it breaks the path
    `nf_nat_inet_fn()` asks the chains once, for the first packet of a connection, and each of them up to the first
    verdict. Without a translation the packet goes on to an address that nobody has, or the host takes it for itself.

    ## See it yourself
    `iptables -t nat -vS` (or `nft list ruleset`): the counter of the exemption grows, that of the DNAT rule behind it
    does not. `conntrack -L -d ADDRESS` shows the same addresses in both directions.

    ## How to fix it
    Put the exemption behind the rules that translate, narrow it, or delete it. What it was to keep from being
    translated is mostly a matter of POSTROUTING, where an exemption from masquerading belongs.

    ## Often taken for
    A Service or a published port that does not exist, or a kube-proxy or Docker that is down.
    """
    if end.flow.leg != "request" or end.flow.arp or next(translations(case, "dnat"), None) is not None:
        return
    for by in islice(exempted(case, ("prerouting", "output")), MAX_TRIED):
        label, spot = case.label(by.at), spot_of(case, by)
        named = f"rule {spot.number} of {spot.chain} (table {spot.table})"
        fix = Fix(f"delete {named} in {label}", (DeleteFirewallRule(by.at.inode, spot),), "medium")
        if case.progress(applied(case.host, fix.changes)) < 2:
            continue
        yield Finding(
            f"{named} in {label} keeps packets from {by.packet.src} to {by.packet.dst} from translation: {by.hit.text}",
            f"{label} has a rule that would give the packet another destination; this one stands before it, and in a "
            f"nat chain `{by.hit.verdict}` means that nothing is translated.",
            Place(by.at.inode, 0),
            (shown(case, by),),
            fix,
            by.hook,
        )
        return
