"""BRG011: two devices of one segment have the same lladdr."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import helps, hops
from netdoctor_checks._mac import another_lladdr, lladdr, stations_with, talkers


@check("BRG011")
def duplicate_mac(end: Ending, case: Case) -> Iterator[Finding]:
    """Two devices on one segment have the same lladdr.

    ## What it means
    On layer 2 an lladdr must be unique. Here two running devices of one segment have the same one: a cloned
    image, a fixed address in two compose files, a container started twice from a template.

    ## Why it breaks the path
    A bridge keeps one port for an lladdr, the one from which it saw it last (br_fdb_update()). Answers go to
    whichever of the two sent last; if these two talk to one another, the bridge finds the receiver behind the
    sender's own port and drops the frame.

    ## See it yourself
    `ip link show` in both namespaces prints the same link/ether. `bridge monitor fdb` shows the entry jumping
    between ports; the kernel may log `received packet with own address as source address`.

    ## How to fix it
    Give one of them another address: `ip link set dev DEV address LLADDR`, locally administered (x2, x6, xA or xE
    as the second digit). Neighbours that know the old one have to forget it.

    ## Often taken for
    A loose contact: sometimes it works, depending on who sent last. A duplicate IP address looks alike, but there
    the lladdrs differ.
    """
    seen: set[Place] = set()
    for hop in hops(case, end):
        sides = talkers(case, hop)
        for side in sides:
            address = lladdr(case, side)
            both = stations_with(case, side, address) if address is not None else []
            if len(both) < 2 or address is None:
                continue
            for place in sorted(both, key=lambda item: (item in sides, item == hop.at)):
                if place in seen:
                    continue
                seen.add(place)
                finding = _finding(case, place, next(other for other in both if other != place), address)
                if finding.fix is not None and helps(case, finding.fix):
                    yield finding


def _finding(case: Case, place: Place, other: Place, address: str) -> Finding:
    pair = (place, other)
    return Finding(
        f"{case.where(place)} and {case.where(other)} have the same lladdr {address}",
        "A bridge can keep only one port for an lladdr, so frames for the one go to the other, or nowhere.",
        place,
        tuple(
            Proof(f"{case.where(p)} has {address}", case.ip(p, "link", "show", "dev", case.name(p)))
            for p in pair
        ),
        another_lladdr(case, place),
    )
