"""What the checks of tunnels share: which one sent the packet, and which one it was meant for."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.host import covers
from netdoctor.facts.links import Link, Record, Tunnel
from netdoctor.kernel import topology
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place


class End(Record, frozen=True):
    """A tunnel device, and the namespace whose routes carry its outer packets."""

    at: Place
    link: Link
    data: Tunnel
    home: int


def by_next_hop(one: End) -> bool:
    """Whether the tunnel sends to the route's next hop: it has no remote, and is of a kind that does so."""
    return one.data.remote is None and one.link.kind in ("ipip", "sit", "gre")


def tunnel_at(case: Case, at: Place) -> End | None:
    """The tunnel at a place, or None where there is none."""
    link, ns = case.link(at), case.host.namespace(at.inode)
    data = link.tunnel or (Tunnel() if link.kind == "wireguard" else None) if link is not None else None
    if link is None or ns is None or data is None:
        return None
    home = at.inode if link.link_netnsid is None else ns.peer_namespace(link.link_netnsid)
    return End(at, link, data, home) if home is not None else None


def entered(case: Case, end: Ending) -> tuple[End, int] | None:
    """The tunnel that the packet is in, and the step by which it went in; None where it is in none."""
    inside = 0
    for number in reversed(case.walk.chain(end.step)):
        step = case.walk.steps[number]
        if step.action == "decapsulate":
            inside += 1
        elif step.action == "encapsulate" and inside:
            inside -= 1
        elif step.action == "encapsulate":
            found = tunnel_at(case, step.at)
            return (found, number) if found is not None else None
    return None


def far_ends(case: Case, one: End) -> list[End]:
    """The other ends of `one`, or what was to be one: those that fit, then those with an address beside."""
    places = topology.far_tunnels(case.host, one.at, one.link)
    beside = [at for at, link in topology.tunnels(case.host, one.link.kind or "") if _beside(case, one, at)]
    found = (tunnel_at(case, at) for at in dict.fromkeys((*places, *beside)))
    return [end for end in found if end is not None and end.home != one.home]


def _beside(case: Case, one: End, at: Place) -> bool:
    """Whether the addresses inside the tunnels are of one subnet."""
    return any(
        covers(ifa.address or ifa.local, ifa.prefixlen, other.local)
        for ifa in case.addresses(one.at)
        for other in case.addresses(at)
        if at.inode != one.at.inode
    )


def outer_addresses(case: Case, there: End, by: End) -> Iterator[str]:
    """The addresses of the underlay by which `by` may reach `there`, the one that the tunnel sends from first."""
    ns, here = case.host.namespace(there.home), case.host.namespace(by.home)
    if ns is None or here is None:
        return
    own = [ifa.local for ifa in ns.addresses() if ifa.family == 2 and not ifa.local.startswith("127.")]
    if there.data.local in own:
        yield there.data.local or ""
    mine = [ifa for ifa in here.addresses() if ifa.family == 2 and ifa.prefixlen < 32]
    for address in own:
        near = any(covers(ifa.address or ifa.local, ifa.prefixlen, address) for ifa in mine)
        if near and address != there.data.local and not here.owners(address):
            yield address


def shown(case: Case, one: End, statement: str) -> Proof:
    """Evidence: the device with its parameters."""
    return Proof(statement, case.ip(one.at, "-d", "link", "show", "dev", one.link.name))


def ends_of(data: Tunnel) -> str:
    """The ends and the key of a tunnel in words."""
    words = f"local {data.local or 'any'} remote {data.remote or 'any'}"
    return words + (f" key {data.ikey}" if data.ikey is not None else "")
