"""TUN008: no peer of a WireGuard device is allowed the destination."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import WgNotSent
from netdoctor_checks._wireguards import behind, peer_of, shown, wg_at, with_prefixes


@check("TUN008")
def wireguard_no_allowed_ips(end: WgNotSent, case: Case) -> Iterator[Finding]:
    """No peer of the WireGuard device has the destination among its allowed IPs.

    ## What it means
    A route leads into the device, and the device has its own table behind that: each peer's allowed IPs. None of them
    covers the destination.

    ## Why it breaks the path
    wg_xmit() looks up the destination among the allowed IPs (cryptokey routing). Without a peer it fails with ENOKEY,
    and the sender gets ICMP host unreachable.

    ## See it yourself
    `wg show DEV allowed-ips` lists the prefixes of each peer. ping says "Required key not available".

    ## How to fix it
    `wg set DEV peer KEY allowed-ips OLD,NEW`: the list given replaces the one that was there. Put it into the
    configuration as well, or it is gone at the next start.

    ## Often taken for
    A missing route: the route is there. A problem of keys, because of ping's words.
    """
    one = wg_at(case, end.at)
    if one is None or end.why != "no-peer":
        return
    fixes: list[Fix | None] = []
    for far in behind(case, one, end.address):
        peer = peer_of(one, far)
        fixes += list(with_prefixes(case, one, peer, end.address)) if peer is not None else []
    for fix in fixes or [None]:
        yield Finding(
            f"no peer of {case.where(one.end.at)} has {end.address} among its allowed IPs",
            f"The route leads into {one.end.link.name}, which sends to none of its peers what their allowed IPs do not "
            "cover.",
            one.end.at,
            (shown(case, one, f"{end.address} is in no `allowed ips`"),),
            fix,
        )
