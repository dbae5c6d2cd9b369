"""LNK004: an end of a pair is in another namespace than it should be."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.kernel.endings import ForwardingOff, NoAddress, NoRoute, TtlExceeded
from netdoctor.kernel.packet import Place
from netdoctor_checks._moved import Stray, host_end_astray, return_of, strays
from netdoctor_checks._wiring import Missed, destination, helps, sending_route

Astray = Missed | NoRoute | ForwardingOff | TtlExceeded
Ends = Astray | NoAddress


@check("LNK004")
def veth_peer_elsewhere(end: Ends, case: Case) -> Iterator[Finding]:
    """An end of a veth pair is in the wrong namespace.

    ## What it means
    A pair leads from the host to a namespace that is not the one it was made for: the device was moved, by a stale
    sandbox or a script. A move takes its addresses and routes away.

    ## Why it breaks the path
    What the host sends into the pair comes out elsewhere, where nobody has the address (dev_change_net_namespace()
    flushed it); the container itself is left without a device.

    ## See it yourself
    `ip -d link show DEV` on the host prints `link-netnsid`; `ip netns list-id` names the namespace behind that number.

    ## How to fix it
    Move the end back (`ip -n WRONG link set DEV netns RIGHT`), set it up, and give it its address and routes again. To
    let the runtime make the network anew is safer.

    ## Often taken for
    A container that lost its network: on the host the port looks healthy.
    """
    if isinstance(end, Astray):
        for near, address in _ends(case, end):
            for stray, fix in host_end_astray(case, near, address):
                if helps(case, *fix.changes):
                    yield _finding(case, stray, fix)
    question = case.question
    inode = end.at.inode if isinstance(end, NoAddress | NoRoute) else question.destination.inode or 0
    if case.host.namespace(inode) is None or any(not link.loopback for link in case.ns(inode).links()):
        return
    at_source = inode == question.source.inode
    meant = question.destination.address
    asked, towards = (None, meant) if at_source else (meant, None)
    for stray in strays(case, inode)[:3]:
        for _, fix in return_of(case, stray, asked, towards):
            if helps(case, *fix.changes):
                yield _finding(case, stray, fix)


def _ends(case: Case, end: Astray) -> list[tuple[Place, str]]:
    """The containers' devices on both sides of what failed, with the address each is reached by."""
    sent = sending_route(case, end.step, None if isinstance(end, Missed) else end.at.inode)
    owners = case.owners(destination(case, end))
    near = dict.fromkeys([*([sent[0]] if sent is not None else []), *owners])
    return [(place, held[0].local) for place in near if (held := case.addresses(place))]


def _finding(case: Case, stray: Stray, fix: Fix) -> Finding:
    name, home = case.name(stray.at), case.label(stray.home)
    return Finding(
        f"{name}, the other end of {case.where(stray.peer)}, is in {case.label(stray.at)} and not in {home}",
        f"The pair of {case.where(stray.peer)} leads to {case.label(stray.at)}, where {name} has no address or bridge.",
        stray.at,
        (
            Proof(
                f"{name} is in {case.label(stray.at)}", case.ip(stray.at, "-d", "link", "show", "dev", name)
            ),
            Proof(f"what {home} has instead", case.ip(stray.home, "-br", "link", "show")),
        ),
        fix,
    )
