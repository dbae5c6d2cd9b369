"""The map of a host, `netdoctor.map/1`: its namespaces, the devices in them, and what is cabled to what.

As with a report, every key is always there, and keys may be added.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from netdoctor.report import MissingPart, NamespaceRef, Part, Tool

SCHEMA = "netdoctor.map/1"

#: How two devices are joined: the ends of a pair, a bridge (or another master) and its port, a device and the one it
#: stands on (VLAN, macvlan), the ends of a tunnel, and a tunnel and the device its outer packets leave by.
Joint = Literal["pair", "port", "parent", "tunnel", "underlay"]


#: Kinds of device that stand on another one, of their own or another namespace.
STACKED = ("macvlan", "macvtap", "ipvlan", "vlan", "vxlan", "geneve", "ipip", "sit", "gre", "wireguard")


class MapDevice(Part, frozen=True):
    """A device. `id` is inode/ifindex; `notes` are what a person wants to know of it: addresses, VNI, mode."""

    id: str
    name: str
    kind: str
    up: bool
    carrier: bool
    mtu: int
    lladdr: str | None
    addresses: tuple[str, ...]
    notes: tuple[str, ...]


class MapNamespace(Part, frozen=True):
    """A namespace with its devices. `hub` says that others hang on it: it has a bridge, a tunnel, a parent, a NIC."""

    namespace: NamespaceRef
    host: str
    is_host: bool
    hub: bool
    devices: tuple[MapDevice, ...]


class MapEdge(Part, frozen=True):
    """Two devices that are joined, by their ids."""

    source: str
    target: str
    kind: Joint
    label: str


class HostMap(Part, frozen=True):
    """The whole map."""

    schema: str
    tool: Tool
    created: str
    hosts: tuple[str, ...]
    namespaces: tuple[MapNamespace, ...]
    edges: tuple[MapEdge, ...]
    missing: tuple[MissingPart, ...]


def map_schema() -> dict[str, object]:
    """Return the JSON Schema of the map."""
    return msgspec.json.schema(HostMap)
