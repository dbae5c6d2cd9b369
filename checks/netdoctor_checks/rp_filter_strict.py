"""SYS003: strict reverse path filtering."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import ReversePath
from netdoctor_checks._reverse import evidence, mark_decides, way_back, ways_out


@check("SYS003")
def rp_filter_strict(end: ReversePath, case: Case) -> Iterator[Finding]:
    """Strict reverse path filtering drops the packet: the way back uses another interface.

    ## What it means
    With `rp_filter` 1 an interface accepts only packets from sources that it would itself be used to answer. Here the
    route back to the source leads out of another interface, so the path is asymmetric, or there is no route back.

    ## Why it breaks the path
    `__fib_validate_source()` looks the source up as if it were a destination; if the route found does not use the
    incoming device, the packet is dropped. The larger of `conf.all` and the interface's own value counts, so
    `conf.all.rp_filter=1` makes every interface strict.

    ## See it yourself
    `ip route get SOURCE` names another interface; `sysctl net.ipv4.conf.all.rp_filter
    net.ipv4.conf.INTERFACE.rp_filter`; `nstat -az TcpExtIPReversePathFilter` counts the drops.

    ## How to fix it
    Set the interface to 2 (loose): any route back will do then. Or make the way back the same as the way in. 0 on the
    interface alone changes nothing while `all` is 1.

    ## Often taken for
    A firewall, because tcpdump on the interface shows the packet arrive and nothing follows. RFC 3704 describes both
    modes.
    """
    if end.arp or end.mode != 1 or mark_decides(case, end):
        return
    label, name = case.label(end.at), case.name(end.at)
    title = f"rp_filter=1 on {name} in {label} drops packets from {end.source}"
    explanation = (
        f"{name} accepts only sources that {label} would answer through it, and {way_back(case, end)}."
    )
    for fix in ways_out(case, end):
        yield Finding(title, explanation, end.at, evidence(case, end), fix)
