"""The conversation: an echo request as ping(8) sends it, and the reply, in every way the kernel may choose."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Host
from netdoctor.facts.links import Record
from netdoctor.kernel import ip, neighbour
from netdoctor.kernel.endings import NoRoute
from netdoctor.kernel.fib import FibFlow, FibMiss
from netdoctor.kernel.output import route_output
from netdoctor.kernel.packet import (
    ICMP_HLEN,
    IP_HLEN,
    IPPROTO_ICMP,
    IPPROTO_TCP,
    IPPROTO_UDP,
    Flow,
    Ip,
    Place,
)
from netdoctor.kernel.sysctls import local_ports, number
from netdoctor.kernel.walk import MAX_STEPS, Walk

PROTOCOLS = {"icmp": IPPROTO_ICMP, "tcp": IPPROTO_TCP, "udp": IPPROTO_UDP}
WORDS = {"icmp": "echo request", "tcp": "SYN", "udp": "datagram"}
#: A TCP header with the options of a SYN; UDP's header is as long as ICMP's.
SYN_HLEN = 40
#: Stands for the source port, which Linux picks from ip_local_port_range.
EPHEMERAL = 40000

#: More ways than this are not walked; the answer then says that some were left out.
MAX_WALKS = 24


class Ping(Record, frozen=True):
    """What is sent: from the namespace `inode` to `address`; `source` where it is fixed; `size` the payload in bytes.

    `proto` is icmp, tcp (a SYN to `port`) or udp (a datagram to `port`). With a `source_port` it may belong to a
    connection that is tracked already; without, it is a new flow, from a port that no other one has. `picked` is the
    port that the kernel has given a new flow, where that is known.
    """

    inode: int
    address: str
    source: str | None = None
    size: int = 56
    df: bool = False
    proto: str = "icmp"
    port: int = 0
    source_port: int | None = None
    picked: int | None = None


def converse(host: Host, ping: Ping) -> tuple[list[Walk], bool]:
    """Walk the conversation once for each combination of choices; returns the walks, and whether they are all."""
    walks: list[Walk] = []
    scripts: list[tuple[int, ...]] = [()]
    while scripts and len(walks) < MAX_WALKS and sum(len(walk.steps) for walk in walks) < MAX_STEPS:
        script = scripts.pop()
        walk = Walk(host, script, exact=False)
        _run(walk, ping)
        if not walk.answered:
            # Why nobody answered may lie with one whom the quick walk left out.
            walk = Walk(host, script)
            _run(walk, ping)
        walks.append(walk)
        for position in range(len(script), len(walk.choices)):
            taken = tuple(index for _, index, _ in walk.choices[:position])
            scripts.extend((*taken, other) for other in range(1, walk.choices[position][2]))
    return walks, not scripts


def _run(walk: Walk, ping: Ping) -> None:
    ns = walk.namespace(ping.inode)
    walk.asker, walk.target, walk.known_flow = ping.inode, ping.address, ping.source_port is not None
    proto = PROTOCOLS[ping.proto]
    length = IP_HLEN + (SYN_HLEN if proto == IPPROTO_TCP else ICMP_HLEN + ping.size)
    ttl = number(ns, "ipv4/ip_default_ttl", 64)
    source = ping.source or "0.0.0.0"
    packet = Ip(Flow("request"), source, ping.address, ttl, length, df=ping.df, size=length, owner=(0, 0))
    if proto != IPPROTO_ICMP:
        sport = ping.source_port or ping.picked
        ports = {"dport": ping.port, "sport": sport or EPHEMERAL, "flags": 2 if proto == IPPROTO_TCP else 0}
        packet = replace(packet, proto=proto, **ports)
        if sport is None:
            packet = replace(packet, ephemeral=(EPHEMERAL, *local_ports(ns)))
    step = walk.step(-1, Place(ping.inode, 0), "send", "echo", f"{WORDS[ping.proto]} to {ping.address}", packet)
    walk.later(lambda: _start(walk, ping, packet, step))
    walk.run()
    while neighbour.give_up(walk):
        walk.run()


def _start(walk: Walk, ping: Ping, packet: Ip, step: int) -> None:
    source = _connected(walk, ping, packet, step)
    if source is not None:
        walk.bound = None if ping.proto == "icmp" else source
        # ping(8) sends from an unbound raw socket; a connected one keeps the source it got.
        ip.send(walk, ping.inode, packet, ping.source if ping.proto == "icmp" else source, step)


def _connected(walk: Walk, ping: Ping, packet: Ip, step: int) -> str | None:
    """ping(8) first connects a UDP socket to learn its source; what the rules say to that decides too.

    connect(2) looks the route up twice, without and with the source it then has (ip_route_connect()); ping refuses a
    broadcast destination.
    """
    source = ping.source
    proto, port = (IPPROTO_UDP, 1025) if ping.proto == "icmp" else (PROTOCOLS[ping.proto], ping.port)
    for _ in range(2):
        way = route_output(walk, ping.inode, FibFlow(ping.address, source, proto=proto, dport=port))
        if isinstance(way, FibMiss) or way.type == "broadcast":
            miss = way if isinstance(way, FibMiss) else FibMiss("broadcast", (), way.route)
            place = Place(ping.inode, 0)
            detail = f"no way to {ping.address}: {miss.error}"
            facts = (miss.route,) if miss.route is not None else ()
            done = walk.step(step, place, "route", "none", detail, packet, facts)
            walk.end(
                NoRoute(
                    packet.flow,
                    place,
                    done,
                    ping.address,
                    source,
                    miss.error,
                    False,
                    miss.tables,
                    miss.route,
                    miss.rule,
                    packet,
                )
            )
            return None
        source = source or way.src
    return source
