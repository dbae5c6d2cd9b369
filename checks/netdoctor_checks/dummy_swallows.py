"""LNK008: the packet was sent through a dummy or ifb device."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.records import Route
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import DeleteRoute, route_words
from netdoctor.kernel.endings import Swallowed


@check("LNK008")
def dummy_swallows(end: Swallowed, case: Case) -> Finding:
    """The packet goes out of a dummy or ifb interface, which discards it.

    ## What it means
    A dummy device is a place to keep addresses, an ifb one to shape what tc redirects to it. Neither has another end:
    what is sent through it is counted and freed. A route leads the packet there.

    ## Why it breaks the path
    dummy_xmit() in drivers/net/dummy.c updates its counters and frees the packet, ifb_xmit() one that was not
    redirected. To the sender that is success: no error, no ICMP message, no retry.

    ## See it yourself
    `ip route get ADDRESS` names the device as the way out; `ip -s -d link show dev DEV` says `dummy` or `ifb`, and
    a counter (TX, of an ifb RX dropped) grows with every ping.

    ## How to fix it
    Delete the route that leads there, or the address whose prefix brought the route along, if its prefix is wider
    than the addresses that really belong to the dummy.

    ## Often taken for
    A firewall that drops in silence. Node-local DNS caches and kube-ipvs0 use dummies rightly: there the
    addresses are local, and nothing is sent through the device.
    """
    route = next((fact for number in reversed(case.walk.chain(end.step)) for fact in case.walk.steps[number].facts
                  if isinstance(fact, Route)), None)  # fmt: skip
    ns, name, link = case.ns(end.at), case.name(end.at), case.link(end.at)
    kind = (link.kind if link is not None else None) or "dummy"
    fix = None
    proofs = [Proof(f"{name} is of kind {kind}", case.ip(end.at, "-d", "link", "show", "dev", name))]
    if route is not None and any(hop.oif == end.at.ifindex for hop in route.nexthops):
        words = " ".join(route_words(ns, route, deleting=True))
        proofs.append(
            Proof(
                f"the route {words} leads there", case.ip(end.at, "route", "show", "table", str(route.table))
            )
        )
        fix = Fix(
            f"delete the route {words} in {case.label(end.at)}", (DeleteRoute(end.at.inode, route),), "medium"
        )
    return Finding(
        f"the packet is sent through the {kind} {name} in {case.label(end.at)}",
        f"{name} is a device of kind {kind}: what is sent through it is counted and discarded.",
        end.at,
        tuple(proofs),
        fix,
    )
