"""ADR005: a prefix covers addresses that are not on the segment."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import ArpNotAnswered, NeighbourUnresolved
from netdoctor_checks._prefixes import lengths, reprefixed
from netdoctor_checks._wiring import covering, destination, owned_nearby, sought, tunnelled


@check("ADR005")
def prefix_too_wide(end: NeighbourUnresolved | ArpNotAnswered, case: Case) -> Iterator[Finding]:
    """A prefix is too wide: the destination is taken for a neighbour.

    ## What it means
    The address of this device has a shorter prefix length than the other addresses on its segment. Its connected route
    therefore covers subnets that are elsewhere.

    ## Why it breaks the path
    The connected route has no gateway, so the kernel asks for the destination itself on this segment
    (ip_finish_output2() with the destination as next hop). Nobody there has it, and the default route is not
    consulted, as its prefix is shorter still.

    ## See it yourself
    `ip -br addr show dev DEV` beside that of a neighbour or of the gateway: the numbers after the slash differ.
    `ip route get DESTINATION` shows no `via`.

    ## How to fix it
    Add the address with the right length first, then delete the old one; that order keeps the routes of the device.
    Then look whether the default route is still there.

    ## Often taken for
    A gateway that does not forward. It is never asked.
    """
    hop = sought(case, end)
    if hop is None or tunnelled(case, end) or hop.address != destination(case, end):
        return
    if owned_nearby(case, hop):
        return
    for ifa in covering(case, hop.at, hop.address):
        for length in lengths(case, hop.at, ifa):
            if length <= ifa.prefixlen:
                continue
            name, label = case.name(hop.at), case.label(hop.at)
            text = f"{ifa.local}/{ifa.prefixlen}"
            for fix in reprefixed(case, hop.at, ifa, length, hop.address):
                yield Finding(
                    f"{name} in {label} has {text}, which covers {hop.address}; its segment uses /{length}",
                    f"The prefix makes {hop.address} look like a neighbour, so {label} asks for it on {name} instead "
                    f"of sending to its gateway, and nobody there has it.",
                    hop.at,
                    (
                        Proof(f"{name} has {text}", case.ip(hop.at, "addr", "show", "dev", name)),
                        Proof(
                            f"{hop.address} is taken for a neighbour",
                            case.ip(hop.at, "route", "get", hop.address),
                        ),
                    ),
                    fix,
                )
