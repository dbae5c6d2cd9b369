"""TUN011: a WireGuard peer's endpoint is missing, or leads elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.facts.wireguard import WgPeer
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    Ending,
    NeighbourUnresolved,
    NoRoute,
    WgNotSent,
    WgRefused,
)
from netdoctor_checks._hop import helps
from netdoctor_checks._wireguards import Wg, changed, endpoints, others, sender, shown, wg_at

Lost = WgNotSent | WgRefused | NeighbourUnresolved | ArpNotAnswered | NoRoute


@check("TUN011")
def wireguard_endpoint(end: Lost, case: Case) -> Iterator[Finding]:
    """A WireGuard peer's endpoint is not known, or is not where the peer is.

    ## What it means
    To send, the device needs the peer's address and UDP port. It has none, since the peer has not been heard from yet;
    or the one that was configured is not (any more) the peer's.

    ## Why it breaks the path
    wg_xmit() fails with EDESTADDRREQ where the peer has no endpoint. Where it is the wrong one, the handshake goes to
    an address or port where nobody answers it.

    ## See it yourself
    `wg show DEV endpoints` beside `wg show DEV listen-port` and `ip addr` on the peer. Without an endpoint ping says
    "Destination address required".

    ## How to fix it
    `wg set DEV peer KEY endpoint ADDRESS:PORT`; or let the peer, which knows this end, send first and keep the way open
    (`persistent-keepalive`).

    ## Often taken for
    A firewall that blocks the port, or wrong keys: all three show as a handshake that never comes about.
    """
    one = wg_at(case, end.at) if isinstance(end, WgNotSent) else sender(case, end)
    if one is None or (isinstance(end, WgNotSent | WgRefused) and end.why not in ("no-endpoint", "port-closed", "key")):
        return
    key = end.peer if isinstance(end, WgNotSent) else _peer(case, end)
    peer = next((each for each in one.data.peers if each.public_key == key), None)
    for fix in _fixes(case, one, peer) if peer is not None else ():
        known = f"{peer.endpoint}:{peer.port}" if peer is not None and peer.endpoint else "not known"
        yield Finding(
            f"the endpoint of a peer of {case.where(one.end.at)} is {known}, which does not lead to it",
            f"The handshake has to reach the peer at its own address and port; what is known of it is {known}.",
            one.end.at, (shown(case, one, f"the endpoint is {known}"),), fix,
        )  # fmt: skip


def _peer(case: Case, end: Ending) -> str | None:
    """The key of the peer that the packet was sent to last."""
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.action == "encapsulate":
            return next((fact.public_key for fact in step.facts if isinstance(fact, WgPeer)), None)
    return None


def _fixes(case: Case, one: Wg, peer: WgPeer) -> Iterator[Fix]:
    for far in others(case, one):
        for address, port in endpoints(case, one, far) if far.data.public_key == peer.public_key else ():
            change = changed(one, replace(peer, endpoint=address, port=port))
            fix = Fix(f"tell {case.where(one.end.at)} that the peer is at {address}:{port}", (change,))
            if (address, port) != (peer.endpoint, peer.port) and helps(case, fix):
                yield fix
