"""TUN005: a tunnel sends to an address where its other end is not."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.fix.tunnel import SetTunnel
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    DeliveredElsewhere,
    ForwardingOff,
    LeavesHost,
    NeighbourUnresolved,
    NoRoute,
    TunnelNotSent,
    TunnelRefused,
)
from netdoctor_checks._hop import helps
from netdoctor_checks._iptunnels import End, ends_of, entered, far_ends, outer_addresses, shown, tunnel_at

Lost = (
    NeighbourUnresolved | ArpNotAnswered | TunnelRefused | TunnelNotSent | NoRoute | ForwardingOff | DeliveredElsewhere
    | LeavesHost
)  # fmt: skip


@check("TUN005")
def tunnel_wrong_remote(end: Lost, case: Case) -> Iterator[Finding]:
    """A tunnel's remote is not an address of its other end.

    ## What it means
    The tunnel was made with `remote ADDRESS`. Nobody has that address, or another node than the one that the tunnel is
    to lead to: it was replaced or renumbered, or the address was mistyped.

    ## Why it breaks the path
    ip_tunnel_xmit() sends every packet to the remote. Where nobody has it, the outer packet waits for a neighbour in
    vain; where the wrong node has it, no tunnel there takes the packet.

    ## See it yourself
    `ip -d link show DEV` prints the remote; `ip addr` on the other node shows which addresses it has.

    ## How to fix it
    `ip link set dev DEV type KIND remote ADDRESS`.

    ## Often taken for
    A dead node, or a firewall on the way.
    """
    found = entered(case, end)
    one = tunnel_at(case, end.at) if isinstance(end, TunnelNotSent) else found[0] if found is not None else None
    if one is None or one.data.remote is None:
        return
    for fix in _fixes(case, one):
        yield Finding(
            f"{case.where(one.at)} sends to {one.data.remote}, where its other end is not",
            f"The tunnel has {ends_of(one.data)}; the node with its other end does not have that address.",
            one.at,
            (shown(case, one, f"it has {ends_of(one.data)}"),),
            fix,
        )


def _fixes(case: Case, one: End) -> Iterator[Fix]:
    for far in far_ends(case, one):
        if case.ns(far.home).owners(one.data.remote or ""):
            continue
        for address in outer_addresses(case, far, one):
            change = SetTunnel(one.at.inode, one.at.ifindex, replace(one.data, remote=address))
            fix = Fix(f"send to {address}, where {case.where(far.at)} is", (change,))
            if helps(case, fix):
                yield fix
