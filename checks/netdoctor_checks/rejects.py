"""FWL003: a rule refuses the packet and says so."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.packet import Ip
from netdoctor.wording import refusal
from netdoctor_checks import _firewall as fw
from netdoctor_checks._allowing import findings
from netdoctor_checks._stories import story


@check("FWL003")
def rejects(end: RuleDropped, case: Case) -> Iterator[Finding]:
    """A firewall rule rejects the packet and tells the sender.

    ## What it means
    The rule's target is REJECT: the packet is dropped, and an ICMP error (or a TCP RST) goes back in the name of
    the destination or of the router.

    ## Why it breaks the path
    `reject_tg()` and `nft_reject_inet_eval()` send the answer and return NF_DROP. The answer needs a way back of
    its own; where it has none, the sender sees only silence.

    ## See it yourself
    ping prints what came back: `Destination Port Unreachable` is REJECT's default, `Destination Host Prohibited`
    and `Packet filtered` come from `--reject-with`. The address behind `From` is that of the rejecting host.

    ## How to fix it
    Put an accept for exactly this traffic before the rule. firewalld and Fedora's old ruleset end their chains
    with such a rule: there, use firewall-cmd, so that the accept survives a reload.

    ## Often taken for
    A closed port (nothing listens): that gives the same ICMP for UDP and a RST for TCP, but never for a ping.
    Also for a `prohibit` route, which answers `Packet filtered` just alike.
    """
    if story(case, end) != "FWL003":
        return
    label = case.label(end.at)
    title = f"{fw.named(case, end)} in {label} rejects {fw.packet(end)}: {fw.said(end)}"
    explanation = (
        f"At the {end.hook} hook of {label} this rule drops the packet and answers its sender with {end.reject}"
        f"{_seen(end)}.{fw.written_by(end)}"
    )
    yield from findings(case, end, title, explanation)


def _seen(end: RuleDropped) -> str:
    if not isinstance(end.packet, Ip) or end.reject is None or end.flow.leg == "reply":
        return ""
    return f": {refusal(end.reject, end.packet.proto)}"
