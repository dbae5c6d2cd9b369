"""Wrong neighbour entries that somebody else's answer made: a VXLAN device that answers ARP in the owner's name."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import DeleteNeighbour, SetNeighbour
from netdoctor_checks._hop import Hop
from netdoctor_checks._vteps import vtep


def corrected(case: Case, hop: Hop, right: str) -> Iterator[Fix]:
    """Fixes that put right what a proxy next to the sender says (arp_reduce()), and have the sender ask again."""
    for place in case.segment(hop.at):
        proxy = vtep(case, place)
        if proxy is None or not proxy.data.proxy:
            continue
        entry = case.ns(place).neighbour(place.ifindex, hop.address)
        if entry is not None and entry.lladdr == hop.lladdr:
            yield Fix(
                f"say on {case.where(place)} that {hop.address} is at {right}, and let {case.where(hop.at)} ask again",
                (
                    SetNeighbour(place.inode, place.ifindex, hop.address, right),
                    DeleteNeighbour(hop.at.inode, hop.at.ifindex, hop.address),
                ),
            )
