"""ADR007: the gateway that a segment uses is configured nowhere."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import Address
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddAddress
from netdoctor.kernel.endings import NeighbourUnresolved
from netdoctor_checks._gateways import homes, missing_gateway, other_gateways, users
from netdoctor_checks._wiring import helps


@check("ADR007")
def gateway_address_missing(end: NeighbourUnresolved, case: Case) -> Iterator[Finding]:
    """The gateway's address is configured nowhere.

    ## What it means
    The containers of this segment have routes via an address that no device has any more. As a rule it is the address
    of their bridge, or of the node next to them, and was taken away from it.

    ## Why it breaks the path
    The kernel asks for the gateway's lladdr, and nobody answers; the packet waits for three requests and is discarded
    (neigh_timer_handler(), arp_error_report()). With the address its connected route went too, so that the namespace
    that should be the gateway has lost its own way to the containers.

    ## See it yourself
    `ip neigh show GATEWAY` in the container shows FAILED. `ip -br addr show` shows the bridge without the address.

    ## How to fix it
    Put the address back: `ip addr add GATEWAY/PREFIX dev BRIDGE`. Then keep network managers off that device: they
    remove what they did not configure when the carrier comes and goes.

    ## Often taken for
    A wrong default route in the container. The route is as it always was, and its siblings have the same.
    """
    hop = missing_gateway(case, end)
    if hop is None:
        return
    used = users(case, hop)
    if not used and other_gateways(case, hop, end.packet.dst):
        return
    for home, prefixlen in homes(case, hop, end.packet.dst, bool(used)):
        name, ifa = case.name(home), Address(home.ifindex, 2, hop.address, prefixlen, hop.address)
        if not helps(case, AddAddress(home.inode, ifa)):
            continue
        proofs = [
            Proof(f"{name} does not have {hop.address}", case.ip(home, "addr", "show", "dev", name)),
            Proof(
                f"{case.label(hop.at)} sends via {hop.address}",
                case.ip(hop.at, "route", "get", end.packet.dst),
            ),
        ]
        proofs += [
            Proof(f"so does {case.label(place)}", case.ip(place, "route", "show")) for place in used[:1]
        ]
        yield Finding(
            f"the gateway {hop.address} of {case.label(hop.at)} is configured nowhere",
            f"{case.where(hop.at)} asks for the lladdr of {hop.address}; {case.where(home)} is next to it and could "
            f"pass the packet on, but does not have that address, so nobody answers.",
            home,
            tuple(proofs),
            Fix(f"give {name} the address {hop.address}/{prefixlen}", (AddAddress(home.inode, ifa),)),
        )
