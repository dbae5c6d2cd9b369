"""ADR009: the ping was answered, and another namespace on the same layer 2 has the address too."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import DeleteAddress
from netdoctor.kernel.packet import Place
from netdoctor.kernel.walk import Walk
from netdoctor_checks._vxlan import local_segment, overlay, vtep


@check("ADR009")
def address_claimed_twice(walk: Walk, case: Case) -> Iterator[Finding]:
    """The address answers, and it is configured twice.

    ## What it means
    Two namespaces on one layer 2 have the destination's address. The echo came back, from one of them. Whether that is
    the one you mean is decided by who answers the ARP request first.

    ## Why it breaks the path
    It does not break this ping. arp_process() answers in every namespace that has the address; the asker keeps the
    first reply for a second (arp_locktime) and changes its mind with the next one. TCP connections end half-way when
    their packets begin to go to the other namespace.

    ## See it yourself
    `arping -I DEV -c 3 ADDRESS` prints replies from two MAC addresses; `ip addr` in both namespaces has the address.

    ## How to fix it
    Take the address from the one that should not have it. Find out why it was given twice: a static address inside the
    pool of an allocator, a container restored from a copy, two allocators for one subnet.

    ## Often taken for
    An application that fails now and then. `ping` alone will never tell: it is answered either way.
    """
    # Whoever else has it was met by the ARP request; where none was sent, nobody is read for this alone.
    met = dict.fromkeys(step.at.inode for step in walk.steps)
    holders = [Place(inode, ifa.ifindex) for inode in met for ifa in case.ns(inode).owners(case.target)]
    if walk.reply_from is None or len(holders) < 2:
        return
    answering = [place for place in holders if place.inode == walk.reply_from]
    near = {place for owner in answering for place in _segment(case, owner)}
    for other in holders:
        link = case.link(other)
        if other.inode == walk.reply_from or other not in near or link is None or not link.up:
            continue
        here = answering[0]
        ifa = next(ifa for ifa in case.addresses(other) if ifa.local == case.target)
        show = ("addr", "show", "to", case.target)
        yield Finding(
            f"{case.target} is an address of {case.label(here)} and of {case.label(other)}",
            f"{case.label(here)} answered this time; {case.where(other)} is on the same layer 2 with the same address, "
            "so the next packet may reach that one.",
            other,
            (
                Proof(f"{case.label(here)} has the address", case.ip(here, *show)),
                Proof(f"{case.label(other)} has it too", case.ip(other, *show)),
            ),
            Fix(f"take {case.target} from {case.where(other)}", (DeleteAddress(other.inode, ifa),), "high"),
        )


def _segment(case: Case, at: Place) -> set[Place]:
    """The devices on one layer 2 with `at`, also beyond the tunnels that this layer 2 goes through."""
    found = set(local_segment(case, at))
    for one in [v for place in found if (v := vtep(case, place)) is not None]:
        for far in overlay(case, one):
            found |= set(local_segment(case, far.at))
    return found
