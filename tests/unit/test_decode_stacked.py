"""Devices on others, as the kernel writes them: bytes of IFLA_LINKINFO to records (include/uapi/linux/if_link.h)."""

from __future__ import annotations

import struct

from netdoctor.collect.decode.links import link
from netdoctor.facts.links import Bond, BondSlave, Ipvlan, Link, Vlan, Vrf

IFLA_IFNAME, IFLA_LINKINFO = 3, 18
KIND, DATA, SLAVE_KIND, SLAVE_DATA = 1, 2, 4, 5


def _attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", len(value) + 4, kind) + value + b"\0" * (-len(value) % 4)


def _u32(kind: int, value: int) -> bytes:
    return _attribute(kind, struct.pack("=I", value))


def _decoded(*info: bytes) -> Link:
    body = struct.pack("=BxHiII", 0, 1, 7, 0x11043, 0) + _attribute(IFLA_IFNAME, b"dev0\0")
    body += _attribute(IFLA_LINKINFO, b"".join(info))
    return link(struct.pack("=IHHII", len(body) + 16, 16, 0, 0, 0) + body)


def test_a_vlan_with_its_protocol_and_flags() -> None:
    flags = struct.pack("=II", 1 | 4, 0xFFFFFFFF)
    data = _attribute(1, struct.pack("=H", 7)) + _attribute(5, b"\x88\xa8") + _attribute(2, flags)
    found = _decoded(_attribute(KIND, b"vlan\0"), _attribute(DATA, data))
    assert found.vlan == Vlan(7, 0x88A8, reorder_hdr=True, loose_binding=True)


def test_a_vlan_without_header_reordering() -> None:
    data = _attribute(1, struct.pack("=H", 9)) + _attribute(2, struct.pack("=II", 0, 0xFFFFFFFF))
    found = _decoded(_attribute(KIND, b"vlan\0"), _attribute(DATA, data))
    assert found.vlan == Vlan(9, 0x8100, reorder_hdr=False)


def test_an_ipvlan_with_mode_and_flag() -> None:
    data = _attribute(1, struct.pack("=H", 2)) + _attribute(2, struct.pack("=H", 1))
    found = _decoded(_attribute(KIND, b"ipvlan\0"), _attribute(DATA, data))
    assert found.ipvlan == Ipvlan("l3s", "private")


def test_a_mode_that_nobody_has_named_is_unknown() -> None:
    found = _decoded(_attribute(KIND, b"ipvlan\0"), _attribute(DATA, _attribute(1, struct.pack("=H", 9))))
    assert found.ipvlan == Ipvlan("unknown", "bridge")
    assert _decoded(_attribute(KIND, b"bond\0"), _attribute(DATA, _attribute(1, b"\x63"))).bond == Bond("unknown")


def test_a_bond_and_the_aggregator_in_use() -> None:
    info = _attribute(23, _attribute(1, struct.pack("=H", 2)))
    data = _attribute(1, b"\4") + _u32(2, 3) + _u32(3, 100) + _u32(11, 4) + _attribute(17, b"\1") + info
    found = _decoded(_attribute(KIND, b"bond\0"), _attribute(DATA, data))
    wanted = Bond("802.3ad", active=3, miimon=100, primary=4, all_slaves_active=True, aggregator=2)
    assert found.bond == wanted


def test_a_slave_of_a_bond_is_no_bridge_port() -> None:
    data = _attribute(1, b"\1") + _attribute(2, b"\2") + _attribute(6, struct.pack("=H", 5))
    found = _decoded(_attribute(KIND, b"veth\0"), _attribute(SLAVE_KIND, b"bond\0"), _attribute(SLAVE_DATA, data))
    assert found.slave == BondSlave(backup=True, mii_status=2, aggregator=5)
    assert found.port is None


def test_a_vrf_and_its_table() -> None:
    assert _decoded(_attribute(KIND, b"vrf\0"), _attribute(DATA, _u32(1, 1000))).vrf == Vrf(1000)


def test_a_kind_that_nobody_modelled_keeps_its_name() -> None:
    found = _decoded(_attribute(KIND, b"team\0"), _attribute(DATA, b"\1\2\3"))
    assert (found.kind, found.bond, found.vlan) == ("team", None, None)
