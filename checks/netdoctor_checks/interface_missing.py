"""LNK003: a namespace has no network device but its loopback."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.kernel.endings import ArpNotAnswered, NeighbourUnresolved, NoAddress, NoRoute


@check("LNK003")
def interface_missing(
    end: NoAddress | NoRoute | NeighbourUnresolved | ArpNotAnswered, case: Case
) -> Finding | None:
    """The container has no network device.

    ## What it means
    The namespace has only its loopback device. Its end of the veth pair was deleted (both ends go together), was moved
    to another namespace, or was never made.

    ## Why it breaks the path
    There is nothing to send from and nobody to answer. Addresses and routes went with the device
    (unregister_netdevice() flushes both).

    ## See it yourself
    `ip -br link` in the container lists `lo` alone.

    ## How to fix it
    Only who made the network knows its name and addresses: detach the container and attach it again, or let the
    orchestrator make the pod anew.

    ## Often taken for
    A routing fault: the error is `Network is unreachable`, as with a missing default route.
    """
    inode = end.at.inode
    if isinstance(end, NeighbourUnresolved | ArpNotAnswered):
        address = end.asker.address if isinstance(end, NeighbourUnresolved) else end.address
        inode = case.question.destination.inode or 0
        if address != case.question.destination.address or case.owners(address):
            return None
    if case.host.namespace(inode) is None or any(not link.loopback for link in case.ns(inode).links()):
        return None
    label = case.label(inode)
    return Finding(
        f"{label} has no network device besides lo",
        f"{label} can neither send nor receive: its end of a pair was deleted, moved away, or never made.",
        type(end.at)(inode, 0),
        (Proof("only lo is there", case.ip(inode, "-br", "link", "show")),),
    )
