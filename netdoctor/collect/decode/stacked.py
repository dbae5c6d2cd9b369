"""IFLA_INFO_DATA of devices that stand on others or hold them together: VLAN, ipvlan, bond and its slaves, VRF.

The numbers are those of include/uapi/linux/if_link.h; a mode that they do not name becomes `unknown`.
"""

from __future__ import annotations

from collections.abc import Callable
from sys import byteorder
from typing import Any

from netdoctor.collect.nest import Nest
from netdoctor.facts.links import Bond, BondSlave, Ipvlan, Record, Vlan, Vrf

IFLA_VLAN_ID, IFLA_VLAN_FLAGS, IFLA_VLAN_PROTOCOL = 1, 2, 5
VLAN_FLAG_REORDER_HDR, VLAN_FLAG_LOOSE_BINDING, VLAN_FLAG_BRIDGE_BINDING = 1, 4, 16

IFLA_IPVLAN_MODE, IFLA_IPVLAN_FLAGS = 1, 2
_IPVLAN_MODES = {0: "l2", 1: "l3", 2: "l3s"}
_IPVLAN_FLAGS = {0: "bridge", 1: "private", 2: "vepa"}

IFLA_BOND_MODE, IFLA_BOND_ALL_SLAVES_ACTIVE, IFLA_BOND_AD_INFO, IFLA_BOND_AD_INFO_AGGREGATOR = 1, 17, 23, 1
_BOND_MODES = (
    "balance-rr",
    "active-backup",
    "balance-xor",
    "broadcast",
    "802.3ad",
    "balance-tlb",
    "balance-alb",
)
_BOND_NUMBERS = {"active": 2, "miimon": 3, "arp_interval": 7, "primary": 11, "min_links": 18}
IFLA_BOND_SLAVE_STATE, IFLA_BOND_SLAVE_MII_STATUS, IFLA_BOND_SLAVE_AD_AGGREGATOR_ID = 1, 2, 6

IFLA_VRF_TABLE = 1


def fields(kind: str | None, data: Nest, slave_kind: str | None, slave_data: Nest) -> dict[str, Any]:
    """The fields of a `Link` that a device of that kind (and a slave of that kind of master) has besides."""
    found: dict[str, Any] = {}
    if kind in _KINDS:
        found[kind] = _KINDS[kind](data)
    if slave_kind == "bond":
        found["slave"] = _slave(slave_data)
    return found


def _vlan(data: Nest) -> Vlan:
    # struct ifla_vlan_flags: the flags, then a mask, 32 bits each
    flags = int.from_bytes(data.get(IFLA_VLAN_FLAGS, b"\1\0\0\0")[:4], byteorder)
    return Vlan(
        vid=data.number(IFLA_VLAN_ID) or 0,
        protocol=data.big(IFLA_VLAN_PROTOCOL) or 0x8100,
        reorder_hdr=bool(flags & VLAN_FLAG_REORDER_HDR),
        loose_binding=bool(flags & VLAN_FLAG_LOOSE_BINDING),
        bridge_binding=bool(flags & VLAN_FLAG_BRIDGE_BINDING),
    )


def _ipvlan(data: Nest) -> Ipvlan:
    mode, flags = data.number(IFLA_IPVLAN_MODE), data.number(IFLA_IPVLAN_FLAGS)
    return Ipvlan(_IPVLAN_MODES.get(mode or 0, "unknown"), _IPVLAN_FLAGS.get(flags or 0, "unknown"))


def _bond(data: Nest) -> Bond:
    mode = data.number(IFLA_BOND_MODE) or 0
    numbers: dict[str, Any] = {name: data.number(attribute) or 0 for name, attribute in _BOND_NUMBERS.items()}
    return Bond(
        mode=_BOND_MODES[mode] if mode < len(_BOND_MODES) else "unknown",
        all_slaves_active=bool(data.number(IFLA_BOND_ALL_SLAVES_ACTIVE)),
        aggregator=data.nest(IFLA_BOND_AD_INFO).number(IFLA_BOND_AD_INFO_AGGREGATOR) or 0,
        **numbers,
    )


def _slave(data: Nest) -> BondSlave:
    return BondSlave(
        backup=bool(data.number(IFLA_BOND_SLAVE_STATE)),
        mii_status=data.number(IFLA_BOND_SLAVE_MII_STATUS) or 0,
        aggregator=data.number(IFLA_BOND_SLAVE_AD_AGGREGATOR_ID) or 0,
    )


def _vrf(data: Nest) -> Vrf:
    return Vrf(table=data.number(IFLA_VRF_TABLE) or 0)


_KINDS: dict[str, Callable[[Nest], Record]] = {"vlan": _vlan, "ipvlan": _ipvlan, "bond": _bond, "vrf": _vrf}
