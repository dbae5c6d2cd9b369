"""LNK011: the flag private or vepa keeps the ipvlans of one parent apart."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import Ending, IpvlanKept
from netdoctor_checks._hop import helps
from netdoctor_checks._stacked import data, set_ipvlan, siblings

MEANING = {
    "private": "what one slave sends to another is dropped",
    "vepa": "what one slave sends to another goes out, and the switch outside has to send it back",
}


@check("LNK011")
def ipvlan_siblings_apart(end: IpvlanKept | Ending, case: Case) -> Iterator[Finding]:
    """The ipvlans of one parent are kept apart by the flag private or vepa.

    ## What it means
    Sender and receiver are ipvlans over the same device, and that was told to keep its slaves from one another. Flag
    and mode are the parent's: all its slaves have them in common.

    ## Why it breaks the path
    ipvlan_xmit_mode_l2() and ipvlan_xmit_mode_l3() look for a slave with the address; with `private` they drop the
    packet, with `vepa` they do not look and send it out by the parent. No switch sends a frame back by the port that
    it came from, unless it was told to.

    ## See it yourself
    `ip -d link show dev DEV` prints `ipvlan mode l2 private`. A capture on the sibling sees the ARP request, since
    broadcasts do go to all slaves, and sends an answer that never arrives.

    ## How to fix it
    `ip link set dev DEV type ipvlan mode MODE bridge` on any of them, if they are meant to talk. For vepa, the switch
    port can send back instead (`bridge link set dev PORT hairpin on`).

    ## Often taken for
    A firewall between containers: the outside is reached by both.
    """
    for place, parent, other in siblings(case, end):
        now = data(case, place)
        fix = set_ipvlan(case, parent, replace(now, flag="bridge")) if now is not None else None
        if now is None or now.flag == "bridge" or fix is None or not helps(case, fix):
            continue
        name = case.name(place)
        yield Finding(
            f"the ipvlans over {case.where(parent)} have the flag {now.flag}: {case.where(other)} is not reached",
            f"{name} and {case.where(other)} stand on {case.name(parent)} with the flag {now.flag}: "
            f"{MEANING.get(now.flag, now.flag)}.",
            place,
            (Proof(f"{name} has the flag {now.flag}", case.ip(place, "-d", "link", "show", "dev", name)),),
            fix,
        )
        return
