"""Which devices are next to which, whatever state they are in: the cabling, not the traffic."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from weakref import WeakKeyDictionary

from netdoctor.facts.fleet import fleet_of
from netdoctor.facts.host import Host
from netdoctor.facts.links import Link
from netdoctor.facts.wireguard import WireGuard
from netdoctor.facts.wires import OVER
from netdoctor.kernel.packet import Place

#: Beyond this many devices the search gives up; a namesake that far away explains nothing.
MAX_PLACES = 5000
#: Kinds of tunnel whose other ends are found by their remotes.
TUNNELS = ("ipip", "sit", "gre", "gretap", "geneve")
#: Devices that no frame comes to from a slave: they have none, or leave theirs to layer 3.
_WITHOUT_PORTS = (None, "", "veth", "vxlan", "dummy", "ifb", "tun", "wireguard", "vrf", *OVER)
_over: WeakKeyDictionary[Host, dict[str, dict[Place, list[Place]]]] = WeakKeyDictionary()


def link_at(host: Host, place: Place) -> Link | None:
    """The device at `place`, or None where namespace or device is gone."""
    ns = host.namespace(place.inode)
    return ns.link(place.ifindex) if ns is not None else None


def lower_of(host: Host, place: Place, link: Link) -> Place | None:
    """Where `iflink` leads: the pair's other end, or the parent device; None where it is not visible."""
    if not link.iflink or link.iflink == link.index and link.link_netnsid is None:
        return None
    inode: int | None = place.inode
    if link.link_netnsid is not None:
        ns = host.namespace(place.inode)
        inode = ns.peer_namespace(link.link_netnsid) if ns is not None else None
    return Place(inode, link.iflink) if inode is not None else None


def owners(host: Host, address: str) -> list[Place]:
    """Every device, in any namespace, that carries `address`."""
    found = []
    for known in host.namespaces():
        ns = host.namespace(known.inode)
        for held in ns.owners(address) if ns is not None else ():
            found.append(Place(known.inode, held.ifindex))
    return found


def segment(host: Host, start: Place) -> dict[Place, int]:
    """The devices on one layer-2 segment with `start`, with their distance from it in hops."""
    return distances(host, [start], routed=False)


def distances(host: Host, starts: Iterable[Place], routed: bool) -> dict[Place, int]:
    """Distance of every device from the nearest of `starts`; with `routed`, through namespaces too."""
    found = dict.fromkeys(starts, 0)
    queue = deque(found)
    while queue and len(found) < MAX_PLACES:
        place = queue.popleft()
        for other in neighbours(host, place, routed):
            if other not in found:
                found[other] = found[place] + 1
                queue.append(other)
    return found


def neighbours(host: Host, place: Place, routed: bool = False) -> list[Place]:
    """The devices cabled to this one: pair, bridge, ports, parent, children, far VTEPs, what an assumed wire joins.

    With `routed`, the other devices of its namespace too.
    """
    ns = host.namespace(place.inode)
    link = ns.link(place.ifindex) if ns is not None else None
    if ns is None or link is None or link.loopback:
        return []
    found: list[Place] = []
    if link.kind in ("veth", *OVER):
        lower = lower_of(host, place, link)
        found += [lower] if lower is not None else []
    if link.master:
        found.append(Place(place.inode, link.master))
    if link.kind not in _WITHOUT_PORTS:
        found += [Place(place.inode, port.index) for port in ns.ports(link.index)]
    if link.kind == "vxlan":
        found += far_vteps(host, place, link)
    if link.kind in TUNNELS:
        found += far_tunnels(host, place, link)
    if link.kind == "wireguard":
        found += far_peers(host, place)
    if link.kind == "tun":
        found += [at for at, one in tunnels(host, "tun") if one.name == link.name and at.inode != place.inode]
    found += [child for kind in OVER for child in children(host, place, kind)]
    found += wired(host, place)
    if routed:
        found += [
            Place(place.inode, other.index)
            for other in ns.links()
            if other.index != link.index and not other.loopback
        ]
    return found


def wired(host: Host, place: Place) -> list[Place]:
    """The NICs of other hosts that are assumed to be on one wire with this device."""
    fleet = fleet_of(host)
    return (
        [Place(*port) for port in fleet.wires.others((place.inode, place.ifindex))]
        if fleet is not None
        else []
    )


def children(host: Host, parent: Place, kind: str = "macvlan") -> list[Place]:
    """The devices of `kind` over `parent`.

    A bridge port has no macvlan devices, nor has a pair or bridge that nobody made promiscuous.
    """
    device = link_at(host, parent)
    if device is None:
        return []
    if kind == "macvlan" and (device.master and device.slave_kind == "bridge"):
        return []
    if kind == "macvlan" and device.kind in ("veth", "bridge") and device.promiscuity == 0:
        return []
    return _stacked(host, kind).get(parent, [])


def _stacked(host: Host, kind: str) -> dict[Place, list[Place]]:
    """The devices of `kind` by what they stand on; found once for each host."""
    known = _over.setdefault(host, {})
    if kind not in known:
        known[kind] = {}
        for one in host.namespaces():
            ns = host.namespace(one.inode)
            for link in ns.links_of_kind(kind) if ns is not None else ():
                place = Place(one.inode, link.index)
                lower = lower_of(host, place, link)
                if lower is not None:
                    known[kind].setdefault(lower, []).append(place)
    return known[kind]


def vteps(host: Host) -> list[tuple[Place, Link]]:
    """All VXLAN devices of the host."""
    found = []
    for known in host.namespaces():
        ns = host.namespace(known.inode)
        for link in ns.links_of_kind("vxlan") if ns is not None else ():
            found.append((Place(known.inode, link.index), link))
    return found


def far_vteps(host: Host, place: Place, link: Link) -> list[Place]:
    """The VXLAN devices that are meant to be the other ends: of the same VNI, else of the same name.

    Several overlays of one host may share a VNI (each cluster has its own VNI 1): those whose underlays are not cabled
    together have nothing to do with each other.
    """
    others = [(other, device) for other, device in vteps(host) if other != place]
    vni = link.vxlan.vni if link.vxlan is not None else 0
    same = [
        (other, device) for other, device in others if device.vxlan is not None and device.vxlan.vni == vni
    ]
    meant = same or [(other, device) for other, device in others if device.name == link.name]
    homes = {_underlay(host, other, device) for other, device in meant}
    cabled = _cabled(host, _underlay(host, place, link), homes)
    joined = [other for other, device in meant if _underlay(host, other, device) in cabled]
    return joined or [other for other, _ in meant]


def far_tunnels(host: Host, place: Place, link: Link) -> list[Place]:
    """The tunnels of the same kind that are, or could be, its other ends: by their remotes, else by their name."""
    used = tunnels(host, link.kind or "")
    home = _underlay(host, place, link)
    if not any(at == place for at, _ in used):
        return []
    others = [(at, one) for at, one in used if _underlay(host, at, one) != home]
    fitting = [at for at, one in others if _sends_to(host, link, at, one) and _sends_to(host, one, place, link)]
    return fitting or [at for at, one in others if one.name == link.name]


def far_peers(host: Host, place: Place) -> list[Place]:
    """The WireGuard devices whose public key is that of a peer here, or that have the key here among their peers."""
    ns = host.namespace(place.inode)
    mine = ns.wireguard(place.ifindex) if ns is not None else None
    found = []
    for known in host.namespaces() if mine is not None else ():
        other = host.namespace(known.inode)
        for link in other.links_of_kind("wireguard") if other is not None else ():
            theirs = other.wireguard(link.index) if other is not None else None
            if theirs is None or mine is None or (known.inode, link.index) == (place.inode, place.ifindex):
                continue
            if _knows(mine, theirs) or _knows(theirs, mine):
                found.append(Place(known.inode, link.index))
    return found


def _knows(one: WireGuard, other: WireGuard) -> bool:
    return any(peer.public_key == other.public_key for peer in one.peers)


def tunnels(host: Host, kind: str) -> list[tuple[Place, Link]]:
    """All tunnels of a kind that are in use: up, or with an address (the fallback devices stand everywhere)."""
    found = []
    for known in host.namespaces():
        ns = host.namespace(known.inode)
        for link in ns.links_of_kind(kind) if ns is not None else ():
            if ns is not None and (link.up or ns.addresses(link.index)):
                found.append((Place(known.inode, link.index), link))
    return found


def _sends_to(host: Host, one: Link, at: Place, other: Link) -> bool:
    """Whether the remote of a tunnel is in the other's underlay, or could be."""
    remote, home = one.tunnel.remote if one.tunnel is not None else None, _underlay(host, at, other)
    ns = host.namespace(home) if home is not None else None
    return remote is None or (ns is not None and bool(ns.owners(remote)))


def _underlay(host: Host, place: Place, link: Link) -> int | None:
    """The namespace whose routes carry a VXLAN device's outer packets."""
    if link.link_netnsid is None:
        return place.inode
    ns = host.namespace(place.inode)
    return ns.peer_namespace(link.link_netnsid) if ns is not None else None


def _cabled(host: Host, home: int | None, wanted: set[int | None]) -> set[int | None]:
    """Of the namespaces wanted, those that pairs, stacked devices and wires join with `home`, tunnels aside."""
    found: set[int | None] = {home}
    queue = deque([home])
    while queue and not wanted <= found:
        inode = queue.popleft()
        ns = host.namespace(inode) if inode is not None else None
        for link in ns.links() if ns is not None and inode is not None else ():
            place = Place(inode or 0, link.index)
            lower = lower_of(host, place, link) if link.kind in ("veth", *OVER) else None
            for other in (*wired(host, place), *([lower] if lower is not None else [])):
                if other.inode not in found:
                    found.add(other.inode)
                    queue.append(other.inode)
    return found & wanted


def named(host: Host, inode: int) -> str:
    """The name a person would use for a namespace."""
    ns = host.namespace(inode)
    return ns.id.label if ns is not None else f"netns {inode}"
