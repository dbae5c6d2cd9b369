"""TUN004: a tunnel does not know whom to send to, or does not carry IPv4."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.fix.tunnel import SetTunnel
from netdoctor.kernel.endings import TunnelNotSent
from netdoctor_checks._iptunnels import ends_of, far_ends, outer_addresses, shown, tunnel_at


@check("TUN004")
def tunnel_without_remote(end: TunnelNotSent, case: Case) -> Iterator[Finding]:
    """A tunnel has no remote to send to, or was made for another protocol.

    ## What it means
    A tunnel without a remote takes the next hop of the route as its remote. One that carries Ethernet frames (gretap)
    has no route to take it from; a sit device in its usual mode carries IPv6 alone.

    ## Why it breaks the path
    ip_tunnel_xmit() drops what has neither a remote nor a route (tx_fifo_errors); ipip_tunnel_xmit() and
    sit_tunnel_xmit() drop a protocol that the tunnel was not made for (tx_errors).

    ## See it yourself
    `ip -d link show DEV` prints `remote any`, or the mode; `ip -s link show DEV` counts errors.

    ## How to fix it
    `ip link set dev DEV type KIND remote ADDRESS`.

    ## Often taken for
    An ARP problem: the request for the neighbour inside the tunnel never leaves.
    """
    one = tunnel_at(case, end.at)
    if one is None or end.why not in ("no-remote", "protocol"):
        return
    lacks = "has no remote" if end.why == "no-remote" else "does not carry IPv4"
    fixes: list[Fix | None] = [
        Fix(
            f"give {case.where(one.at)} the remote {address}",
            (SetTunnel(one.at.inode, one.at.ifindex, replace(one.data, remote=address)),),
        )
        for far in (far_ends(case, one) if end.why == "no-remote" else ())
        for address in outer_addresses(case, far, one)
    ]
    for fix in fixes or [None]:
        yield Finding(
            f"{case.where(one.at)} {lacks}",
            f"The tunnel has {ends_of(one.data)}, and cannot send this packet.",
            one.at,
            (shown(case, one, f"it has {ends_of(one.data)}"),),
            fix,
        )
