"""TUN003: a tunnel's own outer address is not on its node."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.host import covers
from netdoctor.facts.records import Address
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddAddress
from netdoctor.fix.tunnel import SetTunnel
from netdoctor.kernel.endings import TunnelNotSent
from netdoctor.kernel.packet import Place
from netdoctor_checks._iptunnels import End, far_ends, outer_addresses, shown, tunnel_at


@check("TUN003")
def tunnel_local_address_missing(end: TunnelNotSent, case: Case) -> Iterator[Finding]:
    """The tunnel's local address is not an address of its node.

    ## What it means
    The tunnel was made with `local ADDRESS`, the source of its outer packets and what the other end has as its remote.
    No interface of the node has that address any more: the node was renumbered, or DHCP gave it another one.

    ## Why it breaks the path
    ip_route_output_key_hash_rcu() refuses a source address that is not the node's own, so that ip_tunnel_xmit() cannot
    route the outer packet and counts it in tx_carrier_errors.

    ## See it yourself
    `ip -d link show DEV` prints `local ADDRESS`; `ip addr` in the node's namespace does not have it.

    ## How to fix it
    Put the address back, or change both ends: `ip link set dev DEV type gre local NEW` here, `remote NEW` there.

    ## Often taken for
    A route that is missing: `ip route get REMOTE` works, `ip route get REMOTE from ADDRESS` does not.
    """
    one = tunnel_at(case, end.at)
    if one is None or end.why != "local-address" or one.data.local is None:
        return
    for fix in _fixes(case, one, one.data.local):
        yield Finding(
            f"{case.where(one.at)} sends from {one.data.local}, which is no address of {case.label(one.home)}",
            f"The tunnel's local address is {one.data.local}; {case.label(one.home)} does not have it and cannot send "
            "from it.",
            one.at,
            (
                shown(case, one, f"the tunnel has local {one.data.local}"),
                Proof(f"{one.data.local} is not among them", case.ip(one.home, "-4", "addr", "show")),
            ),
            fix,
        )


def _fixes(case: Case, one: End, local: str) -> Iterator[Fix]:
    """The address put back where the subnet of the other end's is; then one that the node has, at both ends."""
    ns, far = case.ns(one.home), far_ends(case, one)
    theirs = [ifa for end in far for ifa in case.ns(end.home).addresses() if ifa.family == 2]
    length = next((i.prefixlen for i in theirs if covers(i.address or i.local, i.prefixlen, local)), 32)
    for link in ns.links():
        near = case.segment(Place(one.home, link.index)) if link.ethernet and not link.loopback else {}
        if any(place.inode == end.home for end in far for place in near):
            back = Address(link.index, 2, local, length, local)
            yield Fix(f"put {local}/{length} back on {link.name}", (AddAddress(one.home, back),), "medium")
    for end in far:
        for address in outer_addresses(case, one, end):
            mine = SetTunnel(one.at.inode, one.at.ifindex, replace(one.data, local=address))
            other = SetTunnel(end.at.inode, end.at.ifindex, replace(end.data, remote=address))
            yield Fix(f"let both ends use {address} in the place of {local}", (mine, other), "medium")
