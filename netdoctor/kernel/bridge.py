"""The Linux bridge: a frame comes in by a port or from the host and goes to ports, up, or nowhere.

net/bridge/br_input.c br_handle_frame(), br_forward.c should_deliver() and br_flood(), br_device.c br_dev_xmit().
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import IFF_PROMISC, BridgePort, Link, Record
from netdoctor.facts.records import FdbEntry
from netdoctor.kernel import bridge_vlan, ip, macvlan, neighbour, receive, suppress, topology, transmit, vlan
from netdoctor.kernel.endings import LinkDown, NotForwardedByBridge, TooBig
from netdoctor.kernel.input import InputWay, route_input
from netdoctor.kernel.netfilter import frames
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.netfilter.model import Hook
from netdoctor.kernel.packet import BROADCAST, Arp, Frame, Ip, Place
from netdoctor.kernel.query import FdbQuery
from netdoctor.kernel.walk import Walk

FORWARDING = 3
LEARNING = 2


class Passage(Record, frozen=True):
    """One frame on its way through a bridge. `ingress` is None where the host sends it; `vid` 0 without VLANs."""

    bridge: Place
    ingress: Place | None
    frame: Frame
    vid: int
    filtered: bool
    step: int
    suppressed: bool = False


def from_port(walk: Walk, at: Place, bridge: Place, frame: Frame, parent: int) -> None:
    """br_handle_frame() and br_handle_frame_finish(): the frame came in by the port `at`."""
    ns, link, master = walk.namespace(at.inode), walk.link(at), walk.link(bridge)
    port = link.port or BridgePort()
    if int(frame.src[:2], 16) & 1:
        return
    state = effective_state(link, master)
    if state not in (FORWARDING, LEARNING):
        _refuse(walk, Passage(bridge, at, frame, 0, False, parent), at, "state")
        return
    prerouted = _prerouting(walk, at, bridge, frame, parent)
    if prerouted is None:
        return
    frame, parent = prerouted
    entered = bridge_vlan.ingress(ns, master, link, frame)
    if entered is None:
        _refuse(walk, Passage(bridge, at, frame, 0, False, parent), at, "vlan-ingress")
        return
    vid, filtered, frame = entered
    step = walk.step(parent, bridge, "bridge", "enter", f"{master.name} takes it from port {link.name}", frame, (port,))
    passage = Passage(bridge, at, frame, vid, filtered, step)
    source = find(walk, ns, bridge, frame.src, vid)
    if port.locked and (source is None or source.ifindex != at.ifindex or source.local):
        _refuse(walk, passage, at, "locked")
        return
    if port.learning and master.bridge is not None and master.bridge.ageing_time:
        _learn(walk, bridge, at, frame.src, vid, source)
    if state == LEARNING:
        _refuse(walk, passage, at, "state")
        return
    _hand_on(walk, ns, master, link, passage)


def _hand_on(walk: Walk, ns: Namespace, master: Link, ingress: Link, passage: Passage) -> None:
    frame, up = passage.frame, _promiscuous(master)
    if isinstance(frame.payload, Arp):
        suppressed = suppress.answer(walk, ns, master, passage.ingress, frame, passage.vid, passage.step)
        passage = replace(passage, suppressed=suppressed)
    if frame.multicast:
        _flood(walk, ns, passage, "broadcast" if frame.dst == BROADCAST else "multicast")
        _up(walk, passage, master, ingress)
        return
    entry = find(walk, ns, passage.bridge, frame.dst, passage.vid)
    if entry is not None and entry.local:
        _up(walk, passage, master, ingress, entry)
        return
    if entry is not None:
        _forward(walk, ns, passage, entry)
    else:
        if passage.filtered and frame.dst == master.address and not up:
            # It is flooded past the host it is meant for: the bridge has no entry for itself in a VLAN it is not in.
            _refuse(walk, passage, passage.bridge, "vlan-egress")
        _flood(walk, ns, passage, "unicast")
    if up:
        _up(walk, passage, master, ingress)


def _prerouting(walk: Walk, at: Place, bridge: Place, frame: Frame, parent: int) -> tuple[Frame, int] | None:
    """The bridge's own prerouting chains, and IP's where br_netfilter calls them.

    A packet whose destination NAT changed goes up to be routed, or stays on the bridge with the lladdr of its new
    destination (br_nf_pre_routing_finish()).
    """
    ns, link, master = walk.namespace(at.inode), walk.link(at), walk.link(bridge)
    if not ns.firewall():
        return frame, parent
    if frame.dst == master.address:
        frame = replace(frame, pkttype="unicast")
    before = frame.payload
    called = isinstance(before, Ip) and frames.calls_iptables(ns, master)
    if isinstance(before, Ip):
        before = ip.unseen(before)
        frame = replace(frame, payload=replace(before, prerouted=called, physin=link.name if called else None))
    passing = Passing("prerouting", iif=link.name)
    passed = frames.pass_bridge(walk, bridge, frame, master, passing, parent, ("prerouting",))
    if passed is None or not isinstance(before, Ip):
        return passed
    frame, parent = passed
    after = frame.payload
    if not isinstance(after, Ip) or after.dst == before.dst:
        return passed
    way = route_input(walk, ns, master, after)
    if not isinstance(way, InputWay) or way.kind != "forward" or way.oif != bridge.ifindex:
        return replace(frame, dst=master.address or frame.dst), parent
    next_hop = way.gateway or after.dst
    lladdr = _bridged_dnat(walk, ns, bridge, master, next_hop)
    if lladdr is None:
        # br_nf_pre_routing_finish_bridge(): it waits for its neighbour here, before any other hook.
        neighbour.send_to(walk, bridge, after, next_hop, parent)
        return None
    return replace(frame, dst=lladdr), parent


def _bridged_dnat(walk: Walk, ns: Namespace, bridge: Place, master: Link, next_hop: str) -> str | None:
    """The lladdr of a new destination that is behind the same bridge, or None where nobody would say it."""
    known = neighbour.resolved(walk, ns, bridge, master, next_hop)
    if known is not None:
        return known
    # The kernel resolves it before the packet goes on; who has the address is what the answer would say.
    holders = [place for place in topology.owners(walk.host, next_hop) if bridge in topology.segment(walk.host, place)]
    owner = topology.link_at(walk.host, holders[0]) if holders else None
    return owner.address if owner is not None else None


def from_host(walk: Walk, bridge: Place, frame: Frame, parent: int) -> None:
    """br_dev_xmit(): the host sends through the bridge device."""
    ns, master = walk.namespace(bridge.inode), walk.link(bridge)
    entered = bridge_vlan.ingress(ns, master, master, frame)
    if entered is None:
        _refuse(walk, Passage(bridge, None, frame, 0, False, parent), bridge, "vlan-ingress")
        return
    vid, filtered, frame = entered
    passage = Passage(bridge, None, frame, vid, filtered, parent)
    if isinstance(frame.payload, Arp):
        suppressed = suppress.answer(walk, ns, master, None, frame, vid, parent)
        passage = replace(passage, suppressed=suppressed)
    if frame.multicast:
        _flood(walk, ns, passage, "broadcast" if frame.dst == BROADCAST else "multicast")
        return
    entry = find(walk, ns, bridge, frame.dst, vid)
    if entry is None:
        _flood(walk, ns, passage, "unicast")
    elif entry.ifindex == bridge.ifindex:
        _refuse(walk, passage, bridge, "local-entry", entry)
    else:
        _forward(walk, ns, passage, entry)


def _promiscuous(master: Link) -> bool:
    """The bridge passes everything up: set by hand (IFF_PROMISC), or counted for a capture or a macvlan device."""
    return bool(master.flags & IFF_PROMISC or master.promiscuity)


def effective_state(link: Link, master: Link) -> int:
    """The port's state; a port whose device or bridge is down is disabled (br_stp_disable_port())."""
    if not link.up or not master.up:
        return 0
    return link.port.state if link.port is not None else FORWARDING


def find(walk: Walk, ns: Namespace, bridge: Place, lladdr: str, vid: int) -> FdbEntry | None:
    """br_fdb_find_rcu(): what the FDB knows of `lladdr`, with what this walk has learned."""
    learned = walk.fdb.get((bridge.inode, bridge.ifindex, vid, lladdr))
    if learned is not None:
        return FdbEntry(learned, lladdr, master=bridge.ifindex, vlan=vid)
    for entry in ns.fdb(bridge.ifindex, lladdr):
        if entry.master == bridge.ifindex and entry.dst is None and entry.vlan == vid:
            return entry
    return _own_entry(ns, bridge, lladdr, vid)


def _own_entry(ns: Namespace, bridge: Place, lladdr: str, vid: int) -> FdbEntry | None:
    """The bridge's and its ports' own addresses are local entries, also after a fix has changed a port.

    With a VLAN, they are so where the device is a member of it (br_fdb_add_local() in __vlan_add()).
    """
    for link in (*ns.ports(bridge.ifindex), ns.link(bridge.ifindex)):
        if link is not None and link.address == lladdr and (not vid or bridge_vlan.allowed(ns, link, vid)):
            return FdbEntry(link.index, lladdr, state=0x80, master=bridge.ifindex, vlan=vid)
    return None


def _learn(walk: Walk, bridge: Place, at: Place, lladdr: str, vid: int, known: FdbEntry | None) -> None:
    """br_fdb_update(): local and sticky entries stay, all others move to the port the frame came by."""
    if known is not None and (known.local or known.sticky):
        return
    if known is None or known.ifindex != at.ifindex:
        walk.fdb[(bridge.inode, bridge.ifindex, vid, lladdr)] = at.ifindex


def _forward(walk: Walk, ns: Namespace, passage: Passage, entry: FdbEntry) -> None:
    out = Place(passage.bridge.inode, entry.ifindex)
    if (passage.bridge.inode, passage.bridge.ifindex, passage.vid, entry.lladdr) not in walk.fdb:
        query = FdbQuery(passage.bridge.inode, passage.bridge.ifindex, entry.lladdr, entry.vlan, entry.ifindex)
        walk.queries.append(query)
    if ns.link(entry.ifindex) is None:
        _refuse(walk, passage, passage.bridge, "no-port", entry)
        return
    why = _refused(ns, passage, out)
    if why is not None:
        _refuse(walk, passage, out, why, entry)
        return
    _deliver(walk, ns, passage, out, f"FDB says port {walk.link(out).name}")


def _flood(walk: Walk, ns: Namespace, passage: Passage, kind: str) -> None:
    """br_flood(): a copy to every port that takes this kind; each port that does not is an ending of its own."""
    others = 0
    for link in ns.ports(passage.bridge.ifindex):
        out = Place(passage.bridge.inode, link.index)
        port = link.port or BridgePort()
        if passage.ingress == out and not port.hairpin:
            continue
        others += 1
        why = _not_flooded(port, kind, passage) or _refused(ns, passage, out)
        if why is not None:
            _refuse(walk, passage, out, why)
        elif walk.exact or not _unheard(walk, out, link, passage.frame):
            _deliver(walk, ns, passage, out, f"flooded to port {link.name}")
    if not others and kind == "unicast":
        _refuse(walk, passage, passage.bridge, "no-port")


def _unheard(walk: Walk, out: Place, link: Link, frame: Frame) -> bool:
    """Tell whether nobody behind this port heeds the ARP request, so that its copy need not be walked."""
    arp = frame.payload
    if link.kind != "veth" or frame.vlan is not None or not isinstance(arp, Arp) or not arp.request:
        return False
    peer = transmit.lower(walk, out, link)
    if peer is None or topology.children(walk.host, peer, "ipvlan"):
        return False
    ns = walk.host.namespace(peer.inode)
    return ns is not None and ns.indifferent(peer.ifindex, arp.tip)


def _not_flooded(port: BridgePort, kind: str, passage: Passage) -> str | None:
    from_host_itself = passage.ingress is None
    if kind == "unicast" and not port.unicast_flood:
        return "unicast-flood"
    if kind == "multicast" and not port.mcast_flood and not from_host_itself:
        return "multicast-flood"
    if kind == "broadcast" and not port.bcast_flood and not from_host_itself:
        return "broadcast-flood"
    if port.proxyarp:
        return "proxyarp"
    if passage.suppressed and (port.proxyarp_wifi or port.neigh_suppress):
        return "suppressed"
    return None


def _refused(ns: Namespace, passage: Passage, out: Place) -> str | None:
    """should_deliver(): why this port does not take the frame, or None."""
    link, master = ns.link(out.ifindex), ns.link(passage.bridge.ifindex)
    if link is None or master is None:
        return "no-port"
    port = link.port or BridgePort()
    if passage.ingress == out and not port.hairpin:
        return "same-port"
    if effective_state(link, master) != FORWARDING:
        return "state"
    if passage.filtered and not bridge_vlan.allowed(ns, link, passage.vid):
        return "vlan-egress"
    ingress = ns.link(passage.ingress.ifindex) if passage.ingress is not None else None
    if port.isolated and ingress is not None and ingress.port is not None and ingress.port.isolated:
        return "isolated"
    return None


def _deliver(walk: Walk, ns: Namespace, passage: Passage, out: Place, detail: str) -> None:
    link = walk.link(out)
    frame = passage.frame
    if passage.filtered:
        frame = bridge_vlan.leaving(ns, walk.link(passage.bridge), link, passage.vid, frame)
    step = walk.step(passage.step, out, "bridge", "forward", detail, frame)
    filtered = _leaving(walk, ns, passage, out, link, frame, step)
    if filtered is None:
        return
    frame, step = filtered
    if not link.up:
        walk.end(LinkDown(frame.flow, out, step, frame))
    elif transmit.too_long(frame, link.mtu):
        walk.end(TooBig(frame.flow, out, step, link.mtu, frame.payload.length))
    else:
        walk.later(lambda: transmit.transmit(walk, out, frame, step))


def _leaving(
    walk: Walk, ns: Namespace, passage: Passage, out: Place, link: Link, frame: Frame, step: int
) -> tuple[Frame, int] | None:
    """The forward and postrouting hooks of a frame that leaves by a port (output first for the host's own)."""
    if not ns.firewall():
        return frame, step
    master = walk.link(passage.bridge)
    ingress = walk.link(passage.ingress).name if passage.ingress is not None else None
    hooks: tuple[Hook, Hook] = ("forward" if ingress else "output", "postrouting")
    called = ("forward", "postrouting") if ingress else ()
    for hook in hooks:
        passed = frames.pass_bridge(walk, out, frame, master, Passing(hook, iif=ingress, oif=link.name), step, called)
        if passed is None:
            return None
        frame, step = passed
    return frame, step


def _up(walk: Walk, passage: Passage, master: Link, ingress: Link, entry: FdbEntry | None = None) -> None:
    """br_pass_frame_up(): to the host behind the bridge. PACKET_HOST for the bridge's and the ingress port's lladdr."""
    ns = walk.namespace(passage.bridge.inode)
    frame = passage.frame
    if passage.filtered:
        member = bridge_vlan.allowed(ns, master, passage.vid)
        if not member and not _promiscuous(master):
            _refuse(walk, passage, passage.bridge, "vlan-egress", entry)
            return
        # To who captures on the bridge, a VLAN that it is no member of goes up with its tag (br_handle_vlan()).
        whole = bridge_vlan.with_tag(master, passage.vid, frame)
        frame = bridge_vlan.leaving(ns, master, master, passage.vid, frame) if member else whole
    host = frame.dst in (master.address, ingress.address)
    step = walk.step(passage.step, passage.bridge, "bridge", "up", f"to the host behind {master.name}", frame)
    if not frame.multicast and not host and entry is None:
        # A copy for who listens in: nobody above layer 2 takes it, but a VLAN or macvlan device may.
        vlan.take(walk, passage.bridge, frame, step, False) or macvlan.take(walk, passage.bridge, frame, step)
        return
    if not frame.multicast and not host:
        _refuse(walk, passage, passage.bridge, "local-entry", entry)
        return
    if not master.up:
        walk.end(LinkDown(frame.flow, passage.bridge, step, frame))
        return
    passed = frames.pass_frame(walk, passage.bridge, frame, "bridge", Passing("input", iif=ingress.name), step)
    if passed is not None:
        # netif_receive_skb(): the frame comes in anew, by the bridge device.
        passed = receive.ingress(walk, passage.bridge, passed, step)
    if passed is not None:
        receive.enter(walk, passage.bridge, passed, step, host)


def _refuse(walk: Walk, passage: Passage, at: Place, why: str, entry: FdbEntry | None = None) -> None:
    frame = passage.frame
    walk.end(
        NotForwardedByBridge(
            frame.flow, at, passage.step, why, passage.bridge, frame, passage.ingress, entry, passage.vid
        )
    )
