"""NAT003: a source is translated to an address that is not the translator's."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.firewall import DeleteFirewallRule, SwapInRule
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    DeliveredElsewhere,
    ForwardingOff,
    NeighbourUnresolved,
    NoRoute,
)
from netdoctor.kernel.packet import Place
from netdoctor_checks._translations import destination, shown, spot_of, translations


@check("NAT003")
def wrong_translation(
    end: NoRoute | NeighbourUnresolved | DeliveredElsewhere | ForwardingOff | ArpNotAnswered, case: Case
) -> Iterator[Finding]:
    """The source is translated to an address that the translating host does not have.

    ## What it means
    An SNAT rule gives the packet a fixed source. The host has lost that address (it was changed, or moved to
    another node), or the rule names the wrong one.

    ## Why it breaks the path
    The answer goes to that address, and so to whoever has it, or to nobody. Only the host that translated has the
    connection entry by which the answer could be turned back; SNAT, other than MASQUERADE, never looks whether
    the address is still there.

    ## See it yourself
    `iptables -t nat -S POSTROUTING` names the address behind `--to-source`, `ip addr show to ADDRESS` on that
    host shows nothing. tcpdump on the far side shows the answer leave, or ARP requests for an address that nobody
    has.

    ## How to fix it
    Put an address of the outgoing device into the rule, or use MASQUERADE, which takes it from the device. Where
    the address ought to be there, bring it back instead.

    ## Often taken for
    A missing route back, or a far side that does not answer.
    """
    for made in translations(case, "snat"):
        address = made.after.src
        if end.flow.leg != "reply" or destination(end) != address or case.ns(made.at).owners(address):
            continue
        label, name = case.label(made.at), case.name(made.at)
        who = ", ".join(case.label(owner) for owner in case.owners(address))
        what = f"translates the source to {address}, which {label} does not have"
        title = f"{made.text} in {label} {what}: {made.hit.text}"
        explanation = (
            f"{label} sends the packet of {made.before.src} as if it were {address}; the answer goes there, "
            f"and {f'that is {who}' if who else 'nobody has it'}."
        )
        proofs = (
            shown(case, made),
            Proof(f"{label} does not have {address}", case.ip(made.at, "addr", "show", "to", address)),
        )
        spot, inode = spot_of(case, made), made.at.inode
        fixes = [
            Fix(
                f"let {made.text} in {label} use {own.local}, the address of {name}",
                (SwapInRule(inode, spot, made.hit.text, address, own.local),),
            )
            for own in case.addresses(made.at)[:1]
        ]
        fixes.append(Fix(f"delete {made.text} in {label}", (DeleteFirewallRule(inode, spot),), "medium"))
        for fix in fixes:
            yield Finding(title, explanation, Place(inode, 0), proofs, fix, "postrouting")
        return
