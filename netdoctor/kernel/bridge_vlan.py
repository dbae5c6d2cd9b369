"""VLAN filtering of a bridge (net/bridge/br_vlan.c br_allowed_ingress(), br_allowed_egress(), br_handle_vlan())."""

from __future__ import annotations

from msgspec.structs import replace

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link
from netdoctor.facts.records import BridgeVlan
from netdoctor.kernel.packet import Frame


def ingress(ns: Namespace, master: Link, port: Link, frame: Frame) -> tuple[int, bool, Frame] | None:
    """Return (vid, filtered, the frame without its tag), or None where the VLAN may not come in here.

    With filtering off the tables are ignored and the tag stays on the frame.
    """
    if master.bridge is None or not master.bridge.vlan_filtering:
        return 0, False, frame
    vlans = ns.vlans(port.index)
    vid = frame.vlan or next((vlan.vid for vlan in vlans if vlan.pvid), 0)
    entry = _find(vlans, vid)
    if not vid or entry is None or entry.state not in (2, 3):
        return None
    return vid, True, replace(frame, vlan=None)


def allowed(ns: Namespace, port: Link, vid: int) -> bool:
    """Tell whether the VLAN may leave by this port (or go up to the bridge itself)."""
    entry = _find(ns.vlans(port.index), vid)
    return entry is not None and entry.state == 3


def egress_tag(ns: Namespace, port: Link, vid: int) -> int | None:
    """The tag the frame leaves with: none where the port has the VLAN untagged."""
    entry = _find(ns.vlans(port.index), vid)
    return None if entry is None or entry.untagged else vid


def _find(vlans: tuple[BridgeVlan, ...], vid: int) -> BridgeVlan | None:
    return next((vlan for vlan in vlans if vlan.vid == vid), None)
