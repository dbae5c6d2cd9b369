"""BRG010: VLAN filtering keeps the frame out of, or in, a port."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Bridge
from netdoctor.facts.records import BridgeVlan
from netdoctor.fix.change import Fix
from netdoctor.fix.layer2 import AddVlan
from netdoctor.kernel.endings import NotForMe, NotForwardedByBridge
from netdoctor_checks._vlan import vlan_fault


@check("BRG010")
def vlan_mismatch(end: NotForwardedByBridge | NotForMe, case: Case) -> Iterator[Finding]:
    """The VLANs of the bridge ports do not fit.

    ## What it means
    The bridge filters VLANs. The port where the frame comes in puts it into one VLAN (its PVID, or the tag it
    carries), and the port where it should leave is no member of that one, or sends it tagged to a device that
    knows no tags.

    ## Why it breaks the path
    br_allowed_ingress() drops what has no VLAN to be in, br_allowed_egress() what the port is no member of. Each
    VLAN also has a forwarding database of its own.

    ## See it yourself
    `bridge vlan show` lists for each port its VLANs, `PVID` and `Egress Untagged`; `ip -d link show dev BRIDGE`
    prints `vlan_filtering 1`.

    ## How to fix it
    `bridge vlan add dev PORT vid VID pvid untagged` for the port that is the odd one out (with `self` for the
    bridge itself).

    ## Often taken for
    A firewall between subnets. Here the two are in one subnet, and even ARP does not pass.
    """
    bridge, port, vid, untag = vlan_fault(end, case)
    master = case.link(bridge) if bridge is not None else None
    if bridge is None or port is None or master is None or not (master.bridge or Bridge()).vlan_filtering:
        return
    ns, name = case.ns(bridge), case.name(port)
    members = [link.index for link in ns.ports(bridge.ifindex)] + [bridge.ifindex]
    pvids = Counter(vlan.vid for index in members for vlan in ns.vlans(index) if vlan.pvid)
    vids = Counter(vlan.vid for index in members for vlan in ns.vlans(index))
    # A bridge whose default PVID is 0 gives its ports none: what is in use is what its members have, else 1.
    usual = [found for found, _ in (pvids or vids).most_common(4)]
    usual = usual or [(master.bridge or Bridge()).vlan_default_pvid or 1]
    ingress = end.ingress if isinstance(end, NotForwardedByBridge) else None
    options = [(port, found) for found in dict.fromkeys(([vid] if vid else []) + usual)]
    if ingress is not None and ingress != port:
        options += [(ingress, found) for found in usual if found != vid]
    for place, wanted in sorted(options, key=lambda option: option[1] != usual[0]):
        fix = Fix(
            f"make {case.name(place)} a member of VLAN {wanted}, untagged and as its PVID",
            (AddVlan(place.inode, BridgeVlan(place.ifindex, wanted, True, True), place == bridge),),
            "medium",
        )
        shown = dict.fromkeys((name, case.name(place)))
        yield Finding(
            f"VLAN {vid or '(none)'} does not pass {name} in {case.label(bridge)}",
            f"{master.name} filters VLANs: the frame is in {f'VLAN {vid}' if vid else 'no VLAN'}, and {name} "
            f"{'sends that tagged to a device that takes no tags' if untag else 'is no member of it'}.",
            place,
            tuple(Proof(f"the VLANs of {n}", case.bridge(bridge, "vlan", "show", "dev", n)) for n in shown),
            fix,
        )
