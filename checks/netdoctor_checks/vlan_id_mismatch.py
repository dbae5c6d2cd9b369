"""LNK009: the two ends of a VLAN have different ids, or different kinds of tag."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Vlan
from netdoctor.kernel import topology
from netdoctor.kernel.endings import Ending, NotForMe
from netdoctor.kernel.packet import Place
from netdoctor_checks._hop import helps
from netdoctor_checks._stacked import met, retag, vlan_name


@check("LNK009")
def vlan_id_mismatch(end: NotForMe | Ending, case: Case) -> Iterator[Finding]:
    """The VLAN devices at the two ends are for different VLANs.

    ## What it means
    The frame carries a tag, and where it arrives no VLAN device is for that VLAN: its id is another one there, or the
    one end tags as 802.1Q and the other as 802.1ad, or one end does not tag at all.

    ## Why it breaks the path
    vlan_do_receive() (net/8021q/vlan_core.c) looks for a device of the tag's protocol and id over the one that took
    the frame in. Where there is none, __netif_receive_skb_core() calls the frame somebody else's
    (PACKET_OTHERHOST), and IP and ARP pass over it. Nobody is told.

    ## See it yourself
    `ip -d link show dev DEV` prints `vlan protocol 802.1Q id N` at each end; the name says nothing (`eth0.10` may have
    any id). `tcpdump -e` on the parent shows the tag that arrives.

    ## How to fix it
    The id of a standing device cannot be changed: delete it and make it again, `ip link add link PARENT name DEV type
    vlan id N`, then its addresses and routes. On a switch between the two, both VLANs have to be allowed.

    ## Often taken for
    A firewall or a dead cable: both ends are up, have their carrier, and not even ARP is answered.
    """
    ends = [place for place in met(case, end) if _vlan(case, place) is not None]
    if not isinstance(end, NotForMe):
        return
    sender = ends[0] if ends else None
    frame = end.frame
    takers = topology.children(case.host, end.at, "vlan")
    tag = Vlan(frame.vlan, frame.tpid) if frame.vlan is not None else None
    if tag is None or sender is None:
        return
    for place in takers:
        fix = retag(case, place, tag.vid, tag.protocol)
        if fix is not None and helps(case, fix):
            yield _finding(case, place, sender, tag, _vlan(case, place), fix)
        own = _vlan(case, place) or tag
        back = retag(case, sender, own.vid, own.protocol)
        if back is not None and helps(case, back):
            yield _finding(case, sender, place, own, tag, back)
    if not takers and case.addresses(end.at):
        yield _finding(case, end.at, sender, tag, None, None)


def _vlan(case: Case, place: Place) -> Vlan | None:
    link = case.link(place)
    return link.vlan if link is not None else None


def _finding(case: Case, odd: Place, other: Place, tag: Vlan, own: Vlan | None, fix: object) -> Finding:
    has = vlan_name(own) if own is not None else "no VLAN"
    return Finding(
        f"{case.where(odd)} is for {has}, and {case.where(other)} for {vlan_name(tag)}",
        f"A frame with the tag of the one end meets no device for that VLAN at the other: {case.name(odd)} is for "
        f"{has}, so the kernel takes the frame for somebody else's.",
        odd,
        tuple(
            Proof(f"the VLAN of {case.name(place)}", case.ip(place, "-d", "link", "show", "dev", case.name(place)))
            for place in (odd, other)
        ),
        fix,  # type: ignore[arg-type]
    )
