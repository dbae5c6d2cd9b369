"""The families of networks: each is a function that fills a draft with one healthy network."""

from __future__ import annotations

from collections.abc import Callable

from tests.agreement.families import bridged, macvlan, nodes, overlay, routed
from tests.agreement.model import Draft

Family = Callable[[Draft], None]

FAMILIES: dict[str, tuple[int, Family]] = {
    "bridge": (14, bridged.one_bridge),
    "two-bridges": (12, bridged.routed_bridges),
    "two-interfaces": (8, bridged.two_interfaces),
    "calico": (11, routed.calico),
    "calico-nodes": (6, routed.calico_nodes),
    "routers": (9, routed.routers),
    "triangle": (5, routed.triangle),
    "host-gw": (9, nodes.host_gw),
    "flannel": (12, nodes.flannel),
    "vxlan-l2": (9, overlay.vxlan_l2),
    "swarm": (7, overlay.swarm),
    "macvlan": (10, macvlan.macvlan),
}
"""Name -> (weight, function)."""
