"""NAT001: the source is not masqueraded."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix, applied
from netdoctor.fix.masquerade import Masquerade
from netdoctor.kernel.endings import (
    DeliveredElsewhere,
    ForwardingOff,
    MartianSource,
    NeighbourUnresolved,
    NoRoute,
)
from netdoctor.kernel.packet import Place
from netdoctor_checks._masquerading import gaps
from netdoctor_checks._translations import chain_command, destination, translations


@check("NAT001")
def masquerade_missing(
    end: NoRoute | NeighbourUnresolved | DeliveredElsewhere | ForwardingOff | MartianSource, case: Case
) -> Iterator[Finding]:
    """A private source leaves the host untranslated, and nobody outside can answer it.

    ## What it means
    Containers have addresses that only their own host knows. What leaves for outside gets the host's address
    instead (MASQUERADE, or SNAT). Here the host has a chain for that, and no rule of it takes this source.

    ## Why it breaks the path
    The request arrives, for its destination is known. The answer goes to the container's own address, for which
    the other side has no route, or the wrong one; it never comes back to the host whose connection tracking would
    have translated it back.

    ## See it yourself
    tcpdump outside shows requests from the private address. `iptables -t nat -vS POSTROUTING` counts nothing for
    it, `conntrack -L -s ADDRESS` shows the same address in the reply's direction.

    ## How to fix it
    Masquerade the subnet on the device that leads outside, as for its siblings. Docker and CNI plugins write the
    rule themselves unless told not to (`--ip-masq=false`, `ipMasq`); a firewall's reload may have flushed it.
    Where the other side is meant to know the containers, give it a route instead.

    ## Often taken for
    A missing route on the other side, which is as it should be; or a drop of the answers by a firewall.
    """
    hairpin = isinstance(end, MartianSource) and next(translations(case, "dnat"), None) is not None
    back = end.source if isinstance(end, MartianSource) else destination(end)
    if end.flow.arp or next(translations(case, "snat"), None) is not None:
        return
    if end.flow.leg != "reply" and not hairpin:
        return
    for gap in gaps(case, hairpin):
        if back != gap.source:
            continue
        label, name = case.label(gap.at), case.name(gap.at)
        change = Masquerade(gap.at.inode, gap.spot, gap.prefix, name, gap.only)
        fix = Fix(
            f"masquerade what comes from {gap.prefix} and leaves {label} by {name}", (change,), "medium"
        )
        if not case.progress(applied(case.host, fix.changes)):
            continue
        others = f"; it does for others: {gap.siblings[0]}" if gap.siblings else ""
        lost = f"the answer to {gap.source} gets as far as {case.label(end.at)}, which has no way to it"
        if hairpin:
            lost = f"translated back to its own sender, it comes home with {gap.source} as its source, and is refused"
        yield Finding(
            f"{label} does not masquerade {gap.source} when it leaves by {name}",
            f"The request left {label} with its own source, since no rule of {gap.spot.chain} translates it{others}; "
            f"{lost}.",
            Place(gap.at.inode, 0),
            (Proof(f"no rule there takes {gap.source}", chain_command(case, gap.at, gap.spot)),),
            fix,
            "postrouting",
        )
        return
