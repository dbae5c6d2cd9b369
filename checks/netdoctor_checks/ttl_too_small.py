"""SYS009: the initial TTL is too small."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import SetSysctl
from netdoctor.kernel.endings import TtlExceeded
from netdoctor.kernel.packet import Place
from netdoctor.kernel.sysctls import number
from netdoctor_checks._decisions import round_trip, sender_of

KEY = "ipv4/ip_default_ttl"
USUAL = 64


@check("SYS009")
def ttl_too_small(end: TtlExceeded, case: Case) -> Finding | None:
    """The TTL that packets start with does not last for the way.

    ## What it means
    Every router takes one off the TTL. The sender starts with so small a number (`net.ipv4.ip_default_ttl`) that it is
    used up before the destination is reached; there is no loop.

    ## Why it breaks the path
    `ip_forward()` drops a packet that comes in with a TTL of 1 and sends ICMP time exceeded to its source. When it is
    the reply that runs out, the one who pings hears nothing at all.

    ## See it yourself
    `sysctl net.ipv4.ip_default_ttl` in the namespace of the sender; `ping -t 64 ADDRESS` sets another TTL for the
    request, and works if only the request was concerned.

    ## How to fix it
    `sysctl -w net.ipv4.ip_default_ttl=64`, the value that RFC 1700 recommends and Linux starts with.

    ## Often taken for
    A routing loop, which gives the same ICMP message. traceroute tells them apart: in a loop the routers repeat.
    """
    sender = sender_of(case, end)
    ns = case.host.namespace(sender)
    turns = round_trip(case, end)
    if turns or ns is None:
        return None
    ttl, label, name = number(ns, KEY, USUAL), ns.id.label, case.name(end.at)
    started = (
        f"packets from {label} start with TTL {ttl}" if ttl < USUAL else f"packets from {label} are spent"
    )
    changes = (SetSysctl(sender, KEY, str(USUAL)),)
    return Finding(
        f"{started}, which ends in {case.label(end.at)}",
        f"{case.label(end.at)} gets the packet by {name} with TTL {end.packet.ttl}; forwarding it would leave none.",
        Place(sender, 0),
        (Proof(f"net.ipv4.ip_default_ttl is {ttl}", case.sysctl(sender, KEY)),),
        Fix(f"let packets of {label} start with TTL {USUAL}", changes) if ttl < USUAL else None,
    )
