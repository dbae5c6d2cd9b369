"""RTE009: a route leads out of a device behind which the destination is not."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor_checks._astray import Astray, finding, strayed, useful
from netdoctor_checks._detours import words
from netdoctor_checks._vxlan import towards, vtep


@check("RTE009")
def wrong_device(end: Astray, case: Case) -> Iterator[Finding]:
    """A route leads out of a device behind which the destination is not.

    ## What it means
    Another route would lead to the destination, but this one is preferred: its prefix is longer, its metric lower, or
    it is the only one and names the wrong device. A veth of a container that is gone, a VPN that claims the subnet
    and a second bridge with the same subnet all do this.

    ## Why it breaks the path
    fib_table_lookup() takes the longest matching prefix, and among equal ones the lowest metric; whether anybody is
    behind the device does not count. There, nobody has the address, and the packet is discarded.

    ## See it yourself
    `ip route get DESTINATION` names the device. `ip route show match DESTINATION` lists all that match.

    ## How to fix it
    Delete the stray route, or name the right device in it. A connected route goes with the address that made it.

    ## Often taken for
    A container that is down: the host's ARP requests for it stay unanswered, on the wrong device.
    """
    found = strayed(case, end)
    if found is None or not case.owners(found.destination):
        return
    device, route = case.name(found.at), words(case, found.at, found.route)
    goal = found.destination
    if (by := vtep(case, found.at)) is not None and towards(case, goal, by) is not None:
        return
    title = f"{case.label(found.at)} sends to {goal} out of {device}, behind which it is not"
    why = f"The route `{route}` is the one that matches best, and nobody behind {device} takes the packet to {goal}."
    for detour in useful(case, found, same_device=False):
        yield finding(case, found, detour, title, why)
