"""NEI004: arp_filter keeps the owner of an address from answering."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import ArpNotAnswered, NeighbourUnresolved
from netdoctor.kernel.sysctls import conf
from netdoctor_checks._hop import silences


@check("NEI004")
def arp_filter(end: ArpNotAnswered | NeighbourUnresolved, case: Case) -> Iterator[Finding]:
    """arp_filter keeps the owner of the address from answering.

    ## What it means
    `net.ipv4.conf.*.arp_filter` is on (for all or for the interface), and the namespace's own route back to the
    asker leaves by another device than the one on which the question came.

    ## Why it breaks the path
    arp_filter() in net/ipv4/arp.c looks up the route from the address to the asker. If that does not use the
    receiving device it counts ArpFilter and the request is not answered.

    ## See it yourself
    `ip route get ASKER from ADDRESS` names another device; `nstat -az TcpExtArpFilter` grows with every request.

    ## How to fix it
    `sysctl -w net.ipv4.conf.DEV.arp_filter=0` (and for `all`), or mend the route back, which would send the
    replies the wrong way too. arp_filter is meant for hosts with two interfaces in one subnet and routing by
    source address.

    ## Often taken for
    A host that is down, or arp_ignore, which does not count ArpFilter and does not care for routes.
    """
    for silent in silences(case, end, "arp_filter"):
        ns, name, here = case.ns(silent.at), case.name(silent.at), case.label(silent.at)
        names = [f"ipv4/conf/{key}/arp_filter" for key in ("all", name) if conf(ns, key, "arp_filter")]
        back = ("route", "get", silent.sender, "from", silent.address)
        yield Finding(
            f"{here} does not answer ARP for {silent.address} on {name}: arp_filter is on",
            f"{here} would send its answers to {silent.sender} by another device than {name}, and arp_filter lets it "
            f"answer only on the device of that route.",
            silent.at,
            (
                *(Proof(f"net.{n.replace('/', '.')} is 1", case.sysctl(silent.at, n)) for n in names),
                Proof(f"the route to {silent.sender} does not leave by {name}", case.ip(silent.at, *back)),
            ),
            Fix(f"switch arp_filter off in {here}", tuple(SetSysctl(silent.at.inode, n, "0") for n in names)),
        )
