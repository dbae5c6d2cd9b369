"""LNK001: a device that the packet needs is administratively down."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import Ending, NoRoute
from netdoctor.kernel.packet import Place
from netdoctor_checks._down import at_the_end, behind_no_route, bring_up, on_the_way
from netdoctor_checks._hop import helps


@check("LNK001")
def link_admin_down(end: Ending, case: Case) -> Iterator[Finding]:
    """An interface that the packet needs is administratively down.

    ## What it means
    Somebody, or a program, ran `ip link set DEV down` (or never set it up). The flag UP is missing from the
    device. Of a veth pair it is enough that one end is down: the other then shows NO-CARRIER, though it is up
    itself.

    ## Why it breaks the path
    A device that is down neither sends (__dev_queue_xmit() finds no active queue) nor receives. Setting it down
    also removes the routes of its addresses and everything in its neighbour table (fib_disable_ip(),
    neigh_ifdown()); a port of a bridge becomes disabled (br_stp_disable_port()), and macvlan children lose their
    carrier with their parent.

    ## See it yourself
    `ip link show dev DEV`: without UP between the angle brackets it is down. `M-DOWN` or NO-CARRIER on the other
    end says that this one is to be looked at.

    ## How to fix it
    `ip link set dev DEV up`. The kernel brings back the connected routes of its addresses, but not routes that
    were added by hand or by an agent (a default route, routes via a gateway): look at `ip route` afterwards.

    ## Often taken for
    A missing route, since the routes of the device vanish with it; a broken cable or switch, because of
    NO-CARRIER; a firewall, since a bridge discards for a disabled port without a word.
    """
    direct = at_the_end(case, end)
    for place in direct:
        yield _finding(end, case, place, direct=True)
    for place in dict.fromkeys((*on_the_way(case, end), *behind_no_route(case, end))):
        if place not in direct:
            finding = _finding(end, case, place, direct=False)
            if finding.fix is not None and helps(case, finding.fix):
                yield finding


def _finding(end: Ending, case: Case, place: Place, direct: bool) -> Finding:
    name = case.name(place)
    proofs = [Proof(f"{name} does not have the flag UP", case.ip(place, "link", "show", "dev", name))]
    peer = case.peer(place)
    link = case.link(place)
    if link is not None and link.kind == "veth" and peer is not None and case.link(peer) is not None:
        far = case.name(peer)
        proofs.append(Proof(f"{far} is its other end", case.ip(peer, "-d", "link", "show", "dev", far)))
    if isinstance(end, NoRoute):
        proofs.append(Proof(f"no route leads out of {name}", case.ip(place, "route", "show", "table", "all")))
    return Finding(
        f"{case.where(place)} is down",
        _why(end, case, place, direct),
        place,
        tuple(proofs),
        bring_up(case, place, end),
    )


def _why(end: Ending, case: Case, place: Place, direct: bool) -> str:
    name = case.name(place)
    if isinstance(end, NoRoute):
        lost = f"nothing in {case.label(end.at)} leads to {end.destination}"
        return f"{name} is administratively down, and its routes went with it: {lost}."
    if place == end.at or not direct:
        return f"{name} is administratively down: nothing is sent or received by it, and the packet has to pass it."
    return f"{case.where(end.at)} depends on {name}, which is administratively down, so the packet is discarded there."
