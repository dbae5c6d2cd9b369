"""RTE006: a policy rule that refuses."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import DeleteRule, rule_words
from netdoctor.kernel.endings import NoRoute
from netdoctor.kernel.fib import RULE_ERRORS
from netdoctor.kernel.packet import Place


@check("RTE006")
def rule_rejects(end: NoRoute, case: Case) -> Finding | None:
    """A policy rule refuses the packet before any table is asked.

    ## What it means
    Rules are walked by preference, and the first that matches and gives an answer decides. Here it is a rule with the
    action `prohibit`, `unreachable` or `blackhole`, so no routing table behind it is looked at.

    ## Why it breaks the path
    `fib4_rule_action()` returns -EACCES, -ENETUNREACH or -EINVAL and the lookup ends. A local sender gets that error;
    a forwarded packet is answered with ICMP, or dropped silently by `blackhole`.

    ## See it yourself
    `ip rule show` lists the rules by preference. `ip route get DESTINATION from SOURCE iif INTERFACE` asks with what
    the packet has: a rule may look at the source, the incoming interface or the mark, so a plain `ip route get` from
    the host's own shell can pass.

    ## How to fix it
    Delete the rule, or narrow its selector. If a VPN or a policy agent put it there, it will put it back: change its
    configuration.

    ## Often taken for
    A firewall: ping says `Packet filtered` in both cases. Or for a missing route, although the main table is complete.
    See ip-rule(8).
    """
    rule = end.rule
    if rule is None or rule.action not in RULE_ERRORS:
        return None
    label, words = case.label(end.at), " ".join(rule_words(rule))
    source = ("from", end.source) if end.source and end.source != "0.0.0.0" else ()
    question = (end.destination, *source, *(("iif", case.name(end.at)) if end.forwarding else ()))
    pref = str(rule.priority)
    return Finding(
        f"a policy rule in {label} refuses packets to {end.destination}: {words}",
        f"{label} walks its policy rules for the packet, and the one with preference {pref} says {rule.action}; "
        f"no table behind it is asked.",
        Place(end.at.inode, 0),
        (
            Proof(f"the rule has preference {pref}", case.ip(end.at, "rule", "show", "pref", pref)),
            Proof(f"the lookup is refused ({end.error})", case.ip(end.at, "route", "get", *question)),
        ),
        Fix(f"delete the rule {words} in {label}", (DeleteRule(end.at.inode, rule),), "medium"),
    )
