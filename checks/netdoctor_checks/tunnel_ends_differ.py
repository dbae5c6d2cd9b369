"""TUN001: an outer packet came to a node where no tunnel takes it."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Tunnel
from netdoctor.fix.change import Fix
from netdoctor.fix.tunnel import SetTunnel
from netdoctor.kernel.endings import TunnelRefused
from netdoctor_checks._iptunnels import End, ends_of, entered, far_ends, shown


@check("TUN001")
def tunnel_ends_differ(end: TunnelRefused, case: Case) -> Iterator[Finding]:
    """The two ends of a tunnel do not agree on their addresses or key.

    ## What it means
    The outer packet reached the other node. The tunnel there was made for another remote, another local address or
    another GRE key, or there is none.

    ## Why it breaks the path
    ip_tunnel_lookup() takes a tunnel only if the packet's source is its remote (or it has none), the packet's
    destination its local address (or it has none), and the GRE key is the one it expects: a packet without a key never
    fits a tunnel that has one. What fits none is answered with ICMP port unreachable, which the sender's tunnel keeps.

    ## See it yourself
    `ip -d link show DEV` on both nodes: local here is remote there, and okey here is ikey there.

    ## How to fix it
    `ip link set dev DEV type gre remote ADDRESS`, or `local`, or `key`: it can be changed in use.

    ## Often taken for
    A firewall, since the outer packet is seen at the other node's NIC and nothing is seen of it after that.
    """
    one = entered(case, end)
    if one is None or end.why == "down":
        return
    by, packet = one[0], end.packet
    there = [far for far in far_ends(case, by) if far.home == end.at.inode]
    if not there:
        yield Finding(
            f"{case.label(end.at)} has no tunnel that takes what {case.where(by.at)} sends",
            f"The outer packet ({by.link.kind}) from {packet.src} arrives, and no {by.link.kind} device of "
            f"{case.label(end.at)} is in use.",
            end.at,
            (Proof("none is in use", case.ip(end.at, "-d", "link", "show", "type", by.link.kind or "")),),
        )
    for far in there[:2]:
        for odd, data in _fixes(by, far, end):
            yield Finding(
                f"{case.where(by.at)} and {case.where(far.at)} do not agree on the ends of their tunnel",
                f"The packet comes from {packet.src} to {packet.dst}"
                f"{f' with key {packet.key}' if packet.key is not None else ''}; "
                f"{case.where(far.at)} has {ends_of(far.data)} and does not take it.",
                odd.at,
                (shown(case, far, f"it has {ends_of(far.data)}"), shown(case, by, f"it has {ends_of(by.data)}")),
                Fix(f"give {case.where(odd.at)} {ends_of(data)}", (SetTunnel(odd.at.inode, odd.at.ifindex, data),)),
            )


def _fixes(by: End, far: End, end: TunnelRefused) -> Iterator[tuple[End, Tunnel]]:
    """The receiver made to fit what comes; then the sender made to send what fits."""
    packet = end.packet
    local = packet.dst if far.data.local not in (None, packet.dst) else far.data.local
    remote = packet.src if far.data.remote not in (None, packet.src) else far.data.remote
    yield far, replace(far.data, local=local, remote=remote, ikey=packet.key, okey=by.data.ikey)
    yield by, replace(
        by.data,
        local=far.data.remote or by.data.local,
        remote=far.data.local or by.data.remote,
        okey=far.data.ikey,
        ikey=far.data.okey,
    )
