"""From the facts of a host to its map. Pure; nothing is walked."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from netdoctor import __version__
from netdoctor.facts.host import Host, Namespace, NamespaceId
from netdoctor.facts.links import Link
from netdoctor.hostmap import SCHEMA, STACKED, HostMap, Joint, MapDevice, MapEdge, MapNamespace
from netdoctor.kernel.packet import Place
from netdoctor.kernel.topology import TUNNELS, far_peers, far_tunnels, far_vteps, lower_of
from netdoctor.kernel.transmit import has_carrier
from netdoctor.kernel.walk import Walk
from netdoctor.pathgraph import kind_of, node_id
from netdoctor.places import namespace_ref
from netdoctor.report import MissingPart, Tool


def survey(host: Host) -> HostMap:
    """Return the map of everything that is visible of `host`."""
    known = [(entry, ns) for entry in host.namespaces() if (ns := host.namespace(entry.inode)) is not None]
    edges: dict[frozenset[str], MapEdge] = {}
    for entry, ns in known:
        for edge in _edges(host, entry, ns):
            edges.setdefault(frozenset((edge.source, edge.target)), edge)  # a pair is seen from both ends
    stood_on = {edge.target for edge in edges.values() if edge.kind in ("parent", "underlay")}
    return HostMap(
        SCHEMA,
        Tool("netdoctor", __version__),
        datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        (host.name,),
        tuple(_namespace(host, entry, ns, stood_on) for entry, ns in known),
        tuple(edges.values()),
        tuple(MissingPart(item.what, item.why, item.how_to_get_it) for item in host.missing),
    )


def _namespace(host: Host, entry: NamespaceId, ns: Namespace, stood_on: set[str]) -> MapNamespace:
    links = ns.links()
    hub = entry.is_host or any(
        link.kind in ("bridge", "vxlan") or node_id(Place(entry.inode, link.index)) in stood_on
        for link in links
    )
    # a namespace into which several pairs lead hangs others together too: a router, a node without a bridge
    pairs = sum(link.kind == "veth" and link.link_netnsid is not None for link in links)
    walk = Walk(host)
    devices = tuple(_device(walk, entry, ns, link) for link in links)
    return MapNamespace(namespace_ref(host, entry.inode), host.name, entry.is_host, hub or pairs > 2, devices)


def _device(walk: Walk, entry: NamespaceId, ns: Namespace, link: Link) -> MapDevice:
    at = Place(entry.inode, link.index)
    carrier = has_carrier(walk, at, link)
    addresses = tuple(f"{held.local}/{held.prefixlen}" for held in ns.addresses(link.index))
    return MapDevice(
        node_id(at),
        link.name,
        kind_of(link),
        link.up,
        carrier,
        link.mtu,
        link.address,
        addresses,
        tuple(_notes(link, carrier)),
    )


def _notes(link: Link, carrier: bool) -> Iterator[str]:
    if not link.up:
        yield "down"
    elif not carrier and not link.loopback:
        yield "no carrier"
    if link.vxlan is not None:
        remote = f", group {link.vxlan.group}" if link.vxlan.group else ""
        local = f", local {link.vxlan.local}" if link.vxlan.local else ""
        yield f"VNI {link.vxlan.vni}, port {link.vxlan.port}{local}{remote}"
    if link.tunnel is not None:
        local = f"local {link.tunnel.local}, " if link.tunnel.local else ""
        yield f"{local}remote {link.tunnel.remote or 'any'}"
    if link.macvlan is not None:
        yield f"mode {link.macvlan.mode}"
    if link.ipvlan is not None:
        yield f"mode {link.ipvlan.mode} {link.ipvlan.flag}"
    if link.vlan is not None:
        yield f"VLAN {link.vlan.vid}{' (802.1ad)' if link.vlan.protocol == 0x88A8 else ''}"
    if link.bond is not None:
        yield f"mode {link.bond.mode}"
    if link.vrf is not None:
        yield f"table {link.vrf.table}"
    if link.bridge is not None and link.bridge.vlan_filtering:
        yield "filters VLANs"
    if link.xdp:
        yield "has an XDP program"


def _edges(host: Host, entry: NamespaceId, ns: Namespace) -> Iterator[MapEdge]:
    for link in ns.links():
        at = Place(entry.inode, link.index)
        if link.master and ns.link(link.master) is not None:
            yield _edge(Place(entry.inode, link.master), at, "port", link.slave_kind or "")
        lower = _lower(host, at, link)
        if lower is not None and _seen(host, lower):
            if link.kind == "veth":
                yield _edge(at, lower, "pair", "")
            elif link.kind in STACKED:
                yield _edge(at, lower, "underlay" if link.kind == "vxlan" else "parent", link.kind or "")
        ends = far_tunnels(host, at, link) if link.kind in TUNNELS else []
        for far in ends or (far_peers(host, at) if link.kind == "wireguard" else ()):
            yield _edge(at, far, "tunnel", link.kind or "")
        if link.kind == "vxlan" and link.vxlan is not None:
            for far in far_vteps(host, at, link):
                yield _edge(at, far, "tunnel", f"VNI {link.vxlan.vni}")


def _lower(host: Host, at: Place, link: Link) -> Place | None:
    """What a device stands on; a VXLAN names it apart from its peer's namespace."""
    if link.vxlan is None:
        return lower_of(host, at, link)
    ns = host.namespace(at.inode)
    inode: int | None = at.inode
    if ns is not None and link.link_netnsid is not None:
        inode = ns.peer_namespace(link.link_netnsid)
    return Place(inode, link.vxlan.link) if inode is not None and link.vxlan.link else None


def _seen(host: Host, at: Place) -> bool:
    ns = host.namespace(at.inode)
    return ns is not None and ns.link(at.ifindex) is not None


def _edge(source: Place, target: Place, kind: Joint, label: str) -> MapEdge:
    return MapEdge(node_id(source), node_id(target), kind, label)
