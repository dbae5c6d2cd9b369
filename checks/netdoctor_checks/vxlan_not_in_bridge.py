"""VXL012: a VTEP of a bridged overlay is in no bridge."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.links import Link
from netdoctor.fix.change import Change, Fix, applied
from netdoctor.fix.layer2 import SetMaster
from netdoctor.kernel import endings as e
from netdoctor.kernel import topology
from netdoctor_checks._vxlan import Vtep, overlay, vtep
from netdoctor_checks._vxlan_fixes import link_proof

Missed = e.NeighbourUnresolved | e.ArpNotAnswered | e.NotForMe | e.NotForwardedByBridge | e.NoVtep | e.ForwardingOff | e.NoRoute


@check("VXL012")
def vxlan_not_in_bridge(end: Missed, case: Case) -> Iterator[Finding]:
    """A VTEP is no port of the overlay's bridge.

    ## What it means
    In an overlay of layer 2 the VXLAN device is a port of a bridge, beside the containers. Its fellows on other nodes
    are ports; this one has no master.

    ## Why it breaks the path
    The bridge has no way into the tunnel. What comes out of the tunnel goes up the node's own stack instead of into the
    bridge, since br_handle_frame() is not registered on the device; there it is for nobody.

    ## See it yourself
    `ip -d link show DEV` prints no `master`, and `bridge link` does not list the device.

    ## How to fix it
    `ip link set DEV master BRIDGE`. Then find out who took it from the bridge: a network manager that restarted, or a
    script that made the device anew.

    ## Often taken for
    A missing FDB entry of the bridge: with the VTEP outside, it cannot learn any.
    """
    loose = [(one, bridge) for one in _nearby(case) if _loose(case, one) for bridge in _bridges(case, one)]
    changes = [SetMaster(one.at.inode, one.at.ifindex, bridge.index) for one, bridge in loose]
    helpful = [n for n, change in enumerate(changes) if case.progress(applied(case.host, (change,))) > 0]
    for number in helpful or ([0] if len({one.at for one, _ in loose}) > 1 else []):
        one, bridge = loose[number]
        several: tuple[Change, ...] = (changes[number],) if helpful else _each(loose, changes)
        yield Finding(
            f"{case.where(one.at)} is in no bridge",
            f"{case.name(one.at)} is the way from {bridge.name} to the other nodes, and has no master: nothing passes "
            "between the bridge and the tunnel.",
            one.at,
            (
                link_proof(case, one.at, f"{case.name(one.at)} shows no master"),
                Proof(f"it is not among the ports of {bridge.name}", case.bridge(one.at, "link", "show")),
            ),
            Fix(f"make {case.name(one.at)} a port of {bridge.name}", several),
        )


def _nearby(case: Case) -> list[Vtep]:
    """The VTEPs of the namespaces that the packet came by, and of those around the destination."""
    inodes = {step.at.inode for step in case.walk.steps}
    inodes |= {place.inode for owner in case.owners(case.target) for place in case.segment(owner)}
    known = [vtep(case, place) for place, _ in topology.vteps(case.host) if place.inode in inodes]
    return [one for one in known if one is not None]


def _each(loose: list[tuple[Vtep, Link]], changes: list[SetMaster]) -> tuple[Change, ...]:
    """One change for every loose VTEP: together they may help where one alone does not."""
    first = {one.at: change for (one, _), change in reversed(list(zip(loose, changes, strict=True)))}
    return tuple(first[at] for at in dict.fromkeys(one.at for one, _ in loose))


def _loose(case: Case, one: Vtep) -> bool:
    """A VTEP without master and without addresses, one of whose fellows is a port."""
    return not one.link.master and not case.addresses(one.at) and any(v.link.master for v in overlay(case, one))


def _bridges(case: Case, one: Vtep) -> list[Link]:
    """The bridges it may belong to: those without a VTEP of their own first, then those of a fellow's bridge's name."""
    ns = case.ns(one.at)
    names = {case.ns(v.at).link(v.link.master) for v in overlay(case, one) if v.link.master}
    wanted = {link.name for link in names if link is not None}
    found = [link for link in ns.links_of_kind("bridge") if all(port.kind != "vxlan" for port in ns.ports(link.index))]
    return sorted(found, key=lambda link: link.name not in wanted)[:3]
