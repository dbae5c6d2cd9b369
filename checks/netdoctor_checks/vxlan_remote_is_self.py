"""VXL010: the remote of an FDB entry is the sending node itself."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import DeleteFdb
from netdoctor.fix.layer3 import DeleteAddress
from netdoctor.fix.vxlan import ReplaceRemote
from netdoctor.kernel import endings as e
from netdoctor.kernel.packet import ZERO_MAC, Place
from netdoctor_checks._underlay import addresses, owned, reaches
from netdoctor_checks._vxlan import sent, sent_home, target
from netdoctor_checks._vxlan_fixes import elsewhere, fdb_proof, node

Returned = (
    e.NotForMe | e.TtlExceeded | e.VxlanNotSent | e.VxlanRefused | e.NotForwardedByBridge | e.Looped | e.ArpNotAnswered
    | e.NeighbourUnresolved | e.MartianSource | e.ReversePath | e.DeliveredElsewhere | e.NoRoute | e.ForwardingOff
)  # fmt: skip


@check("VXL010")
def vxlan_remote_is_self(end: Returned, case: Case) -> Iterator[Finding]:
    """A VTEP's FDB entry names the node itself as the remote.

    ## What it means
    The address to which the packet should be sent through the tunnel is one of the sending node's own. Overlays that
    take the node's address from the wrong NIC (a NAT interface with the same address on every virtual machine) write
    such entries for all nodes.

    ## Why it breaks the path
    The outer route is of type local, so encap_bypass_if_local() does not send anything: the frame is handed to the
    VXLAN device of this node as if it had come out of the tunnel. It is routed into the tunnel again, until its TTL is
    used up; or the bridge drops it at the port it came from.

    ## See it yourself
    `bridge fdb show dev DEV` and `ip addr` on the same node share an address; ping reports `Time to live exceeded`.

    ## How to fix it
    `bridge fdb replace MAC dev DEV dst NODE-ADDRESS` with the other node's address. For good: tell the agent which
    interface is the nodes' (flannel: `--iface`).

    ## Often taken for
    A routing loop between nodes, because of the TTL. Nothing ever leaves this node.
    """
    found = sent_home(case, end) if isinstance(end, e.NeighbourUnresolved) else sent(case, end)
    if found is None or found.entry is None or not owned(case, found.by.home, found.entry.dst):
        return
    entry, by, there = found.entry, found.by, target(case, found)
    twice = there is not None and owned(case, there.home, entry.dst)
    if there is not None and not twice and entry.lladdr == ZERO_MAC and reaches(case, by, there, ZERO_MAC):
        return
    known = addresses(case, there, by) if there is not None else []
    fixes = [
        Fix(f"point the entry at {dst}", (ReplaceRemote(by.at.inode, entry, elsewhere(entry, dst)),))
        for dst in known
        if not twice
    ]
    for ifa in case.ns(by.home).owners(entry.dst or "") if twice else ():
        words = f"take {entry.dst} from {case.where(Place(by.home, ifa.ifindex))}: it is the other node's"
        fixes.append(Fix(words, (DeleteAddress(by.home, ifa),), "medium"))
    for fix in fixes or [Fix("delete the entry", (DeleteFdb(by.at.inode, entry),))]:
        yield Finding(
            f"{case.where(by.at)} has {entry.dst} as the remote for {entry.lladdr}, an address of its own node",
            f"{entry.dst} is {node(case, by)} itself, so what should go through the tunnel is handed back to where it "
            "came from and never leaves the node.",
            by.at,
            (
                fdb_proof(case, by.at, f"the entry for {entry.lladdr} has dst {entry.dst}"),
                Proof(f"{entry.dst} is configured here", case.ip(by.home, "-4", "addr", "show")),
            ),
            fix,
        )
