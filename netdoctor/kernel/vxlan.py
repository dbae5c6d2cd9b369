"""VXLAN: from the inner lladdr to the remote, through the underlay, and out again at the far VTEP.

drivers/net/vxlan/vxlan_core.c.
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link, Vxlan
from netdoctor.facts.records import FdbEntry
from netdoctor.kernel import ip, receive
from netdoctor.kernel.endings import ArpNotAnswered, NotModelled, NoVtep, VxlanNotSent, VxlanRefused
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.output import Way, route_output
from netdoctor.kernel.packet import (
    IPPROTO_UDP,
    VLAN_HLEN,
    VXLAN_HEADROOM,
    ZERO_MAC,
    Arp,
    Frame,
    Ip,
    Place,
    is_multicast,
)
from netdoctor.kernel.sysctls import local_ports
from netdoctor.kernel.walk import Walk

#: The source port is a hash of the inner packet (udp_flow_src_port()); one of its range stands for all.
SOURCE_PORT = 50000

#: net/core/dev.h: deeper than this the kernel drops a frame (`Dead loop on virtual device`).
XMIT_RECURSION_LIMIT = 8


def underlay(walk: Walk, at: Place, link: Link) -> int | None:
    """The inode of the namespace whose routes and sockets carry the outer packet: where the device was created."""
    if link.link_netnsid is None:
        return at.inode
    return walk.namespace(at.inode).peer_namespace(link.link_netnsid)


def encapsulate(walk: Walk, at: Place, frame: Frame, parent: int) -> None:
    """vxlan_xmit(): find the remotes of the frame's lladdr, and send a copy to each."""
    link = walk.link(at)
    data = link.vxlan or Vxlan()
    if data.collect_metadata:
        walk.end(NotModelled(frame.flow, at, parent, f"VXLAN device {link.name} with external metadata"))
        return
    if data.proxy and isinstance(frame.payload, Arp):
        _proxy(walk, at, link, frame, parent)
        return
    ns = walk.namespace(at.inode)
    entries = remotes(walk, ns, at, frame.dst) or remotes(walk, ns, at, ZERO_MAC)
    if not entries:
        walk.end(NoVtep(frame.flow, at, parent, frame.dst, frame))
        return
    if walk.nested > XMIT_RECURSION_LIMIT:
        walk.end(VxlanNotSent(frame.flow, at, parent, "loop", entries[0].dst or "", frame, entries[0]))
        return
    walk.nested += 1
    try:
        for entry in entries:
            if entry.nh_id is not None:
                walk.end(NotModelled(frame.flow, at, parent, f"FDB nexthop group {entry.nh_id} on {link.name}"))
            else:
                _to_remote(walk, at, link, data, entry, frame, parent)
    finally:
        walk.nested -= 1


def remotes(walk: Walk, ns: Namespace, at: Place, lladdr: str) -> list[FdbEntry]:
    """vxlan_find_mac(): the remotes of `lladdr`, what this walk has learned first."""
    learned = walk.remotes.get((at.inode, at.ifindex, lladdr))
    if learned is not None:
        return [FdbEntry(at.ifindex, lladdr, dst=learned)]
    return [
        entry
        for entry in ns.fdb(at.ifindex, lladdr)
        if entry.ifindex == at.ifindex and (entry.dst is not None or entry.nh_id is not None)
    ]


def depth(frame: Frame) -> int:
    """How often the frame has been encapsulated: a rule may send the outer packet into the tunnel again."""
    depth, inner = 0, frame.payload
    while isinstance(inner, Ip) and inner.inner is not None:
        depth, inner = depth + 1, inner.inner.payload
    return depth


def _to_remote(walk: Walk, at: Place, link: Link, data: Vxlan, entry: FdbEntry, frame: Frame, parent: int) -> None:
    """vxlan_xmit_one(): route the outer packet in the underlay's namespace."""
    remote = entry.dst or "0.0.0.0"
    home = underlay(walk, at, link)
    if remote in ("0.0.0.0", "::"):
        walk.end(VxlanNotSent(frame.flow, at, parent, "remote-any", remote, frame, entry))
        return
    if ":" in remote:
        walk.end(NotModelled(frame.flow, at, parent, f"VXLAN over IPv6 to {remote}"))
        return
    if home is None or walk.host.namespace(home) is None:
        walk.end(NotModelled(frame.flow, at, parent, f"underlay of {link.name} in a namespace that is not visible"))
        return
    out = entry.via or (data.link if is_multicast(remote) else 0) or 0
    mark = frame.payload.mark if isinstance(frame.payload, Ip) and home == at.inode else 0
    way = route_output(walk, home, FibFlow(remote, data.local, "lo", out or None, mark, proto=IPPROTO_UDP))
    if isinstance(way, FibMiss):
        gone = data.local is not None and not walk.namespace(home).owners(data.local)
        why = "local-address" if gone else "no-route"
        step = walk.step(parent, at, "vxlan", "stuck", f"no way to remote {remote}: {way.error}", frame, (entry,))
        walk.end(VxlanNotSent(frame.flow, at, step, why, remote, frame, entry))
        return
    if (home == at.inode and way.oif == at.ifindex) or depth(frame) > XMIT_RECURSION_LIMIT:
        walk.end(VxlanNotSent(frame.flow, at, parent, "loop", remote, frame, entry))
        return
    _send(walk, at, link, data, entry, frame, way, home, parent)


def _send(
    walk: Walk,
    at: Place,
    link: Link,
    data: Vxlan,
    entry: FdbEntry,
    frame: Frame,
    way: Way,
    home: int,
    parent: int,
) -> None:
    remote, vni, port = entry.dst or "", entry.vni or data.vni, entry.port or data.port
    step = walk.step(parent, at, "vxlan", "encapsulate", f"VNI {vni} to {remote}:{port}", frame, (entry,))
    if way.type == "local" and data.localbypass:
        _bypass(walk, at, home, frame, vni, port, entry, step)
        return
    ttl = data.ttl or (1 if is_multicast(remote) else 64)
    length = frame.payload.length + VXLAN_HEADROOM + VLAN_HLEN * (len(frame.stack) + bool(frame.vlan))
    df = data.df == 1 or (data.df == 2 and isinstance(frame.payload, Ip) and frame.payload.df)
    mark = frame.payload.mark if isinstance(frame.payload, Ip) else 0
    inner = ip.scrubbed(frame)
    outer = Ip(frame.flow, way.src, remote, ttl, length, IPPROTO_UDP, None, df, mark, port, vni, mark, inner)
    # udp_flow_src_port(): a hash of the inner packet, within the ports of sockets.
    ephemeral = (SOURCE_PORT, *local_ports(walk.namespace(home)))
    outer = replace(outer, sport=SOURCE_PORT, size=length, ephemeral=ephemeral, tunnel="vxlan")
    ip.send(walk, home, outer, way.src, step, way.oif if is_multicast(remote) or entry.via else None)


def _bypass(
    walk: Walk, at: Place, home: int, frame: Frame, vni: int, port: int, entry: FdbEntry, step: int
) -> None:
    """encap_bypass_if_local(): the remote is this very node, the frame goes straight to its own VTEP of that VNI.

    An entry with a device of its own finds none: vxlan_find_sock() looks for a socket that is bound to it, and those
    of IPv4 are bound to no device. The VTEP learns the sender as behind 127.0.0.1 (vxlan_encap_bypass()).
    """
    target = _vtep(walk, home, vni, port) if not entry.via else None
    if target is None:
        walk.end(VxlanNotSent(frame.flow, at, step, "self", "", frame))
        return
    _snoop(walk, target, _data(walk, target), frame.src, "127.0.0.1")
    walk.later(lambda: receive.receive(walk, target, frame, step))


def arrive(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    """vxlan_rcv(): a socket on that port, a device with that VNI, then the inner frame."""
    inner = packet.inner
    assert inner is not None
    assert packet.vni is not None
    ports = [place for place in _vteps(walk, at.inode) if _data(walk, place).port == packet.dport]
    if not any(walk.link(place).up for place in ports):
        walk.end(VxlanRefused(packet.flow, at, parent, "port-closed", packet))
        return
    target = _vtep(walk, at.inode, packet.vni, packet.dport)
    if target is None:
        walk.end(VxlanRefused(packet.flow, at, parent, "vni", packet))
        return
    link, data = walk.link(target), _data(walk, target)
    if inner.src == link.address:
        walk.end(VxlanRefused(packet.flow, target, parent, "own-lladdr", packet))
        return
    conflict = _snoop(walk, target, data, inner.src, packet.src)
    if conflict is not None:
        walk.end(VxlanRefused(packet.flow, target, parent, "learning-conflict", packet, conflict))
        return
    step = walk.step(parent, target, "vxlan", "decapsulate", f"VNI {packet.vni} from {packet.src}", inner, (data,))
    walk.later(lambda: receive.receive(walk, target, inner, step))


def _snoop(walk: Walk, at: Place, data: Vxlan, lladdr: str, src: str) -> FdbEntry | None:
    """vxlan_snoop(): learn who is behind which remote; returns the static entry that contradicts."""
    if not data.learning:
        return None
    known = remotes(walk, walk.namespace(at.inode), at, lladdr)
    if known and known[0].dst == src:
        return None
    if known and known[0].static:
        return known[0]
    walk.remotes[(at.inode, at.ifindex, lladdr)] = src
    return None


def _proxy(walk: Walk, at: Place, link: Link, frame: Frame, parent: int) -> None:
    """arp_reduce(): a device with `proxy` answers from its neighbour table, and never floods a request."""
    arp = frame.payload
    assert isinstance(arp, Arp)
    entry = walk.namespace(at.inode).neighbour(at.ifindex, arp.tip)
    if (
        not arp.request
        or entry is None
        or entry.lladdr is None
        or entry.state not in ("PERMANENT", "NOARP", "REACHABLE")
    ):
        walk.end(ArpNotAnswered(frame.flow, at, parent, "proxy-no-neighbour", arp.tip, arp.sip))
        return
    reply = Frame(entry.lladdr, arp.sha, Arp(arp.flow, False, arp.tip, arp.sip, entry.lladdr, arp.sha))
    step = walk.step(
        parent, at, "arp", "proxy", f"{link.name} answers: {arp.tip} is at {entry.lladdr}", reply, (entry,)
    )
    walk.later(lambda: receive.receive(walk, at, reply, step))


def joined(walk: Walk, at: Place, group: str) -> bool:
    """Tell whether a VXLAN device whose underlay is here joined `group` on the device at `at`."""
    return any(
        data.group == group and data.link == at.ifindex and walk.link(place).up
        for place in _vteps(walk, at.inode)
        for data in (_data(walk, place),)
    )


def _vteps(walk: Walk, home: int) -> list[Place]:
    """All VXLAN devices whose underlay is the namespace `home`: its own, and those moved elsewhere."""
    places = []
    for known in walk.host.namespaces():
        ns = walk.host.namespace(known.inode)
        if ns is None:
            continue
        for link in ns.links_of_kind("vxlan"):
            place = Place(known.inode, link.index)
            if underlay(walk, place, link) == home:
                places.append(place)
    return places


def _vtep(walk: Walk, home: int, vni: int, port: int) -> Place | None:
    for place in _vteps(walk, home):
        data = _data(walk, place)
        if data.vni == vni and data.port == port and walk.link(place).up:
            return place
    return None


def _data(walk: Walk, at: Place) -> Vxlan:
    return walk.link(at).vxlan or Vxlan()
