"""BRG002: a port is in another bridge than the one its subnet is on."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import SetMaster
from netdoctor.kernel.packet import Place
from netdoctor_checks._bridging import bridges, members, ports
from netdoctor_checks._wiring import Apart, Sought, cut_off, helps, neighbours_by_prefix


@check("BRG002")
def port_in_wrong_bridge(end: Apart, case: Case) -> Iterator[Finding]:
    """A port is in another bridge than the rest of its subnet.

    ## What it means
    Two devices have addresses of one subnet and take each other for neighbours, yet the bridges they hang on are two
    different ones in the same namespace.

    ## Why it breaks the path
    A bridge floods an ARP request to its own ports only (br_flood()). The owner of the address is a port of another
    bridge, so it never hears the question.

    ## See it yourself
    `bridge link` prints the master of every port; compare that of the two containers. `ip -br addr` shows which bridge
    has the address of the subnet.

    ## How to fix it
    `ip link set DEV master BRIDGE` moves the port at once. Look for a network that was made again under another name,
    or for two CNI configurations that are both active.

    ## Often taken for
    A dead container: it does not answer ARP, though all is well inside it.
    """
    for hop, owner in cut_off(case, end):
        if neighbours_by_prefix(case, hop, owner):
            for _, port, bridge in sorted(_moves(case, hop, owner), key=lambda move: -move[0]):
                if helps(case, SetMaster(port.inode, port.ifindex, bridge.ifindex)):
                    yield _finding(case, hop, owner, port, bridge)


def _moves(case: Case, hop: Sought, owner: Place) -> Iterator[tuple[int, Place, Place]]:
    """Each port that could move to the other side's bridge, with how much more of its subnet is there than here."""
    for near, far, address in ((owner, hop.at, hop.address), (hop.at, owner, hop.address)):
        for port in ports(case, near):
            now = Place(port.inode, (link.master if (link := case.link(port)) is not None else None) or 0)
            for bridge in bridges(case, far, port.inode):
                if case.peer(port) is not None and now != near:
                    yield (
                        members(case, bridge, address, port) - members(case, now, address, port),
                        port,
                        bridge,
                    )


def _finding(case: Case, hop: Sought, owner: Place, port: Place, bridge: Place) -> Finding:
    link = case.link(port)
    name, wanted = case.name(port), case.name(bridge)
    now = case.name(Place(port.inode, (link.master if link is not None else None) or 0))
    return Finding(
        f"{name} in {case.label(port)} is a port of {now}, while its subnet is on {wanted}",
        f"{case.where(hop.at)} asks who has {hop.address}; the owner, {case.where(owner)}, hangs on another bridge, "
        f"and a bridge floods only to its own ports.",
        port,
        (
            Proof(f"{name} has the master {now}", case.ip(port, "link", "show", "dev", name)),
            Proof(f"{wanted} has other members of the subnet", case.bridge(port, "link", "show")),
            Proof(
                f"{case.where(owner)} has {hop.address}", case.ip(owner, "addr", "show", "to", hop.address)
            ),
        ),
        Fix(f"move {name} to {wanted}", (SetMaster(port.inode, port.ifindex, bridge.ifindex),), "medium"),
    )
