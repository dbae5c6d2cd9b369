"""SYS013: a plain UDP server would answer from another address than it was asked at."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Finding, Proof, check
from netdoctor.facts.sockets import Socket
from netdoctor.fix import command
from netdoctor.fix.change import Fix
from netdoctor.fix.layer3 import AddRoute
from netdoctor.kernel.fib import FibFlow
from netdoctor.kernel.output import Way, route_output
from netdoctor.kernel.packet import Ip, Place
from netdoctor.kernel.walk import Walk


@check("SYS013")
def udp_answer_from_another(walk: Walk, case: Case) -> Iterator[Finding]:
    """The UDP server has several addresses and is bound to none: it may answer from the wrong one.

    ## What it means
    The datagram was sent to one address of the server, and the route back to the client prefers another. A socket that
    is bound to every address has the kernel choose the source of what it sends.

    ## Why it breaks the path
    `udp_sendmsg()` takes the source from the route unless the socket is bound or the program names one (IP_PKTINFO, as
    DNS servers do). A connected client takes answers from the address that it asked only, and refuses others with port
    unreachable. Whether the program names it cannot be seen from outside, so this is no more than a warning.

    ## See it yourself
    tcpdump on the client shows the answer come from the other address; `nstat UdpNoPorts` grows there. `ip route get
    CLIENT` on the server says which source the kernel chooses, `ss -lun` that the socket is bound to `0.0.0.0`.

    ## How to fix it
    Bind the server to the address that is asked, or to each address by itself, or set IP_PKTINFO on what it sends. A
    route to the clients with `src` makes the kernel choose the right one.

    ## Often taken for
    A firewall that drops the answers. TCP to the same address works: its connections keep the address asked.
    """
    for step in walk.steps:
        socket, asked = (step.facts[0] if step.facts else None), step.carries
        if not isinstance(socket, Socket) or socket.proto != "udp" or not isinstance(asked, Ip) or not socket.wildcard:
            continue
        inode, client = step.at.inode, asked.src
        way = route_output(Walk(case.host), inode, FibFlow(client, proto=17, dport=asked.sport))
        if not isinstance(way, Way) or way.src == asked.dst:
            continue
        label, fix = case.label(inode), None
        if way.route is not None and way.type == "unicast":
            change = AddRoute(inode, replace(way.route, prefsrc=asked.dst), instead=True)
            fix = Fix(f"let {label} answer {client} from {asked.dst}", (change,), "medium")
        yield Finding(
            f"a plain program on udp port {asked.dport} in {label} would answer from {way.src}, not from {asked.dst}",
            f"It is bound to every address, and the route to {client} prefers {way.src}. Only a program that names the "
            f"source itself (IP_PKTINFO) answers from {asked.dst}, which is what the client waits for.",
            Place(inode, 0),
            (
                Proof(f"the kernel would choose {way.src}", case.ip(inode, "route", "get", client)),
                Proof("the socket is bound to every address", command.enter(case.id(inode), ("ss", "-lun"))),
            ),
            fix,
        )
