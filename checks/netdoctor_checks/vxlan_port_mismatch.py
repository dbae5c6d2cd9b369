"""VXL007: no VXLAN device of the receiving node listens on the packet's UDP port."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, check
from netdoctor.kernel.endings import VxlanRefused
from netdoctor_checks._vxlan import sent
from netdoctor_checks._vxlan_fixes import fdb_proof, link_proof, node
from netdoctor_checks._vxlan_sides import alternatives, counterpart


@check("VXL007")
def vxlan_port_mismatch(end: VxlanRefused, case: Case) -> Iterator[Finding]:
    """The far node's VXLAN device listens on another UDP port.

    ## What it means
    Both ends of a tunnel have to agree on the UDP port: 4789 is IANA's number, 8472 the default of Linux, which
    flannel uses. Here the packet goes to one port and the far device listens on another.

    ## Why it breaks the path
    A VXLAN device opens a kernel socket on its `dstport` while it is up (vxlan_sock_add()). Where no socket listens,
    __udp4_lib_rcv() drops the packet and answers ICMP port unreachable to the node, which does not pass it on.

    ## See it yourself
    `ip -d link show DEV` prints `dstport` on each node; `bridge fdb show dev DEV` prints `port N` where an entry has
    one of its own; `ss -uln` on the far node lists the open port. NoPorts of `nstat -az UdpNoPorts` counts there.

    ## How to fix it
    The port cannot be changed in a device that exists: delete it and make it anew with the right `dstport`, with all
    that hangs on it. An entry's own port goes with `bridge fdb replace`. Then set it in the overlay's configuration.

    ## Often taken for
    A firewall that blocks the overlay's port. A device that is down closes the port too.
    """
    one = sent(case, end)
    there = counterpart(case, one, end) if one is not None else None
    if (
        end.why not in ("port-closed", "vni")
        or one is None
        or there is None
        or there.data.port == end.packet.dport
    ):
        return
    for at, fix in alternatives(case, one, there, "port"):
        yield Finding(
            f"{case.where(one.by.at)} sends to UDP port {end.packet.dport} of {node(case, there)}, where "
            f"{case.name(there.at)} listens on {there.data.port}",
            f"No VXLAN device of {node(case, there)} takes the packet: {case.name(there.at)} has dstport "
            f"{there.data.port}.",
            at,
            (
                link_proof(case, one.by.at, f"the sender's device has dstport {one.by.data.port}"),
                link_proof(case, there.at, f"the receiver's has dstport {there.data.port}"),
                fdb_proof(case, one.by.at, f"the entry that is used sends to port {end.packet.dport}"),
            ),
            fix,
        )
