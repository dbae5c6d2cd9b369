"""SYS004: loose reverse path filtering."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import ReversePath
from netdoctor_checks._reverse import evidence, way_back, ways_out


@check("SYS004")
def rp_filter_loose(end: ReversePath, case: Case) -> Iterator[Finding]:
    """Loose reverse path filtering drops the packet: there is no way back at all.

    ## What it means
    With `rp_filter` 2 any route back to the source will do. Here there is none, or the interface has no address, and
    then even the loose mode wants the route to use the very interface.

    ## Why it breaks the path
    `__fib_validate_source()` finds no route for the source (`last_resort`) and drops the packet. Systemd sets 2 for all
    interfaces on many distributions, so this is met without anybody having asked for it.

    ## See it yourself
    `ip route get SOURCE` says `Network is unreachable`; `sysctl net.ipv4.conf.all.rp_filter
    net.ipv4.conf.INTERFACE.rp_filter` (the larger one counts); `nstat -az TcpExtIPReversePathFilter`.

    ## How to fix it
    A route back to the source will be needed anyway, for the reply. Where the reply takes another host's way, set
    `rp_filter` to 0 for `all` and for the interface: the larger value counts.

    ## Often taken for
    A missing route on the sender's side: the sender's route is right, it is the receiver that does not know the source.
    RFC 3704, section 2.4, describes this mode.
    """
    if end.arp or end.mode == 1:
        return
    label, name = case.label(end.at), case.name(end.at)
    title = f"rp_filter={end.mode} on {name} in {label} drops packets from {end.source}"
    explanation = f"{label} validates the source of what comes in by {name}, and {way_back(case, end)}."
    for fix in ways_out(case, end):
        yield Finding(title, explanation, end.at, evidence(case, end), fix)
