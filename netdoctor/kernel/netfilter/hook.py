"""An IP packet passes one hook: every base chain of every table there by priority, conntrack and NAT at theirs.

nf_hook_slow() runs what is registered in priority order; legacy tables, iptables-nft and native nftables stand side by
side, and an accept ends only its own chain. NAT chains are asked by nf_nat once a connection and kind of manipulation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Record
from netdoctor.kernel.endings import NotModelled, RuleDropped, TableFull
from netdoctor.kernel.netfilter import conntrack, nat, pieces
from netdoctor.kernel.netfilter.branch import Hit, Result, leading
from netdoctor.kernel.netfilter.conntrack import Connection, Manip
from netdoctor.kernel.netfilter.environment import NamespaceEnvironment
from netdoctor.kernel.netfilter.model import Base, Hook
from netdoctor.kernel.netfilter.model import Place as Where
from netdoctor.kernel.netfilter.ruleset import Ruleset, ruleset_of
from netdoctor.kernel.netfilter.seen import Seen
from netdoctor.kernel.netfilter.seen import Tuple as SeenTuple
from netdoctor.kernel.netfilter.traversal import traversal
from netdoctor.kernel.netfilter.traverse import traverse
from netdoctor.kernel.packet import IPPROTO_ICMP, Arp, CtRef, Ip, Place
from netdoctor.kernel.walk import Walk

CONNTRACK = -200
NAT_PRIORITY = {"prerouting": -100, "output": -100, "input": 100, "postrouting": 100}
#: What leads a packet on through the chains, and does nothing to it.
_PASSING = ("jump ", "goto ", "return")
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

    def seen(self, **fields: Any) -> Seen:
        """What rules at this hook see: its devices, and what `fields` say of the packet."""
        ports = (self.physin, self.physout, None, None)
        return Seen(self.iif, self.oif, *ports, self.bridged, **fields)


class _At(NamedTuple):
    """Where a packet meets chains: the hook of a namespace, on a walk."""

    walk: Walk
    ns: Namespace
    place: Place
    passing: Passing
    rules: Ruleset


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
    here = _At(walk, ns, at, passing, rules)
    for priority, base, where in sorted(events, key=lambda event: event[0]):
        if base is not None and where is not None:
            gone = _filter(here, packet, base, where, step)
        elif priority == CONNTRACK:
            gone = track(walk, ns, at, packet, step)
        else:
            gone = _nat(here, packet, natted, step)
        if gone is None:
            return None
        packet, step = gone
    return packet, step


def track(walk: Walk, ns: Namespace, at: Place, packet: Ip, step: int) -> tuple[Ip, int] | None:
    """nf_conntrack_in(), unless a raw rule said not to, or a bridge has done it already."""
    if packet.ct is not None:
        return packet, step
    table = walk.connections.setdefault(at.inode, [])
    if walk.known_flow and packet.inner is None:
        step = _recall(walk, ns, at, packet, table, step)
    known = len(table)
    tracked = conntrack.track(table, packet, packet.zone)
    if len(table) > known and (limits := conntrack.exhausted(ns)) and pieces.tracks(ns):
        walk.end(TableFull(packet.flow, at, step, packet, *limits))
        return None
    entry = table.index(tracked.connection) if tracked.connection is not None else -1
    return replace(packet, ct=CtRef(entry, tracked.replying, tracked.state)), step


def _recall(walk: Walk, ns: Namespace, at: Place, packet: Ip, table: list[Connection], step: int) -> int:
    """Take what the namespace's own table has for the packet into the walk's, once."""
    key = conntrack.tuple_of(packet)
    if not pieces.tracks(ns) or any(key in (one.original, one.reply) for one in table):
        return step
    for entry in ns.connections(packet.proto, packet.src, packet.dst):
        if conntrack.meets(entry, packet):
            table.append(conntrack.standing(entry))
            detail = f"an entry stands: to {entry.reply_src}, answers to {entry.reply_dst}"
            return walk.step(step, at, "conntrack", "known", detail, packet, (entry,))
    return step


def connection_of(walk: Walk, at: Place, packet: Ip) -> Connection | None:
    """The packet's conntrack entry in this namespace."""
    if packet.ct is None or packet.ct.entry < 0:
        return None
    return walk.connections[at.inode][packet.ct.entry]


def _nat(here: _At, packet: Ip, chains: list[tuple[Base, Where]], step: int) -> tuple[Ip, int] | None:
    """nf_nat_inet_fn(): ask the chains for a new connection, then rewrite as the connection says."""
    walk, ns, at, passing, _ = here
    connection, ct = connection_of(walk, at, packet), packet.ct
    if connection is None or ct is None:
        return packet, step
    manip = MANIP[passing.hook]
    if ct.state == "NEW" and not ct.replying and manip not in connection.decided:
        for base, where in chains:
            result = _run(here, packet, base, where, step)
            step = _noted(here, packet, where, result, step)
            if result.verdict != "accept":
                _drop(here, packet, where, result, step)
                return None
            # What a NAT chain notes on the packet stays: kube-proxy marks there what it masquerades later.
            packet = replace(packet, mark=result.seen.mark, ttl=result.seen.ttl, tos=result.seen.tos)
            connection.mark = connection.mark if result.ct_mark is None else result.ct_mark
            if result.translate is not None:
                address, port = nat.target(walk, ns, at, packet, passing, result.translate)
                if address is None and result.translate.kind in ("masquerade", "redirect"):
                    # nf_nat_masquerade_ipv4(), nf_nat_redirect_ipv4(): no address to give means NF_DROP.
                    _drop(here, packet, where, result, step)
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
    if packet.error is not None:
        changed = replace(changed, error=conntrack.restored(connection, ct.replying, packet.error))
    if passing.hook == "output" and dst != packet.dst:
        changed = replace(changed, rerouted=packet.mark)
    old, new = (packet.dst, dst) if manip == "dst" else (packet.src, src)
    detail = f"{'destination' if manip == 'dst' else 'source'} {old} becomes {new}"
    return changed, walk.step(step, at, "nat", kind.lower(), detail, changed)


def _filter(here: _At, packet: Ip, base: Base, where: Where, step: int) -> tuple[Ip, int] | None:
    walk, ns, at, passing, _ = here
    result = _run(here, packet, base, where, step)
    step = _noted(here, packet, where, result, step)
    later = False
    if result.verdict == "accept" and pieces.in_pieces(ns, packet, passing.hook, base.priority):
        rest = _run(here, packet, base, where, step, later=True)
        if rest.verdict != "accept":
            result, step, later = rest, _noted(here, packet, where, rest, step), True
    if result.verdict != "accept":
        _drop(here, packet, where, result, step, later)
        return None
    connection = connection_of(walk, at, packet)
    if result.ct_mark is not None and connection is not None:
        connection.mark = result.ct_mark
    if result.notrack and packet.ct is None:
        packet = replace(packet, ct=CtRef(-1, False, "UNTRACKED"))
    if result.zone is not None:
        packet = replace(packet, zone=result.zone)
    if base.kind == "route" and (result.seen.mark, result.seen.tos) != (packet.mark, packet.tos):
        # ipt_mangle_out(), nf_route_table_hook4(): of the chains that change it, only these have it routed anew.
        packet = replace(packet, rerouted=result.seen.mark)
    return replace(packet, mark=result.seen.mark, ttl=result.seen.ttl, tos=result.seen.tos), step


def _run(here: _At, packet: Ip, base: Base, where: Where, step: int, later: bool = False) -> Result:
    walk, ns, at, passing, rules = here
    connection = connection_of(walk, at, packet)
    seen = seen_of(packet, passing, connection)
    if not pieces.in_pieces(ns, packet, passing.hook, base.priority):
        seen = replace(seen, length=packet.size)
    seen = later_piece(seen) if later else seen
    result = run_chain(walk, ns, at, seen, rules, base, where)
    if not later:
        walk.traversals.append(traversal(step, at, passing.hook, where, packet, result, passing.physout))
    return result


def run_chain(
    walk: Walk, ns: Namespace, at: Place, seen: Seen, rules: Ruleset, base: Base, where: Where
) -> Result:
    """Traverse one base chain; what its rules write down is there for the next packet of the walk."""
    before = walk.noted.get(at.inode, ())
    seen = replace(seen, noted=before) if before else seen
    result = traverse(rules, base, where, seen, NamespaceEnvironment(ns, rules), walk.choose)
    if result.seen.noted:
        walk.noted[at.inode] = result.seen.noted
    return result


def seen_of(packet: Ip, passing: Passing, connection: Connection | None) -> Seen:
    """The packet as the rules of a hook see it."""
    icmp, error = packet.proto == IPPROTO_ICMP, packet.error
    icmp_type, icmp_code = (error.type, error.code) if error else (8 if packet.echo == "request" else 0, 0)
    # What is sent here has a socket behind it: a program's, or one of the kernel's own that nobody owns.
    sent = passing.hook in ("output", "postrouting") and passing.iif is None and not passing.bridged
    socket = sent and packet.echo is not None
    owner = packet.owner if socket and packet.owner is not None else (None, None)
    # The old Ethernet header stays readable until the packet is given a new one; what is sent here has none yet.
    macs = packet.macs or (None, None)
    return passing.seen(
        src=packet.src,
        dst=packet.dst,
        proto=packet.proto,
        sport=None if icmp else packet.sport,
        dport=None if icmp else packet.dport,
        icmp_type=icmp_type if icmp else None,
        icmp_code=icmp_code if icmp else None,
        tcp_flags=packet.flags,
        ttl=packet.ttl,
        tos=packet.tos,
        length=packet.length,
        mark=packet.mark,
        ct_state=packet.ct.state if packet.ct is not None else "INVALID",
        ct_status=connection.status if connection is not None else (),
        ct_mark=connection.mark if connection is not None else 0,
        ct_zone=connection.zone if connection is not None else 0,
        ct_original=_tuple(connection.original) if connection is not None else None,
        ct_reply=_tuple(connection.reply) if connection is not None else None,
        ct_proto=connection.original.proto if connection is not None else None,
        ct_replying=packet.ct is not None and packet.ct.replying,
        smac=passing.smac or macs[0],
        dmac=passing.dmac or macs[1],
        uid=owner[0],
        gid=owner[1],
        socket=socket,
        ephemeral=packet.ephemeral,
        ethertype=0x0800,
    )


def later_piece(seen: Seen) -> Seen:
    """A further fragment of the packet, as rules see it: the header of the layer above is in the first one only."""
    return replace(seen, fragment=True, sport=None, dport=None, icmp_type=None, icmp_code=None, tcp_flags=0)


def _tuple(one: conntrack.Tuple) -> SeenTuple:
    ports = (None, None) if one.proto == IPPROTO_ICMP else (one.sport, one.dport)
    return SeenTuple(one.src, one.dst, *ports)


def altered(payload: Ip | Arp, at: Place, hit: Hit, step: int) -> NotModelled:
    """The ending of a packet of which a rule may make another one."""
    spot = hit.place
    what = f"rule {hit.number} of chain {spot.chain} ({spot.family} {spot.table}): {hit.text}"
    return NotModelled(payload.flow, at, step, what, "the rule may send the packet elsewhere, answer it or rewrite it")


def _noted(here: _At, packet: Ip, where: Where, result: Result, step: int) -> int:
    """Record the rules that did something; a chain that is passed by its policy alone is no step.

    What merely leads from chain to chain is among the step's facts; which rule ended the packet, its ending tells.
    """
    hits = tuple(hit for hit in result.hits if hit.rule is not None)
    if not hits:
        return step
    did = [hit for hit in hits if not hit.verdict.startswith(_PASSING)]
    gone = result.verdict != "accept"
    told = [
        f"rule {hit.number} of {hit.place.table} {hit.place.chain}: {hit.verdict}"
        for hit in did
        if not (gone and hit is result.hits[-1])
    ]
    if gone:
        told.append(f"{where.table} {', '.join(hit.place.chain for hit in leading(result.hits)) or where.chain}")
    detail = "; ".join(told) or f"{where.table} {where.chain}"
    told_at = f"{here.passing.hook}: {detail}"
    return here.walk.step(step, here.place, "netfilter", result.verdict, told_at, packet, hits)


def _drop(here: _At, packet: Ip, where: Where, result: Result, step: int, later: bool = False) -> None:
    walk, _, at, passing, _ = here
    last = result.hits[-1] if result.hits else Hit(where, 0, "", None, "drop")
    if result.verdict == "altered":
        walk.end(altered(packet, at, last, step))
        return
    before = tuple((hit.place.chain, hit.number, hit.text) for hit in leading(result.hits))
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
            later,
        )
    )
