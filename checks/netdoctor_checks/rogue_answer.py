"""NEI010: another namespace answers ARP for the address of the next hop."""

from __future__ import annotations

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.fix.change import Change, Fix
from netdoctor.fix.layer2 import DeleteNeighbour
from netdoctor.fix.layer3 import DeleteAddress, SetSysctl
from netdoctor.kernel import fib
from netdoctor.kernel.endings import DeliveredElsewhere, ForwardingOff, NoRoute, ReversePath, TtlExceeded
from netdoctor.kernel.packet import Place
from netdoctor.kernel.sysctls import conf
from netdoctor_checks._wiring import destination, sending_route

Taken = ForwardingOff | NoRoute | DeliveredElsewhere | TtlExceeded | ReversePath


@check("NEI010")
def rogue_answer(end: Taken, case: Case) -> Finding | None:
    """Another namespace answers ARP in the name of the next hop.

    ## What it means
    The next hop has an owner on the segment, but the packet went to another one that also answers for that address: it
    has the address too, or it proxies ARP for more than it should.

    ## Why it breaks the path
    arp_process() answers for every address that is local in its namespace or proxied there; the sender believes the
    answer that comes first, and later ones only after arp_locktime. The packet then is with somebody who does not
    pass it on.

    ## See it yourself
    `ip neigh show NEXTHOP` shows an lladdr that is not the owner's. `arping -I DEV NEXTHOP` gets answers from two.

    ## How to fix it
    Delete the address where it does not belong (or switch proxy_arp off there), then delete the neighbour entry of
    those that believed the wrong answer.

    ## Often taken for
    A gateway with forwarding off: the packet does end at one, only not at the one that was meant.
    """
    sent = sending_route(case, end.step, end.at.inode)
    if sent is None or case.host.namespace(end.at.inode) is None:
        return None
    at, route = sent
    hops, _ = fib.route_nexthops(case.ns(at), route)
    gateway = next((hop.gateway for hop in hops if hop.oif == at.ifindex), None)
    address = gateway or destination(case, end)
    owners = [
        place for place in case.owners(address) if place in case.segment(at) and place.inode != at.inode
    ]
    true = [place for place in owners if place.inode != end.at.inode]
    changes = [*_silence(case, end.at, address), *_forget(case, at, address, end.at)] if true else []
    if not changes:
        return None
    rogue, who = case.label(end.at), case.where(true[0])
    return Finding(
        f"{rogue} answers ARP for {address}, which is {who}'s",
        f"{case.label(at)} sends to its next hop {address} by the lladdr that {rogue} gave it; the packet ends there.",
        end.at,
        (
            Proof(f"the lladdr that {case.label(at)} uses", case.ip(at, "neigh", "show", "to", address)),
            Proof(f"{who} has {address}", case.ip(true[0], "addr", "show", "to", address)),
            Proof(f"what {rogue} has", case.ip(end.at, "-d", "addr", "show", "dev", case.name(end.at))),
        ),
        Fix(f"keep {rogue} from answering for {address}", tuple(changes), "medium"),
    )


def _silence(case: Case, at: Place, address: str) -> list[Change]:
    ns = case.ns(at)
    held: list[Change] = [DeleteAddress(at.inode, ifa) for ifa in ns.owners(address)]
    names = [name for name in ("all", case.name(at)) if conf(ns, name, "proxy_arp")]
    return held or [SetSysctl(at.inode, f"ipv4/conf/{name}/proxy_arp", "0") for name in names]


def _forget(case: Case, at: Place, address: str, rogue: Place) -> list[Change]:
    entry, link = case.ns(at).neighbour(at.ifindex, address), case.link(rogue)
    wrong = entry is not None and link is not None and entry.lladdr == link.address
    return [DeleteNeighbour(at.inode, at.ifindex, address)] if wrong else []
