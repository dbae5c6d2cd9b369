"""VXL008: a tunnel's own outer address is not on its node."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.host import covers
from netdoctor.facts.records import Address
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.layer3 import AddAddress
from netdoctor.fix.vxlan import SetVxlan
from netdoctor.kernel.endings import NeighbourUnresolved, NoRoute, VxlanNotSent
from netdoctor.kernel.packet import Place
from netdoctor_checks._underlay import addresses, owned, underlay_candidates
from netdoctor_checks._vxlan import Vtep, overlay, sent, target
from netdoctor_checks._vxlan_fixes import link_proof, node


@check("VXL008")
def vxlan_local_address_missing(
    end: VxlanNotSent | NeighbourUnresolved | NoRoute, case: Case
) -> Iterator[Finding]:
    """The VXLAN device's local address is not an address of its node.

    ## What it means
    The device was made with `local ADDRESS`, the source of its outer packets and the address that the other nodes send
    to. No interface of the node has that address any more: the node was renumbered, or DHCP gave it another one.

    ## Why it breaks the path
    ip_route_output_key_hash_rcu() refuses a source address that is not the node's own (EINVAL), so that
    vxlan_xmit_one() cannot route the outer packet and counts it in tx_errors. What the others send to the old address
    stays unanswered at their ARP request.

    ## See it yourself
    `ip -d link show DEV` prints `local ADDRESS`; `ip addr` in the node's namespace does not have it.

    ## How to fix it
    Put the address back, or change the device (`ip link set DEV type vxlan local NEW`) and with it the remotes on every
    other node. Agents note their node's address when they start: restart them after it changes.

    ## Often taken for
    A route that is missing: `ip route get REMOTE` works, `ip route get REMOTE from ADDRESS` does not.
    """
    one = sent(case, end)
    if one is None or (isinstance(end, VxlanNotSent) and end.why != "local-address"):
        return
    there = one.by if isinstance(end, VxlanNotSent) else target(case, one)
    if there is None or there.data.local is None or owned(case, there.home, there.data.local):
        return
    if there is not one.by and (one.entry is None or one.entry.dst != there.data.local):
        return
    for change, summary in _changes(case, there, there.data.local):
        yield Finding(
            f"{case.where(there.at)} sends from {there.data.local}, which is no address of {node(case, there)}",
            f"The tunnel's local address is {there.data.local}; {node(case, there)} does not have it, so it can "
            "neither send from it nor be reached by it.",
            there.at,
            (
                link_proof(case, there.at, f"the device has local {there.data.local}"),
                Proof(f"{there.data.local} is not among them", case.ip(there.home, "-4", "addr", "show")),
            ),
            Fix(summary, (change,), "medium"),
        )


def _changes(case: Case, there: Vtep, local: str) -> Iterator[tuple[Change, str]]:
    """The address put back on the device of the underlay; then the tunnel given an address that the node has."""
    others = [v for v in overlay(case, there) if v.home != there.home]
    far = [ifa for v in others for ifa in case.ns(v.home).addresses() if ifa.family == 2]
    length = next((i.prefixlen for i in far if covers(i.address or i.local, i.prefixlen, local)), 32)
    for index in underlay_candidates(case, there, others):
        back = Address(index, 2, local, length, local)
        where = case.where(Place(there.home, index))
        yield AddAddress(there.home, back), f"put {local}/{length} back on {where}"
    for other in others[:1]:
        for address in addresses(case, there, other):
            change = SetVxlan(there.at.inode, there.at.ifindex, local=address)
            yield change, f"send from {address} instead"
