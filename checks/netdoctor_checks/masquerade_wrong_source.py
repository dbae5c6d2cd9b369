"""NAT006: MASQUERADE takes an address of the device to which nothing leads back."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.masquerade import Masquerade
from netdoctor.kernel.endings import (
    ArpNotAnswered,
    DeliveredElsewhere,
    ForwardingOff,
    NeighbourUnresolved,
    NoRoute,
)
from netdoctor.kernel.packet import Place
from netdoctor_checks._masquerading import prefix_of
from netdoctor_checks._translations import destination, shown, spot_of, translations


@check("NAT006")
def masquerade_wrong_source(
    end: NoRoute | NeighbourUnresolved | DeliveredElsewhere | ForwardingOff | ArpNotAnswered, case: Case
) -> Iterator[Finding]:
    """MASQUERADE chooses an address of the outgoing device that the other side does not know.

    ## What it means
    The device has several addresses. MASQUERADE took one of them that only this host knows; the answer goes there,
    and not to the address by which others know the host.

    ## Why it breaks the path
    `nf_nat_masquerade_ipv4()` asks `inet_select_addr()`: the first primary address whose subnet holds the next hop,
    else simply the device's first one. The `src` of the route, by which the host's own packets go, does not count.

    ## See it yourself
    `conntrack -L -s CONTAINER` shows the chosen address as the destination of the answers; `ip addr show dev DEVICE`
    lists the addresses in the order that counts. The host's own pings work.

    ## How to fix it
    Name the address: `SNAT --to-source`. Or put the addresses in the other order, or give the next hop a subnet that
    the right one is in.

    ## Often taken for
    A missing masquerade rule, or a router outside that lacks a route.
    """
    for made in translations(case, "snat"):
        address = made.after.src
        if end.flow.leg != "reply" or destination(end) != address or "masquerade" not in made.hit.text.lower():
            continue
        others = [ifa.local for ifa in case.addresses(made.at) if ifa.local != address]
        if not others or not case.ns(made.at).owners(address):
            continue
        label, name = case.label(made.at), case.name(made.at)
        title = f"{made.text} in {label} masquerades with {address}, to which nothing leads back: {made.hit.text}"
        explanation = (
            f"Of the addresses of {name} in {label} MASQUERADE took {address}; the answer to that gets as far as "
            f"{case.label(end.at)}. {', '.join(others)} would be there as well."
        )
        proofs = (
            shown(case, made),
            Proof(f"{name} has several addresses", case.ip(made.at, "addr", "show", "dev", name)),
        )
        spot, prefix = spot_of(case, made), prefix_of(case, made.at, made.before.src)
        for other in others:
            change = Masquerade(made.at.inode, spot, prefix, name, None, other)
            fix = Fix(f"give what comes from {prefix} and leaves by {name} the source {other}", (change,), "medium")
            yield Finding(title, explanation, Place(made.at.inode, 0), proofs, fix, "postrouting")
        return
