"""An IP packet passes one hook: every base chain of every table there by priority, conntrack and NAT at theirs.

nf_hook_slow() runs what is registered in priority order; legacy tables, iptables-nft and native nftables stand side by
side, and an accept ends only its own chain. NAT chains are asked by nf_nat once a connection and kind of manipulation.
"""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Record
from netdoctor.kernel.endings import RuleDropped
from netdoctor.kernel.netfilter import conntrack, nat
from netdoctor.kernel.netfilter.conntrack import Connection, Manip
from netdoctor.kernel.netfilter.environment import NamespaceEnvironment
from netdoctor.kernel.netfilter.model import Base, Hook
from netdoctor.kernel.netfilter.model import Place as Where
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.netfilter.seen import Tuple as SeenTuple
from netdoctor.kernel.netfilter.traversal import traversal
from netdoctor.kernel.netfilter.traverse import Hit, Result, traverse
from netdoctor.kernel.packet import IPPROTO_ICMP, CtRef, Ip, Place
from netdoctor.kernel.walk import Walk

CONNTRACK = -200
NAT_PRIORITY = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}
MANIP: dict[str, Manip] = {"prerouting": "dst", "output": "dst", "input": "src", "postrouting": "src"}


class Passing(Record, frozen=True):
    """How a packet comes by a hook: the names of the devices, and of the bridge ports behind them."""

    hook: Hook
    iif: str | None = None
    oif: str | None = None
    physin: str | None = None
    physout: str | None = None
    bridged: bool = False
    next_hop: str | None = None
    smac: str = ""
    dmac: str = ""


def pass_hook(walk: Walk, at: Place, packet: Ip, passing: Passing, step: int) -> tuple[Ip, int] | None:
    """Take the packet through a hook; returns it as it leaves and its last step, or None where it ended."""
    ns = walk.namespace(at.inode)
    if not ns.firewall():
        return packet, step
    rules = ruleset_of(ns)
    chains = rules.base_chains(passing.hook, ("ip", "inet"))
    ordinary = [(base.priority, base, where) for base, where in chains if base.kind != "nat"]
    natted = [(base, where) for base, where in chains if base.kind == "nat"]
    events: list[tuple[int, Base | None, Where | None]] = list(ordinary)
    if passing.hook in ("prerouting", "output"):
        events.append((CONNTRACK, None, None))
    if passing.hook in NAT_PRIORITY:
        events.append((NAT_PRIORITY[passing.hook], None, None))
    for priority, base, where in sorted(events, key=lambda event: event[0]):
        if base is not None and where is not None:
            gone = _filter(walk, ns, at, packet, passing, rules, base, where, step)
        elif priority == CONNTRACK:
            gone = _track(walk, at, packet), step
        else:
            gone = _nat(walk, ns, at, packet, passing, rules, natted, step)
        if gone is None:
            return None
        packet, step = gone
    return packet, step


def _track(walk: Walk, at: Place, packet: Ip) -> Ip:
    """nf_conntrack_in(), unless a raw rule said not to, or a bridge has done it already."""
    if packet.ct is not None:
        return packet
    table = walk.connections.setdefault(at.inode, [])
    tracked = conntrack.track(table, packet, packet.zone)
    entry = table.index(tracked.connection) if tracked.connection is not None else -1
    return replace(packet, ct=CtRef(entry, tracked.replying, tracked.state))


def connection_of(walk: Walk, at: Place, packet: Ip) -> Connection | None:
    """The packet's conntrack entry in this namespace."""
    if packet.ct is None or packet.ct.entry < 0:
        return None
    return walk.connections[at.inode][packet.ct.entry]


def _nat(
    walk: Walk,
    ns: Namespace,
    at: Place,
    packet: Ip,
    passing: Passing,
    rules: Ruleset,
    chains: list[tuple[Base, Where]],
    step: int,
) -> tuple[Ip, int] | None:
    """nf_nat_inet_fn(): ask the chains for a new connection, then rewrite as the connection says."""
    connection, ct = connection_of(walk, at, packet), packet.ct
    if connection is None or ct is None:
        return packet, step
    manip = MANIP[passing.hook]
    if ct.state == "NEW" and not ct.replying and manip not in connection.decided:
        for base, where in chains:
            result = _run(walk, ns, at, packet, passing, rules, base, where, step)
            step = _noted(walk, at, packet, passing, where, result, step)
            if result.verdict != "accept":
                _drop(walk, at, packet, passing, where, result, step)
                return None
            # What a NAT chain notes on the packet stays: kube-proxy marks there what it masquerades later.
            packet = replace(packet, mark=result.seen.mark, ttl=result.seen.ttl, tos=result.seen.tos)
            connection.mark = connection.mark if result.ct_mark is None else result.ct_mark
            if result.translate is not None:
                address, port = nat.target(walk, ns, at, packet, passing, result.translate)
                if address is None and result.translate.kind in ("masquerade", "redirect"):
                    # nf_nat_masquerade_ipv4(), nf_nat_redirect_ipv4(): no address to give means NF_DROP.
                    _drop(walk, at, packet, passing, where, result, step)
                    return None
                conntrack.bind(connection, manip, address, port)
                break
        connection.decided.add(manip)
    kind = "DNAT" if (manip == "dst") != ct.replying else "SNAT"
    if kind not in connection.status:
        return packet, step
    src, dst, sport, dport = conntrack.translated(connection, ct.replying, packet, manip)
    changed = replace(packet, src=src, dst=dst, sport=sport, dport=dport)
    if changed == packet:
        return packet, step
    if passing.hook == "output" and dst != packet.dst:
        changed = replace(changed, rerouted=packet.mark)
    old, new = (packet.dst, dst) if manip == "dst" else (packet.src, src)
    detail = f"{'destination' if manip == 'dst' else 'source'} {old} becomes {new}"
    return changed, walk.step(step, at, "nat", kind.lower(), detail, changed)


def _filter(
    walk: Walk,
    ns: Namespace,
    at: Place,
    packet: Ip,
    passing: Passing,
    rules: Ruleset,
    base: Base,
    where: Where,
    step: int,
) -> tuple[Ip, int] | None:
    result = _run(walk, ns, at, packet, passing, rules, base, where, step)
    step = _noted(walk, at, packet, passing, where, result, step)
    if result.verdict != "accept":
        _drop(walk, at, packet, passing, where, result, step)
        return None
    connection = connection_of(walk, at, packet)
    if result.ct_mark is not None and connection is not None:
        connection.mark = result.ct_mark
    if result.notrack and packet.ct is None:
        packet = replace(packet, ct=CtRef(-1, False, "UNTRACKED"))
    if result.zone is not None:
        packet = replace(packet, zone=result.zone)
    if base.kind == "route" and result.seen.mark != packet.mark:
        # ipt_mangle_out(), nf_route_table_hook4(): of the chains that set a mark, only these have it routed anew.
        packet = replace(packet, rerouted=result.seen.mark)
    return replace(packet, mark=result.seen.mark, ttl=result.seen.ttl, tos=result.seen.tos), step


def _run(
    walk: Walk,
    ns: Namespace,
    at: Place,
    packet: Ip,
    passing: Passing,
    rules: Ruleset,
    base: Base,
    where: Where,
    step: int,
) -> Result:
    connection = connection_of(walk, at, packet)
    seen = seen_of(packet, passing, connection)
    result = traverse(rules, base, where, seen, NamespaceEnvironment(ns, rules), walk.choose)
    walk.traversals.append(traversal(step, at, passing.hook, where, packet, result, passing.physout))
    return result


def seen_of(packet: Ip, passing: Passing, connection: Connection | None) -> Seen:
    """The packet as the rules of a hook see it."""
    icmp = packet.proto == IPPROTO_ICMP
    # An echo request has a socket behind it; an answer is the kernel's own or another program's.
    outgoing = passing.hook in ("output", "postrouting") and passing.iif is None and not passing.bridged
    local = outgoing and packet.echo == "request"
    # The Ethernet header is there until the packet is given a new one, which is behind all hooks (neigh_output()).
    macs = (packet.macs or (None, None)) if passing.hook != "output" and not outgoing else (None, None)
    return Seen(
        iif=passing.iif,
        oif=passing.oif,
        physin=passing.physin,
        physout=passing.physout,
        bridged=passing.bridged,
        src=packet.src,
        dst=packet.dst,
        proto=packet.proto,
        sport=None if icmp else packet.sport,
        dport=None if icmp else packet.dport,
        icmp_type=(8 if packet.echo == "request" else 0) if icmp else None,
        icmp_code=0 if icmp else None,
        tcp_flags=packet.flags,
        ttl=packet.ttl,
        length=packet.length,
        tos=packet.tos,
        mark=packet.mark,
        ct_state=packet.ct.state if packet.ct is not None else "INVALID",
        ct_status=connection.status if connection is not None else (),
        ct_mark=connection.mark if connection is not None else 0,
        ct_original=_tuple(connection.original) if connection is not None else None,
        ct_reply=_tuple(connection.reply) if connection is not None else None,
        ct_replying=packet.ct is not None and packet.ct.replying,
        smac=passing.smac or macs[0],
        dmac=passing.dmac or macs[1],
        uid=0 if local else None,
        gid=0 if local else None,
        ethertype=0x0800,
    )


def _tuple(one: conntrack.Tuple) -> SeenTuple:
    ports = (None, None) if one.proto == IPPROTO_ICMP else (one.sport, one.dport)
    return SeenTuple(one.src, one.dst, *ports)


def _noted(
    walk: Walk, at: Place, packet: Ip, passing: Passing, where: Where, result: Result, step: int
) -> int:
    """Record the rules that did something; a chain that is passed by its policy alone is no step."""
    hits = [hit for hit in result.hits if hit.rule is not None]
    if not hits:
        return step
    detail = "; ".join(f"{hit.place.table} {hit.place.chain} rule {hit.number}: {hit.text}" for hit in hits)
    return walk.step(step, at, "netfilter", result.verdict, f"{passing.hook}: {detail}", packet, tuple(hits))


def _drop(
    walk: Walk, at: Place, packet: Ip, passing: Passing, where: Where, result: Result, step: int
) -> None:
    last = result.hits[-1] if result.hits else Hit(where, 0, "", None, "drop")
    before = tuple((hit.place.chain, hit.number, hit.text) for hit in result.hits[:-1])
    state = packet.ct.state if packet.ct is not None else ""
    walk.end(
        RuleDropped(
            packet.flow,
            at,
            step,
            passing.hook,
            last.place.backend,
            last.place.family,
            last.place.table,
            last.place.chain,
            last.number or None,
            last.text,
            packet,
            result.reject,
            before,
            passing.bridged,
            state,
        )
    )
