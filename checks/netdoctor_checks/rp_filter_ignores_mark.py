"""SYS008: the reverse path lookup leaves the mark out."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import ReversePath
from netdoctor_checks._reverse import mark_decides


@check("SYS008")
def rp_filter_ignores_mark(end: ReversePath, case: Case) -> Finding | None:
    """Reverse path filtering looks the source up without the packet's mark.

    ## What it means
    A firewall mark chooses the routing table here, and with the mark the route back would use the incoming interface.
    The check of the source is made without it, and so ends in another table.

    ## Why it breaks the path
    `fib_validate_source()` sets the mark of its lookup to 0 unless `src_valid_mark` is on (`IN_DEV_SRC_VMARK()`). The
    rule with `fwmark` does not match, main answers, and its route leads elsewhere: the packet is dropped.

    ## See it yourself
    Compare `ip route get SOURCE` with `ip route get SOURCE mark MARK`; `sysctl
    net.ipv4.conf.INTERFACE.src_valid_mark` says 0.

    ## How to fix it
    `sysctl -w net.ipv4.conf.INTERFACE.src_valid_mark=1`, as wg-quick does for `all`.

    ## Often taken for
    A plain asymmetric route, and then answered by turning rp_filter off for good. See
    Documentation/networking/ip-sysctl.rst.
    """
    link = case.link(end.at)
    if link is None or not mark_decides(case, end):
        return None
    label, key = case.label(end.at), f"ipv4/conf/{link.name}/src_valid_mark"
    return Finding(
        f"reverse path filtering on {link.name} in {label} leaves the mark {end.mark:#x} out",
        f"With the mark the route back to {end.source} uses {link.name}; the check looks it up without, and drops.",
        end.at,
        (
            Proof("the mark does not count", case.sysctl(end.at, key)),
            Proof(
                "the way back with the mark",
                case.ip(end.at, "route", "get", end.source, "mark", f"{end.mark:#x}"),
            ),
        ),
        Fix(
            f"let the mark count on {link.name} in {label}: src_valid_mark=1",
            (SetSysctl(end.at.inode, key, "1"),),
        ),
    )
