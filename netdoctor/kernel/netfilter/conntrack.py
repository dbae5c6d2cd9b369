"""Connection tracking and NAT as one walk sees them (net/netfilter/nf_conntrack_core.c, nf_nat_core.c).

A conversation is a new flow (a fresh ICMP id or source port), so it meets no entry that stood before, unless its source
port is given; what the walk itself creates in each namespace is what its reply meets.
"""

from __future__ import annotations

from typing import Literal

from netdoctor.facts.connections import Entry
from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Record
from netdoctor.kernel.packet import IPPROTO_ICMP, IPPROTO_TCP, IcmpError, Ip
from netdoctor.kernel.sysctls import number

Manip = Literal["src", "dst"]


class Tuple(Record, frozen=True):
    """One direction of a connection."""

    proto: int
    src: str
    dst: str
    sport: int
    dport: int

    @property
    def inverse(self) -> Tuple:
        """The direction back."""
        return Tuple(self.proto, self.dst, self.src, self.dport, self.sport)


class Connection:
    """An entry of one namespace: the original direction, and the reply as it is expected after NAT."""

    def __init__(self, original: Tuple, zone: int) -> None:
        self.original = original
        self.reply = original.inverse
        self.zone = zone
        self.seen_reply = False
        self.mark = 0
        self.decided: set[Manip] = set()

    @property
    def status(self) -> tuple[str, ...]:
        """DNAT where the destination was changed, SNAT where the source was."""
        back = self.reply.inverse
        changed = []
        if (back.dst, back.dport) != (self.original.dst, self.original.dport):
            changed.append("DNAT")
        if (back.src, back.sport) != (self.original.src, self.original.sport):
            changed.append("SNAT")
        return tuple(changed)


def standing(entry: Entry) -> Connection:
    """The connection that an entry of the table is; its translations are decided (IPS_NAT_DONE_MASK)."""
    connection = Connection(Tuple(entry.proto, entry.src, entry.dst, entry.sport, entry.dport), entry.zone)
    connection.reply = Tuple(entry.proto, entry.reply_src, entry.reply_dst, entry.reply_sport, entry.reply_dport)
    connection.seen_reply, connection.mark = entry.answered, entry.mark
    connection.decided = {"src", "dst"}
    return connection


#: A SYN begins a connection anew where the old one is in these states (nf_conntrack_tcp_packet()).
OVER = ("TIME_WAIT", "CLOSE")


def meets(entry: Entry, packet: Ip) -> bool:
    """Tell whether a packet belongs to an entry of the table."""
    if entry.zone != packet.zone or (entry.state in OVER and packet.flags & 18 == 2):
        return False
    found = standing(entry)
    return tuple_of(packet) in (found.original, found.reply)


class Tracked(Record, frozen=True):
    """A packet's place in conntrack: its connection (None: invalid or untracked), its direction, its state."""

    connection: Connection | None
    replying: bool
    state: str


def tuple_of(packet: Ip) -> Tuple:
    """The tuple a packet belongs to; ICMP has one id for both ports."""
    return Tuple(packet.proto, packet.src, packet.dst, packet.sport, packet.dport)


def track(table: list[Connection], packet: Ip, zone: int = 0) -> Tracked:
    """nf_conntrack_in(): find the packet's connection, or begin one where it may begin one."""
    if packet.error is not None:
        return _related(table, packet.error, zone)
    key = tuple_of(packet)
    for connection in table:
        if connection.zone != zone:
            continue
        if connection.original == key:
            return Tracked(connection, False, "ESTABLISHED" if connection.seen_reply else "NEW")
        if connection.reply == key:
            connection.seen_reply = True
            return Tracked(connection, True, "ESTABLISHED")
    if not may_begin(packet):
        return Tracked(None, False, "INVALID")
    connection = Connection(key, zone)
    table.append(connection)
    return Tracked(connection, False, "NEW")


def _related(table: list[Connection], error: IcmpError, zone: int) -> Tracked:
    """icmp_error_message(): an error belongs to the connection of the packet that it is about, the other way round."""
    back = Tuple(error.proto, error.src, error.dst, error.sport, error.dport).inverse
    for connection in table:
        if connection.zone == zone and back in (connection.original, connection.reply):
            return Tracked(connection, back == connection.reply, "RELATED")
    return Tracked(None, False, "INVALID")


def exhausted(ns: Namespace) -> tuple[int, int] | None:
    """The number of entries and the limit, where the table is full (init_conntrack(), __nf_conntrack_alloc())."""
    count, limit = (number(ns, f"netfilter/nf_conntrack_{name}", 0) for name in ("count", "max"))
    return (count, limit) if limit and count >= limit else None


def may_begin(packet: Ip) -> bool:
    """Tell whether the packet can begin a connection: an echo reply, a RST or a SYN/ACK out of the blue cannot."""
    if packet.proto == IPPROTO_ICMP:
        return packet.echo == "request"
    if packet.proto == IPPROTO_TCP:
        return not packet.flags & 4 and packet.flags & 18 != 18
    return True


def restored(connection: Connection, replying: bool, error: IcmpError) -> IcmpError:
    """nf_nat_icmp_reply_translation(): the packet inside an error, as it was before this namespace translated it."""
    was = connection.original if replying else connection.reply
    return IcmpError(error.type, error.code, was.proto, was.src, was.dst, was.sport, was.dport)


def translated(connection: Connection, replying: bool, packet: Ip, manip: Manip) -> tuple[str, str, int, int]:
    """nf_nat_manip_pkt(): (src, dst, sport, dport) of the packet once its connection's NAT of one kind is applied."""
    target = connection.original.inverse if replying else connection.reply.inverse
    if manip == "dst":
        return packet.src, target.dst, packet.sport, target.dport
    return target.src, packet.dst, target.sport, packet.dport


def bind(connection: Connection, manip: Manip, address: str | None, port: int | None) -> None:
    """nf_nat_setup_info(): decide a connection's NAT of one kind, once and for all its packets."""
    connection.decided.add(manip)
    back = connection.reply
    if manip == "dst":
        sport = port if port is not None else back.sport
        connection.reply = Tuple(back.proto, address or back.src, back.dst, sport, back.dport)
    else:
        dport = port if port is not None else back.dport
        connection.reply = Tuple(back.proto, back.src, address or back.dst, back.sport, dport)
