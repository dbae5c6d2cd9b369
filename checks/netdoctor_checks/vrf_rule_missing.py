"""RTE014: the policy rule that leads to the tables of VRFs is gone."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import Rule
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRule
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import helps, way
from netdoctor_checks._stacked import met

#: Where the kernel puts it with the first VRF of a namespace (FIB_RULE_PREF in drivers/net/vrf.c).
PREFERENCE = 1000


@check("RTE014")
def vrf_rule_missing(end: Ending, case: Case) -> Iterator[Finding]:
    """The policy rule for VRFs is missing, so that nobody asks their tables.

    ## What it means
    The namespace has a VRF, and no rule `lookup [l3mdev-table]`. The kernel adds it with the first VRF; whoever
    flushes or rewrites the rules (`ip rule flush`, a network manager) takes it away, and it does not come back.

    ## Why it breaks the path
    Only that rule leads to the table of the device's VRF (l3mdev_fib_rule_match()). The addresses of the VRF's ports
    are local in that table alone, so without the rule they are nobody's: not even ARP is answered for them.

    ## See it yourself
    `ip rule show` has no line with `[l3mdev-table]`; `ip vrf show` lists the VRFs and their tables, and `ip route show
    vrf NAME` what is in them.

    ## How to fix it
    `ip rule add l3mdev pref 1000`, and the same for IPv6 (`ip -6 rule …`).

    ## Often taken for
    Lost routes: they are all there, in a table that nobody looks into.
    """
    for inode in dict.fromkeys(place.inode for place in (*met(case, end), *way(case, end))):
        ns = case.ns(inode)
        rules = [rule for rule in ns.rules() if rule.family == 2]
        vrfs = ns.links_of_kind("vrf")
        if not vrfs or any(rule.l3mdev for rule in rules):
            continue
        rule = Rule(2, PREFERENCE, "table", 0, l3mdev=True)
        fix = Fix(f"add the policy rule for VRFs in {case.label(inode)}", (AddRule(inode, rule),))
        if helps(case, fix):
            yield Finding(
                f"{case.label(inode)} has no policy rule that leads to its VRFs",
                f"The VRF {vrfs[0].name} has a table of its own, and no policy rule says to look there: its routes and "
                "addresses count for nothing.",
                Place(inode, 0),
                (
                    Proof("no rule has [l3mdev-table]", case.ip(inode, "rule", "show")),
                    Proof(f"{vrfs[0].name} is a VRF", case.ip(inode, "-d", "link", "show", "dev", vrfs[0].name)),
                ),
                fix,
            )
