"""TUN009: a WireGuard device drops what comes from a peer with a source that is not among its allowed IPs."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import WgRefused
from netdoctor.kernel.packet import Ip
from netdoctor_checks._wireguards import peer_of, sender, shown, wg_at, with_prefixes


@check("TUN009")
def wireguard_source_not_allowed(end: WgRefused, case: Case) -> Iterator[Finding]:
    """The packet's source is not among the sending peer's allowed IPs at the receiver.

    ## What it means
    The packet was decrypted, and the address that it comes from is not one that this peer may use: its allowed IPs at
    the receiving device do not cover it, or those of another peer cover it better.

    ## Why it breaks the path
    wg_packet_consume_data_done() looks up the inner source among the allowed IPs (wg_allowedips_lookup_src()). Where
    that is not the peer that sent it, the packet is dropped and counted in rx_errors and rx_frame_errors.

    ## See it yourself
    `wg show DEV allowed-ips` at the receiver; `ip -s link show DEV` counts; with dynamic debug the kernel logs
    `Packet has unallowed src IP`.

    ## How to fix it
    Allow the source at the receiver: `wg set DEV peer KEY allowed-ips OLD,NEW`. Or let the sender use an address that
    is allowed: a missing `src` of the route, or a missing masquerade, puts another one into the packet.

    ## Often taken for
    A firewall at the receiver: the counters of WireGuard show that the packet arrived.
    """
    one, there = sender(case, end), wg_at(case, end.device)
    inner = end.packet.inner.payload if end.packet.inner is not None else None
    if end.why != "source" or one is None or there is None or not isinstance(inner, Ip):
        return
    peer = peer_of(there, one)
    for fix in with_prefixes(case, there, peer, inner.src) if peer is not None else ():
        yield Finding(
            f"{case.where(there.end.at)} does not let its peer use {inner.src}",
            f"The packet from {inner.src} comes from {case.label(one.end.at)}, whose allowed IPs here do not cover "
            "that: it is dropped after it was decrypted.",
            there.end.at,
            (shown(case, there, f"{inner.src} is not in the `allowed ips` of that peer"),),
            fix,
        )
