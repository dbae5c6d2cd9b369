"""FWL012: one table accepted the packet, a later one drops it."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import accepted_earlier, story


@check("FWL012")
def later_chain_drops(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """One table accepts the packet, and another one at the same hook drops it later.

    ## What it means
    Several programs keep tables of their own: Docker in iptables, firewalld in nftables, a VPN in a third. The
    packet was accepted in one of them; at the same hook another table, of higher priority number or registered
    elsewhere, dropped it.

    ## Why it breaks the path
    An accept ends the base chain in which it is said, nothing more. `nf_hook_slow()` goes on with the next base
    chain of the hook until one drops the packet or all have let it through.

    ## See it yourself
    `nft list ruleset` shows the base chains with `priority`; the lower number is asked first. Counters go up on
    the accept and on the drop, for the same packet.

    ## How to fix it
    Accept the traffic in the table that drops it too, by the means of the program it belongs to: firewalld's zone
    (`firewall-cmd --zone=trusted --add-interface=docker0`), ufw's `route allow`. More accepts in the first table
    do nothing.

    ## Often taken for
    An accept that does not match. It does; its counter proves it.
    """
    hit = accepted_earlier(case, end)
    if story(case, end) != "FWL012" or hit is None:
        return
    label, verb = case.label(end.at), "rejects" if end.reject else "drops"
    first = f"{hit.place.table} {hit.place.chain} rule {hit.number}"
    title = f"{fw.named(case, end)} in {label} {verb} {fw.packet(end)}, which {first} had accepted: {fw.said(end)}"
    explanation = (
        f"At the {end.hook} hook of {label} {first} accepts the packet ({hit.text}); that ends one base chain only, "
        f"and this one comes after it.{fw.written_by(end)}"
    )
    yield from findings(case, end, title, explanation)
