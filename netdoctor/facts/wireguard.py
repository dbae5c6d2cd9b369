"""Facts about WireGuard devices, as generic netlink tells them (include/uapi/linux/wireguard.h); no secret keys."""

from __future__ import annotations

from netdoctor.facts.links import Record


class AllowedIp(Record, frozen=True):
    """A prefix that is sent to a peer, and taken from it."""

    address: str
    prefixlen: int


class WgPeer(Record, frozen=True):
    """A peer. `endpoint` and `port` are where it is to be found, None and 0 where that is not known (yet).

    `shaken` tells that a handshake with it has ever come about, `preshared` that a preshared key is set.
    """

    public_key: str
    endpoint: str | None = None
    port: int = 0
    allowed: tuple[AllowedIp, ...] = ()
    shaken: bool = False
    preshared: bool = False


class WireGuard(Record, frozen=True):
    """A WireGuard device: its own public key (None without a private one), the UDP port it listens on, its peers."""

    ifindex: int
    public_key: str | None = None
    port: int = 0
    fwmark: int = 0
    peers: tuple[WgPeer, ...] = ()
