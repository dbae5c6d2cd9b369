"""SYS007: the destination does not answer echo requests."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import EchoIgnored


@check("SYS007")
def icmp_echo_ignored(end: EchoIgnored, case: Case) -> Finding:
    """The destination is set to ignore echo requests.

    ## What it means
    `net.ipv4.icmp_echo_ignore_all` is 1 in the namespace that owns the address. The request arrives, and the
    kernel there was told not to answer any.

    ## Why it breaks the path
    icmp_echo() in net/ipv4/icmp.c looks at the sysctl first and leaves. The packet is counted as received
    (IcmpInEchos) and nothing is sent.

    ## See it yourself
    `sysctl net.ipv4.icmp_echo_ignore_all` in the destination's namespace. A capture on its interface shows
    requests without replies; a TCP connection to a port that listens works.

    ## How to fix it
    `sysctl -w net.ipv4.icmp_echo_ignore_all=0` there. A namespace has its own value: that of the host does not
    count for a container. Look in /etc/sysctl.d and in the pod's securityContext for who sets it.

    ## Often taken for
    A broken path, though everything on it works; a firewall, though no rule is involved. Only ping is affected.
    """
    name = end.sysctl.replace("/", ".")
    here = case.label(end.at)
    return Finding(
        f"{here} ignores echo requests: net.{name} is 1",
        f"The request for {case.target} reaches {here}, whose kernel is told to answer no echo request.",
        end.at,
        (Proof(f"net.{name} is 1", case.sysctl(end.at, end.sysctl)),),
        Fix(f"let {here} answer echo requests", (SetSysctl(end.at.inode, end.sysctl, "0"),)),
    )
