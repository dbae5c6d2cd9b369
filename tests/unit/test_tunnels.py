"""Tunnels on written facts: what generic netlink says of WireGuard, which tunnel takes a packet, what stays unknown."""

from __future__ import annotations

import struct
from base64 import b64encode

import pytest
from msgspec.structs import replace

from netdoctor.answer import ask
from netdoctor.collect.netlink import attribute
from netdoctor.collect.wireguard import device
from netdoctor.endpoints import resolve
from netdoctor.facts.host import Host
from netdoctor.facts.links import Link, Tunnel
from netdoctor.facts.processes import Process, Reader
from netdoctor.facts.tables import TableHost
from netdoctor.facts.wireguard import AllowedIp
from netdoctor.kernel import iptunnel
from netdoctor.kernel.packet import Flow, Ip, Place
from netdoctor.kernel.walk import Walk
from netdoctor.lab import load_faults
from netdoctor.lab.record import load_recording, request
from tests.unit.networks import Ns

SECRET, OWN, PEER = bytes(range(32)), bytes([7] * 32), bytes([9] * 32)


def allowed(address: bytes, length: int) -> bytes:
    inner = attribute(1, struct.pack("=H", 2)) + attribute(2, address) + attribute(3, bytes([length]))
    return attribute(0, inner)


def test_a_peer_goes_on_in_the_next_message_and_no_secret_is_kept() -> None:
    endpoint = struct.pack("=H", 2) + (51820).to_bytes(2, "big") + bytes((192, 0, 2, 2)) + bytes(8)
    first = attribute(1, PEER) + attribute(2, SECRET) + attribute(4, endpoint)
    first += attribute(9, allowed(bytes((10, 0, 0, 0)), 8))
    again = attribute(1, PEER) + attribute(9, allowed(bytes((10, 9, 0, 0)), 16))
    own = attribute(3, SECRET) + attribute(4, OWN)
    own += attribute(6, struct.pack("=H", 4500)) + attribute(7, struct.pack("=I", 5))
    messages = [bytes(20) + own + attribute(8, attribute(0, first)), bytes(20) + attribute(8, attribute(0, again))]
    found = device(3, messages)
    assert (found.ifindex, found.port, found.fwmark) == (3, 4500, 5)
    (peer,) = found.peers
    assert (peer.endpoint, peer.port, peer.preshared, peer.shaken) == ("192.0.2.2", 51820, True, False)
    assert peer.allowed == (AllowedIp("10.0.0.0", 8), AllowedIp("10.9.0.0", 16))
    assert b64encode(SECRET).decode() not in repr(found)


@pytest.mark.parametrize(
    ("src", "key", "taken"),
    [
        ("192.0.2.2", None, "exact"),
        ("192.0.2.3", None, "from-3"),
        ("192.0.2.4", None, "to-us"),
        ("192.0.2.2", 7, "keyed"),
        ("192.0.2.4", 7, None),
    ],
)
def test_the_most_specific_tunnel_takes_the_packet(src: str, key: int | None, taken: str | None) -> None:
    ns = Ns(1, "n").dev("eth0", "192.0.2.1/24")
    for name, data in (
        ("exact", Tunnel("192.0.2.1", "192.0.2.2")),
        ("from-3", Tunnel(None, "192.0.2.3")),
        ("to-us", Tunnel("192.0.2.1", None)),
        ("keyed", Tunnel("192.0.2.1", "192.0.2.2", ikey=7)),
    ):
        ns.dev(name, kind="gre", arp_type=778, tunnel=data)
    walk = Walk(TableHost("t", (ns.facts(),)))
    packet = Ip(Flow("request"), src, "192.0.2.1", 64, 100, 47, tunnel="gre", key=key)
    found = iptunnel.lookup(walk, Place(1, 2), packet)
    assert (walk.link(found).name if found is not None else None) == taken


def answer_of(key: str, change: object) -> tuple[str, str]:
    """The verdict of a recording with something changed, and why it ended."""
    snapshot = load_recording(key)
    facts = tuple(change(ns) for ns in snapshot.namespaces)  # type: ignore[operator]
    host: Host = TableHost("lab", facts)
    found = ask(host, resolve(host, request(load_faults()[key])))
    ending = found.ending
    return found.verdict, getattr(ending, "what", "")


def test_what_another_program_does_behind_a_tun_device_is_unknown_and_the_program_named() -> None:
    def vpn(ns: object) -> object:
        readers = tuple(Reader(one.ifindex, Process(42, "openvpn", "openvpn --config x")) for one in ns.readers)  # type: ignore[attr-defined]
        return replace(ns, readers=readers)  # type: ignore[type-var]

    verdict, what = answer_of("flannel-udp/healthy", vpn)
    assert verdict == "unknown"
    assert "process 42 (openvpn --config x)" in what


def test_external_metadata_is_unknown() -> None:
    def external(ns: object) -> object:
        def other(link: Link) -> Link:
            return replace(link, tunnel=replace(link.tunnel, collect_metadata=True)) if link.tunnel else link

        return replace(ns, links=tuple(other(link) for link in ns.links))  # type: ignore[attr-defined,type-var]

    verdict, what = answer_of("gre/healthy", external)
    assert (verdict, "external metadata" in what) == ("unknown", True)
