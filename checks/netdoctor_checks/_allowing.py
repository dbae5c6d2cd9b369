"""How a dropped packet is let through: the narrowest accept, in the chain and before the rule where it was dropped.

An accept ends one base chain only; what drops the packet later on is a cause of its own.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof
from netdoctor.fix.allowed import PROTOCOLS, Allowed, Verdict
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.firewall import AllowBefore, DeleteFirewallRule, Spot
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.packet import IPPROTO_ICMP, Arp, Ip
from netdoctor_checks import _firewall as fw
from netdoctor_checks._answers import meets_answers

#: Policy chains of one endpoint: a return says no more than that this end allows it, and the other end is asked next.
POLICY = ("cali-tw-", "cali-fw-", "KUBE-POD-FW-", "KUBE-NWPLCY-")
#: Chains that their tool leaves to the administrator, by the hook they serve; rules there outlive a restart.
OWN_CHAINS = {
    "forward": ("DOCKER-USER", "ufw-user-forward"),
    "input": ("ufw-user-input",),
    "output": ("ufw-user-output",),
}


def findings(
    case: Case, end: RuleDropped, title: str, explanation: str, more: tuple[Proof, ...] = ()
) -> Iterator[Finding]:
    """The finding with the repair that works, and with none where none does."""
    proofs = (*fw.evidence(case, end), *more)
    fixes: list[Fix | None] = [*repairs(case, end)]
    for fix in fixes or [None]:
        yield Finding(title, explanation, fw.at(end), proofs, fix, end.hook)


def repairs(case: Case, end: RuleDropped) -> Iterator[Fix]:
    """An accept for this packet, and for its answer where the same rule would take that; else the rule's deletion."""
    for spot in _spots(case, end):
        one, both = _accepting(case, end, spot, False), _accepting(case, end, spot, True)
        passing = _accepting(case, end, spot, False, "return")
        if end.state == "NEW" and end.chain.startswith(POLICY) and _progress(case, passing):
            yield passing
            return
        alone = _progress(case, one)
        if alone == 3:
            yield one
            return
        paired = _progress(case, both)
        whole = _with_ip(case, end, both, spot) if isinstance(end.packet, Arp) else both
        if whole is not both and _progress(case, whole) == 3:
            yield whole
            return
        if alone or paired:
            yield both if not alone or (paired and meets_answers(case, end)) else one
            break
    # Behind an accept it is the better one only where that is not enough: a Service has several endpoints.
    if end.number is not None:
        yield deletion(case, end)


def deletion(case: Case, end: RuleDropped) -> Fix:
    """The rule goes, for everybody."""
    change = DeleteFirewallRule(end.at.inode, fw.spot_of(case, end))
    return Fix(f"delete {fw.named(case, end)} in {case.label(end.at)}", (change,), "high")


def allowed(end: RuleDropped) -> Allowed:
    """This very packet; answers to known connections only, where connection tracking has seen the request."""
    if isinstance(end.packet, Arp):
        return Allowed(end.packet.sip, end.packet.tip, arp=True)
    packet, ip = end.packet, end.family in ("ip", "inet")
    if packet.proto == IPPROTO_ICMP or packet.inner is not None:
        # A VTEP sends answers to the same port as requests, and takes the source port from a hash.
        dport, sport = packet.dport or None, None
    else:
        dport, sport = (None, packet.sport) if end.flow.leg == "reply" else (packet.dport, None)
    known = end.flow.leg == "reply" and end.state == "ESTABLISHED" and ip and packet.inner is None
    return Allowed(packet.src, packet.dst, packet.proto, dport, sport, known)


def answer(end: RuleDropped) -> Allowed:
    """What comes back."""
    there = allowed(end)
    back = replace(there, src=there.dst, dst=there.src)
    if isinstance(end.packet, Ip) and end.packet.inner is not None:
        return back
    tracked = end.state == "NEW" and end.family in ("ip", "inet")
    return replace(back, dport=there.sport, sport=there.dport, established=tracked)


def _accepting(case: Case, end: RuleDropped, spot: Spot, both: bool, verdict: Verdict = "accept") -> Fix:
    rule = replace(allowed(end), verdict=verdict)
    change = AllowBefore(end.at.inode, spot, rule)
    where = f"before rule {spot.number} of" if spot.number is not None else "at the end of"
    verb = "let this chain pass" if verdict == "return" else "accept"
    line = f"{verb} {_said(rule)} {where} {spot.chain} in {case.label(end.at)}"
    if not both:
        return Fix(line, (change,), "low" if rule.established else "medium")
    return Fix(
        f"{line}, and what answers it", (change, AllowBefore(end.at.inode, spot, answer(end))), "medium"
    )


def _said(rule: Allowed) -> str:
    """What the rule takes: `TCP from 10.1.0.2 to 10.2.0.2 port 80`."""
    kind = "ARP" if rule.arp else PROTOCOLS.get(rule.proto, f"protocol {rule.proto}").upper()
    answers = " answers" if rule.established else ""
    ends = [
        f"{address} port {port}" if port is not None else address
        for address, port in ((rule.src, rule.sport), (rule.dst, rule.dport))
    ]
    return f"{kind}{answers} from {ends[0]} to {ends[1]}"


def _with_ip(case: Case, end: RuleDropped, both: Fix, spot: Spot) -> Fix:
    """Where bridges and devices judge ARP, they judge what follows too: the packet that waits, and its answer."""
    sent = next((step.carries for step in case.walk.steps if step.stage == "route"), None)
    if not isinstance(sent, Ip) or end.family == "arp":
        return both
    there = Allowed(sent.src, sent.dst, sent.proto)
    back = replace(there, src=sent.dst, dst=sent.src)
    more = tuple(AllowBefore(end.at.inode, spot, rule) for rule in (there, back))
    return Fix(f"{both.summary}, and the packets between them", (*both.changes, *more), "medium")


def _spots(case: Case, end: RuleDropped) -> Iterator[Spot]:
    """Where an accept may stand: before the rule; for a policy, in the administrator's own chain or the base chain."""
    own = fw.spot_of(case, end)
    if end.number is not None:
        yield own
        return
    texts = " ".join(f"{item.text} " for item in fw.tables(case, end))
    for chain in OWN_CHAINS.get(end.hook, ()):
        if f":{chain} " in texts:
            yield replace(own, chain=chain, number=1 if chain == "DOCKER-USER" else None)
    yield own
    # A rule that returns from the base chain is behind the end of it.
    yield replace(own, number=1, handle=_first_handle(case, end))


def _first_handle(case: Case, end: RuleDropped) -> int | None:
    rule = fw.rule_of(case, replace(end, number=1))
    return rule.handle if rule is not None and fw.backend(case, end) == "nft" else None


def _progress(case: Case, fix: Fix) -> int:
    return case.progress(applied(case.host, fix.changes))


def first_in_docker_user(case: Case, end: RuleDropped, title: str, explanation: str) -> Iterator[Finding]:
    """As `findings`, with an accept in DOCKER-USER first, where FORWARD enters that before the rule."""
    spot = replace(fw.spot_of(case, end), chain="DOCKER-USER", number=1, handle=None)
    shown = any(":DOCKER-USER " in item.text for item in fw.tables(case, end))
    if shown and end.chain != "DOCKER-USER":
        for both in (False, True):
            fix = _accepting(case, end, spot, both)
            if _progress(case, fix) == 3 or (both and _progress(case, fix)):
                yield Finding(title, explanation, fw.at(end), fw.evidence(case, end), fix, end.hook)
                return
    yield from findings(case, end, title, explanation)
