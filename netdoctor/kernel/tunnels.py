"""Tunnels other than VXLAN: which module takes a packet that leaves by one, and which one that arrives."""

from __future__ import annotations

from netdoctor.kernel import geneve, iptunnel, tuntap, vxlan, wireguard
from netdoctor.kernel.packet import Frame, Ip, Place
from netdoctor.kernel.walk import Walk

#: The kinds of device that `encapsulate` knows and that always have a carrier.
KINDS = ("ipip", "sit", "gre", "gretap", "geneve", "wireguard")


def encapsulate(walk: Walk, at: Place, frame: Frame, next_hop: str, parent: int) -> None:
    """Send a frame into the tunnel at `at`; one without a remote sends to `next_hop`."""
    if walk.link(at).kind == "tun":
        tuntap.encapsulate(walk, at, frame, parent)
    elif walk.link(at).kind == "wireguard":
        wireguard.encapsulate(walk, at, frame, parent)
    elif walk.link(at).kind == "geneve":
        geneve.encapsulate(walk, at, frame, parent)
    else:
        iptunnel.encapsulate(walk, at, frame, next_hop, parent)


def arrive(walk: Walk, at: Place, packet: Ip, parent: int) -> None:
    """Take in an outer packet that is for this namespace and came in by `at`."""
    if packet.tunnel == "vxlan":
        vxlan.arrive(walk, at, packet, parent)
    elif packet.tunnel == "tun":
        tuntap.arrive(walk, at, packet, parent)
    elif packet.tunnel == "wireguard":
        wireguard.arrive(walk, at, packet, parent)
    elif packet.tunnel == "geneve":
        geneve.arrive(walk, at, packet, parent)
    else:
        iptunnel.arrive(walk, at, packet, parent)
