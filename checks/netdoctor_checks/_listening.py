"""What the checks of sockets share: how a socket is said, what else listens, and how ss(8) shows it."""

from __future__ import annotations

from collections.abc import Iterable

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.sockets import Socket
from netdoctor.fix.command import enter
from netdoctor.kernel.endings import NotListening
from netdoctor.kernel.packet import Place

#: How many other ports a sentence names.
SHOWN = 6


def place(end: NotListening) -> Place:
    """Where a socket is missing: in the namespace, at no device in particular."""
    return Place(end.at.inode, 0)


def port_name(end: NotListening) -> str:
    """`tcp port 80`."""
    return f"{end.proto} port {end.port}"


def refusal(end: NotListening) -> str:
    """What the kernel says to the sender of a packet that no socket takes."""
    if end.proto == "tcp":
        return "tcp_v4_rcv() answers the SYN with a RST: `connection refused`"
    return "__udp4_lib_rcv() drops it and sends ICMP port unreachable: `connection refused`, where anyone reads that"


def others(case: Case, end: NotListening) -> str:
    """What listens in the namespace on other ports of the protocol, in a sentence without its full stop."""
    here = case.label(end.at)
    found = [item for item in case.ns(end.at).sockets() or () if item.proto == end.proto]
    ports = sorted({item.port for item in found if item.port != end.port})
    if not ports:
        return f"No other {end.proto} socket is there in {here}"
    more = f" and {len(ports) - SHOWN} more" if len(ports) > SHOWN else ""
    return f"What {here} listens on is {end.proto} port {', '.join(map(str, ports[:SHOWN]))}{more}"


def bound(case: Case, at: Place, sockets: Iterable[Socket]) -> str:
    """What sockets are there for, in words: `127.0.0.1 and packets that come in by eth1`."""
    said = []
    for item in sockets:
        text = "IPv6" if item.v6only and item.wildcard else item.address
        if item.ifindex and item.wildcard:
            text = f"packets that come in by {case.name(Place(at.inode, item.ifindex))}"
        said.append(text)
    return " and ".join(dict.fromkeys(said))


def held_by(case: Case, at: Place, sockets: Iterable[Socket]) -> str:
    """Who has the sockets open, as a sentence with a blank after it; empty where it is not known."""
    found = (case.ns(at).holder(item) for item in sockets)
    who = next((process for process in found if process is not None), None)
    if who is None:
        return ""
    started = f", started as `{who.command}`" if who.command else ""
    return f"The socket is held by pid {who.pid} ({who.name}){started}. "


def shown(case: Case, end: NotListening, statement: str) -> Proof:
    """The statement, and the ss(8) command that shows the sockets on that port."""
    options = "-ltn" if end.proto == "tcp" else "-lun"
    return Proof(statement, enter(case.id(end.at), ("ss", f"{options}e", "sport", "=", f":{end.port}")))
