"""NEI003: arp_ignore keeps the owner of an address from answering."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import ArpNotAnswered, NeighbourUnresolved
from netdoctor.kernel.sysctls import conf
from netdoctor_checks._hop import silences

MEANING = {
    1: "it answers only for addresses of the interface on which the question came",
    2: "it answers only for addresses of that interface whose subnet the asker is in",
    3: "it does not answer for addresses of scope host",
    8: "it answers for no address at all",
}


@check("NEI003")
def arp_ignore(end: ArpNotAnswered | NeighbourUnresolved, case: Case) -> Iterator[Finding]:
    """arp_ignore keeps the owner of the address from answering.

    ## What it means
    The namespace has the address and hears the ARP request, but `net.ipv4.conf.*.arp_ignore` forbids the answer.
    The value that counts is the larger of `all` and the interface's own.

    ## Why it breaks the path
    arp_process() asks arp_ignore() before it answers. Mode 1 and 2 want the address to be configured on the very
    interface that the request came in by, so an address on lo or on another device is not admitted; mode 8 admits
    none.

    ## See it yourself
    `sysctl net.ipv4.conf.all.arp_ignore net.ipv4.conf.DEV.arp_ignore`, and `ip addr` for the device that holds
    the address. A capture shows the requests coming in and nothing going out.

    ## How to fix it
    Set the value back to 0, or put the address on the interface that faces the asker. Load balancers (LVS in
    direct routing, kube-proxy with strictARP) set 1 on purpose, so that a service address on a dummy is not
    answered for.

    ## Often taken for
    A host that is down: the asker reports Destination Host Unreachable after three seconds. The same host answers
    for its other addresses.
    """
    for silent in silences(case, end, "arp_ignore"):
        ns, name = case.ns(silent.at), case.name(silent.at)
        keys = [key for key in ("all", name) if conf(ns, key, "arp_ignore")]
        mode = max(conf(ns, key, "arp_ignore") for key in keys) if keys else 0
        names = [f"ipv4/conf/{key}/arp_ignore" for key in keys]
        yield Finding(
            f"{case.label(silent.at)} does not answer ARP for {silent.address} on {name}: arp_ignore is {mode}",
            f"The request for {silent.address} arrives at {case.where(silent.at)}; with arp_ignore {mode} "
            f"{MEANING.get(mode, 'it is not answered')}, so {silent.sender} gets no answer.",
            silent.at,
            (
                *(Proof(f"net.{n.replace('/', '.')} is {conf(ns, k, 'arp_ignore')}", case.sysctl(silent.at, n))
                  for k, n in zip(keys, names, strict=True)),
                Proof(f"{silent.address} is an address of {case.label(silent.at)}", case.ip(silent.at, "addr", "show")),
            ),
            Fix(
                f"let {case.label(silent.at)} answer: arp_ignore 0",
                tuple(SetSysctl(silent.at.inode, n, "0") for n in names),
            ),
        )  # fmt: skip
