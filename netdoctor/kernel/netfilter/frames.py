"""Hooks below and beside IP: bridge, netdev and arp families, and IP hooks called by br_netfilter for bridged frames.

net/bridge/br_netfilter_hooks.c br_nf_pre_routing() and followers; the IP chains then see the bridge as the device, and
its ports as physdev.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.netfilter import hook as iphook
from netdoctor.kernel.netfilter import pieces
from netdoctor.kernel.netfilter.branch import Hit, leading
from netdoctor.kernel.netfilter.conntrack import Connection
from netdoctor.kernel.netfilter.hook import Passing
from netdoctor.kernel.netfilter.model import Base, Family
from netdoctor.kernel.netfilter.model import Place as Where
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.netfilter.traversal import traversal
from netdoctor.kernel.packet import Arp, Frame, Ip, Place
from netdoctor.kernel.walk import Walk

#: Where br_netfilter stands among the bridge family's chains (NF_BR_PRI_BRNF).
BRNF = 0


def calls_iptables(ns: Namespace, master: Link, arp: bool = False) -> bool:
    """Tell whether bridged packets of this bridge meet the IP (or ARP) rules: by the namespace's switch or its own."""
    name = "bridge/bridge-nf-call-arptables" if arp else "bridge/bridge-nf-call-iptables"
    bridge = master.bridge
    own = bridge is not None and (bridge.nf_call_arptables if arp else bridge.nf_call_iptables)
    return own or (ns.sysctl(name) or "0").strip() == "1"


def pass_frame(
    walk: Walk, at: Place, frame: Frame, family: Family, passing: Passing, step: int, above: bool | None = None
) -> Frame | None:
    """Take the frame through the chains of one family at a hook; returns it as it leaves, None where it ended.

    `above` takes only the chains behind br_netfilter (True) or before it (False).
    """
    ns = walk.namespace(at.inode)
    if not ns.firewall():
        return frame
    rules = ruleset_of(ns)
    # The inet family has an ingress hook of its own, on the same devices.
    families: tuple[Family, ...] = ("netdev", "inet") if family == "netdev" else (family,)
    tracks = family == "bridge" and passing.hook == "prerouting" and not above and rules.tracks_bridged
    for base, where in rules.base_chains(passing.hook, families):
        if above is not None and (base.priority >= BRNF) != above:
            continue
        if tracks and base.priority > iphook.CONNTRACK:
            tracked, tracks = _tracked(walk, ns, at, frame, step), False
            if tracked is None:
                return None
            frame = tracked
        if base.devices and (passing.iif or passing.oif) not in base.devices:
            continue
        passed = _pass_chain(walk, ns, at, frame, passing, rules, base, where, step)
        if passed is None:
            return None
        frame = passed
    return _tracked(walk, ns, at, frame, step) if tracks else frame


def _tracked(walk: Walk, ns: Namespace, at: Place, frame: Frame, step: int) -> Frame | None:
    """nf_ct_bridge_pre(): IP packets on a bridge are tracked where rules of its family ask for that."""
    if not isinstance(frame.payload, Ip):
        return frame
    tracked = iphook.track(walk, ns, at, frame.payload, step)
    return replace(frame, payload=tracked[0]) if tracked is not None else None


def _pass_chain(
    walk: Walk,
    ns: Namespace,
    at: Place,
    frame: Frame,
    passing: Passing,
    rules: Ruleset,
    base: Base,
    where: Where,
    step: int,
) -> Frame | None:
    seen, payload = _seen(walk, at, frame, passing, where.family), frame.payload
    cut = _in_pieces(walk, ns, at, frame, base)
    if isinstance(payload, Ip) and not cut:
        seen = replace(seen, length=payload.size)
    result = iphook.run_chain(walk, ns, at, seen, rules, base, where)
    port = passing.oif if where.family == "bridge" else None
    walk.traversals.append(traversal(step, at, passing.hook, where, frame, result, port))
    later = result.verdict == "accept" and cut
    if later:
        result = iphook.run_chain(walk, ns, at, iphook.later_piece(seen), rules, base, where)
    if result.verdict == "accept":
        if not isinstance(payload, Ip):
            return frame
        if where.family == "bridge":
            _keep_mark(walk, at, payload, result.ct_mark)
        return replace(frame, payload=replace(payload, mark=result.seen.mark, ttl=result.seen.ttl, tos=result.seen.tos))
    last = result.hits[-1] if result.hits else Hit(where, 0, "", None, "drop")
    if result.verdict == "altered":
        walk.end(iphook.altered(payload, at, last, step))
        return None
    before = tuple((hit.place.chain, hit.number, hit.text) for hit in leading(result.hits))
    spot = last.place
    walk.end(
        RuleDropped(
            frame.flow,
            at,
            step,
            passing.hook,
            spot.backend,
            spot.family,
            spot.table,
            spot.chain,
            last.number or None,
            last.text,
            frame.payload,
            result.reject,
            before,
            True,
            later=later,
        )
    )
    return None


def _in_pieces(walk: Walk, ns: Namespace, at: Place, frame: Frame, base: Base) -> bool:
    """Tell whether the chain meets the pieces of a packet: of a bridge's, those behind br_netfilter may not."""
    if not isinstance(frame.payload, Ip) or not pieces.fragmented(frame.payload):
        return False
    master = ns.link(walk.link(at).master or 0)
    if base.hook in ("ingress", "egress") or master is None:
        return True
    joined = calls_iptables(ns, master) and pieces.tracks(ns)
    return not joined or (base.hook == "prerouting" and base.priority < BRNF)


def _keep_mark(walk: Walk, at: Place, packet: Ip, mark: int | None) -> None:
    connection = iphook.connection_of(walk, at, packet)
    if connection is not None and mark is not None:
        connection.mark = mark


def _seen(walk: Walk, at: Place, frame: Frame, passing: Passing, family: Family) -> Seen:
    packet = frame.payload
    if family != "bridge" or not isinstance(packet, Ip):
        return seen_frame(frame, passing)
    return seen_frame(frame, passing, iphook.connection_of(walk, at, packet))


def seen_frame(frame: Frame, passing: Passing, connection: Connection | None = None) -> Seen:
    """A frame as the bridge, netdev and arp families see it."""
    payload = frame.payload
    with_macs = replace(passing, smac=frame.src, dmac=frame.dst)
    if isinstance(payload, Ip):
        seen = iphook.seen_of(payload, with_macs, connection)
        return replace(seen, pkttype=frame.pkttype, uid=None, gid=None, socket=False)
    assert isinstance(payload, Arp)
    return passing.seen(
        src=payload.sip,
        dst=payload.tip,
        proto=0,
        sport=None,
        dport=None,
        icmp_type=None,
        icmp_code=None,
        tcp_flags=0,
        ttl=0,
        length=payload.length,
        mark=0,
        ct_state="UNTRACKED",
        ct_status=(),
        ct_mark=0,
        smac=frame.src,
        dmac=frame.dst,
        pkttype=frame.pkttype,
        uid=None,
        gid=None,
        ethertype=0x0806,
        arp_op=1 if payload.request else 2,
        arp_saddr=payload.sip,
        arp_daddr=payload.tip,
        arp_smac=payload.sha,
        arp_dmac=payload.tha,
    )


def bridged_ip(
    walk: Walk, at: Place, frame: Frame, master: Link, passing: Passing, step: int
) -> tuple[Frame, int] | None:
    """The IP hook that br_netfilter calls for a bridged packet: the devices are the bridge, the ports are physdev."""
    packet = frame.payload
    ns = walk.namespace(at.inode)
    if not isinstance(packet, Ip) or not ns.firewall() or not calls_iptables(ns, master):
        return frame, step
    names = {
        "prerouting": Passing("prerouting", master.name, None, passing.iif, None, True, None, frame.src, frame.dst),
        "forward": Passing(
            "forward", master.name, master.name, passing.iif, passing.oif, True, None, frame.src, frame.dst
        ),
        "postrouting": Passing(
            "postrouting", None, master.name, passing.iif, passing.oif, True, packet.dst, frame.src, frame.dst
        ),
    }
    passed = iphook.pass_hook(walk, at, packet, names[passing.hook], step)
    if passed is None:
        return None
    return replace(frame, payload=passed[0]), passed[1]


def pass_bridge(
    walk: Walk, at: Place, frame: Frame, master: Link, passing: Passing, step: int, called: Sequence[str]
) -> tuple[Frame, int] | None:
    """A bridge hook with br_netfilter in its place; `called` are the hooks at which it calls the IP chains."""
    before = pass_frame(walk, at, frame, "bridge", passing, step, above=False)
    if before is None:
        return None
    gone = bridged_ip(walk, at, before, master, passing, step) if passing.hook in called else (before, step)
    if gone is None:
        return None
    after = pass_frame(walk, at, gone[0], "bridge", passing, gone[1], above=True)
    return None if after is None else (after, gone[1])
