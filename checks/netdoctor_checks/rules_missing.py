"""RTE012: the rules a namespace starts with are gone."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.host import Namespace
from netdoctor.facts.records import RT_TABLE_LOCAL, RT_TABLE_MAIN, Rule
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.layer3 import AddRule
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._decisions import built_in

#: The preference that each table's rule has from the start (fib_default_rules_init()).
PREFERENCES = {RT_TABLE_LOCAL: 0, RT_TABLE_MAIN: 32766}
NAMES = {RT_TABLE_LOCAL: "local", RT_TABLE_MAIN: "main"}


@check("RTE012")
def rules_missing(end: Ending, case: Case) -> Iterator[Finding]:
    """The policy rule for the table local or main is missing, or local is asked too late.

    ## What it means
    Every namespace starts with three rules: 0 for `local`, 32766 for `main`, 32767 for `default`. They can be deleted
    like any other, and network managers that remove rules they do not know (systemd-networkd with
    `ManageForeignRoutingPolicyRules`) or a hasty `ip rule flush` do so.

    ## Why it breaks the path
    A table without a rule is never asked (`fib_rules_lookup()`). Without `main` there is no route to anything. Without
    `local` the kernel does not recognise its own addresses: `arp_process()` does not answer for them, and packets to
    them are routed away or dropped.

    ## See it yourself
    `ip rule show` must list `lookup local` and `lookup main`. The routes themselves are all still in `ip route show`,
    and `ip route get ADDRESS` says `Network is unreachable` nevertheless.

    ## How to fix it
    Put the rule back, and tell the network manager to leave foreign rules alone.

    ## Often taken for
    A missing route, or a container that does not answer ARP although its address is there. See ip-rule(8).
    """
    for inode in _visited(case, end):
        ns = case.host.namespace(inode)
        gone = _unasked(ns) if ns is not None else []
        changes = tuple(AddRule(inode, Rule(2, PREFERENCES[table], "table", table)) for table in gone)
        if not changes or not case.progress(applied(case.host, changes)):
            continue
        label, names = case.label(inode), " and ".join(NAMES[table] for table in gone)
        yield Finding(
            f"{label} has no policy rule for table {names} where it should stand",
            f"The kernel asks tables in the order of the rules; {label} asks {names} too late or never.",
            Place(inode, 0),
            (
                Proof(
                    f"the rule for {names} is gone, or stands behind another", case.ip(inode, "rule", "show")
                ),
            ),
            Fix(f"put the rule for table {names} back in {label}", changes, "low"),
        )


def _unasked(ns: Namespace) -> list[int]:
    """The tables that no rule names; local also where another table is asked before it."""
    rules = [rule for rule in ns.rules() if rule.family == 2 and rule.action == "table"]
    held = {rule.table for rule in rules if built_in(rule)}
    late = bool(rules) and rules[0].table != RT_TABLE_LOCAL
    return [table for table in PREFERENCES if table not in held or (table == RT_TABLE_LOCAL and late)]


def _visited(case: Case, end: Ending) -> list[int]:
    """The namespaces on the way to the end, the last first."""
    chain = [case.walk.steps[number].at.inode for number in case.walk.chain(end.step)]
    asked = [end.flow.asker.inode] if end.flow.asker is not None else []
    return list(dict.fromkeys([end.at.inode, *asked, *chain[::-1]]))
