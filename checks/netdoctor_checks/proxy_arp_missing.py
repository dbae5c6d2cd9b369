"""NEI007: the host end of a routed veth does not answer ARP on behalf of others."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import NeighbourUnresolved
from netdoctor.kernel.packet import Place
from netdoctor.kernel.sysctls import conf_or
from netdoctor_checks._wiring import Sought, owned_nearby, tunnelled


@check("NEI007")
def proxy_arp_missing(end: NeighbourUnresolved, case: Case) -> Finding | None:
    """The host end of the veth does not proxy ARP.

    ## What it means
    On a routed veth (Calico and its like) the container's gateway, 169.254.1.1 as a rule, exists nowhere. The host
    end answers ARP for it, and for everything else that the host would route on, because proxy_arp is set there.

    ## Why it breaks the path
    arp_process() answers for an address that is not its own only where arp_fwd_proxy() allows it, and that asks for
    proxy_arp of the device or of `all`. With both 0 the container's request stays unanswered.

    ## See it yourself
    `sysctl net.ipv4.conf.DEV.proxy_arp` prints 0, and 1 for the host ends of other containers.

    ## How to fix it
    `sysctl -w net.ipv4.conf.DEV.proxy_arp=1`. A device made after a change of `default` has another value: look for a
    file in sysctl.d that is applied to every new interface.

    ## Often taken for
    A missing gateway. Nobody has 169.254.1.1 on healthy hosts either.
    """
    host_end, address = case.peer(end.at), end.asker.address
    if (
        host_end is None
        or host_end.inode == end.at.inode
        or tunnelled(case, end)
        or not _routed(case, host_end)
    ):
        return None
    if owned_nearby(case, Sought(end.at, address)):
        return None
    name = case.name(host_end)
    meant = address.startswith("169.254.") or _siblings_do(case, host_end)
    if conf_or(case.ns(host_end), name, "proxy_arp") or not meant:
        return None
    sysctl = f"ipv4/conf/{name}/proxy_arp"
    return Finding(
        f"{name} in {case.label(host_end)} does not answer ARP for {address} (proxy_arp=0)",
        f"{case.where(end.at)} asks for its next hop {address}, which no device has; {name} would answer in its name, "
        f"but proxy_arp is off there.",
        host_end,
        (
            Proof(f"proxy_arp is 0 on {name}", case.sysctl(host_end, sysctl)),
            Proof(
                f"{case.label(end.at)} sends via {address}", case.ip(end.at, "route", "get", end.packet.dst)
            ),
        ),
        Fix(f"let {name} proxy ARP", (SetSysctl(host_end.inode, sysctl, "1"),)),
    )


def _routed(case: Case, at: Place) -> bool:
    link = case.link(at)
    return link is not None and link.kind == "veth" and not link.master


def _siblings_do(case: Case, at: Place) -> bool:
    ns = case.ns(at)
    return any(
        conf_or(ns, link.name, "proxy_arp") for link in ns.links_of_kind("veth") if link.index != at.ifindex
    )
