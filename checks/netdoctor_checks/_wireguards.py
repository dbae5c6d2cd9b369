"""What the checks of WireGuard share: the two ends of a packet, and what may be changed of a peer."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from netdoctor.case import Case
from netdoctor.check import Proof
from netdoctor.facts.links import Record
from netdoctor.facts.wireguard import AllowedIp, WgPeer, WireGuard
from netdoctor.fix.change import Fix
from netdoctor.fix.command import enter
from netdoctor.fix.wireguard import SetWgPeer
from netdoctor.kernel import topology
from netdoctor.kernel.endings import Ending
from netdoctor.kernel.packet import Place
from netdoctor_checks._iptunnels import End, entered, outer_addresses, tunnel_at
from netdoctor_checks._routes import leads


class Wg(Record, frozen=True):
    """A WireGuard device with what it knows of its peers."""

    end: End
    data: WireGuard


def wg_at(case: Case, at: Place | None) -> Wg | None:
    """The WireGuard device at a place, or None."""
    end = tunnel_at(case, at) if at is not None else None
    data = case.ns(end.at).wireguard(end.at.ifindex) if end is not None else None
    return Wg(end, data) if end is not None and data is not None else None


def sender(case: Case, end: Ending) -> Wg | None:
    """The device that the packet went into, and has not come out of."""
    found = entered(case, end)
    return wg_at(case, found[0].at) if found is not None else None


def others(case: Case, one: Wg) -> list[Wg]:
    """All the WireGuard devices elsewhere, those that know this one first."""
    near = topology.far_peers(case.host, one.end.at)
    places = [Place(known.inode, link.index) for known in case.host.namespaces()
              if known.inode != one.end.at.inode and (ns := case.host.namespace(known.inode)) is not None
              for link in ns.links_of_kind("wireguard")]  # fmt: skip
    found = (wg_at(case, at) for at in dict.fromkeys((*near, *places)))
    return [each for each in found if each is not None and each.end.home != one.end.home]


def behind(case: Case, one: Wg, address: str) -> list[Wg]:
    """The devices elsewhere behind which an address is."""
    return [far for far in others(case, one) if leads(case, far.end.at, address)]


def peer_of(one: Wg, far: Wg) -> WgPeer | None:
    """What `one` knows of `far`."""
    return next((peer for peer in one.data.peers if peer.public_key == far.data.public_key), None)


def changed(one: Wg, peer: WgPeer, old: str | None = None) -> SetWgPeer:
    """The change that makes `one` know a peer so."""
    return SetWgPeer(one.end.at.inode, one.end.at.ifindex, peer, old)


def with_prefixes(case: Case, one: Wg, peer: WgPeer, address: str) -> Iterator[Fix]:
    """Fixes that give a peer the subnet of an address, or the address alone."""
    held = [ifa for owner in case.owners(address) for ifa in case.ns(owner).owners(address)]
    lengths = [ifa.prefixlen for ifa in held if 8 < ifa.prefixlen < 32]
    for length in (*dict.fromkeys(lengths), 32):
        prefix = AllowedIp(_network(address, length), length)
        more = replace(peer, allowed=(*peer.allowed, prefix))
        words = f"let {case.where(one.end.at)} send {prefix.address}/{length} to that peer, and take it from there"
        yield Fix(words, (changed(one, more),))


def _network(address: str, length: int) -> str:
    from ipaddress import ip_interface

    return str(ip_interface(f"{address}/{length}").network.network_address)


def endpoints(case: Case, one: Wg, far: Wg) -> Iterator[tuple[str, int]]:
    """Where `far` can be found by `one`."""
    for address in outer_addresses(case, far.end, one.end):
        yield address, far.data.port


def shown(case: Case, one: Wg, statement: str) -> Proof:
    """Evidence: the device and its peers, as wg(8) prints them."""
    return Proof(statement, enter(case.id(one.end.at), ("wg", "show", one.end.link.name)))
