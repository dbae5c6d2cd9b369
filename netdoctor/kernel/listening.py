"""Which socket takes a packet (__inet_lookup_listener() in net/ipv4/inet_hashtables.c, __udp4_lib_lookup())."""

from __future__ import annotations

from netdoctor.facts.balanced import KIND, of_address, of_mark
from netdoctor.facts.host import Namespace
from netdoctor.facts.sockets import Socket
from netdoctor.kernel.packet import Ip
from netdoctor.kernel.sysctls import number


def accepting(ns: Namespace, proto: str, address: str, port: int, ifindex: int, domain: int = 0) -> Socket | None:
    """The socket that a packet to `address`:`port` finds; None where there is none.

    `domain` is the VRF that the packet came in by, through its slave `ifindex`; 0 for none.
    Sockets bound to the address come first, among them those bound to a device (compute_score()).
    """
    found = [
        item for item in on_port(ns, proto, port) if _bound_there(ns, item, ifindex, domain) and takes(item, address)
    ]
    return max(found, key=lambda item: (not item.wildcard, bool(item.ifindex), item.family == 2), default=None)


def on_port(ns: Namespace, proto: str, port: int) -> list[Socket]:
    """All sockets of the namespace on that port, whatever they are bound to."""
    return [item for item in ns.sockets() or () if item.proto == proto and item.port == port]


def _bound_there(ns: Namespace, item: Socket, ifindex: int, domain: int) -> bool:
    """inet_bound_dev_eq(): a socket bound to no device takes what came by a VRF only where the sysctl says so."""
    if item.ifindex:
        return item.ifindex in (ifindex, domain)
    return not domain or bool(number(ns, f"ipv4/{item.proto}_l3mdev_accept"))


def takes(item: Socket, address: str) -> bool:
    """Tell whether the socket takes IPv4 packets to `address`, by whatever device they come."""
    if item.family == 2:
        return item.address in ("0.0.0.0", address)
    return not item.v6only and item.address in ("::", f"::ffff:{address}")


def full(item: Socket) -> bool:
    """sk_acceptq_is_full(): no more connections are let in until the program accepts some."""
    return item.proto == "tcp" and item.queued > item.backlog


def balanced(ns: Namespace, proto: str, packet: Ip) -> str | None:
    """The service of IPVS that takes the packet before any socket does, in words (ip_vs_in_hook(), at LOCAL_IN)."""
    details = {each.detail for each in ns.rulesets() if each.kind == KIND}
    meant = (of_mark(packet.mark), *(of_address(proto, packet.dst, port) for port in (packet.dport, 0)))
    return next((words for words in meant if words in details), None)
