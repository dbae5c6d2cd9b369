"""Which socket takes a packet (__inet_lookup_listener() in net/ipv4/inet_hashtables.c, __udp4_lib_lookup())."""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.sockets import Socket


def accepting(ns: Namespace, proto: str, address: str, port: int, ifindex: int) -> Socket | None:
    """The socket that a packet to `address`:`port` finds; None where there is none.

    Sockets bound to the address come first, among them those bound to a device (compute_score()).
    """
    found = [item for item in on_port(ns, proto, port) if takes(item, address, ifindex)]
    return max(found, key=lambda item: (not item.wildcard, bool(item.ifindex), item.family == 2), default=None)


def on_port(ns: Namespace, proto: str, port: int) -> list[Socket]:
    """All sockets of the namespace on that port, whatever they are bound to."""
    return [item for item in ns.sockets() or () if item.proto == proto and item.port == port]


def takes(item: Socket, address: str, ifindex: int) -> bool:
    """Tell whether an IPv4 packet to `address` that came in by `ifindex` may go to the socket."""
    if item.ifindex and item.ifindex != ifindex:
        return False
    if item.family == 2:
        return item.address in ("0.0.0.0", address)
    return not item.v6only and item.address in ("::", f"::ffff:{address}")


def full(item: Socket) -> bool:
    """sk_acceptq_is_full(): no more connections are let in until the program accepts some."""
    return item.proto == "tcp" and item.queued > item.backlog
