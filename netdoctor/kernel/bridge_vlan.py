"""VLAN filtering of a bridge (net/bridge/br_vlan.c br_allowed_ingress(), br_allowed_egress(), br_handle_vlan())."""

from __future__ import annotations

from netdoctor.facts.host import Namespace
from netdoctor.facts.links import Link
from netdoctor.facts.records import BridgeVlan
from netdoctor.kernel.packet import Frame, tagged, untagged


def ingress(ns: Namespace, master: Link, port: Link, frame: Frame) -> tuple[int, bool, Frame] | None:
    """Return (vid, filtered, the frame without its tag), or None where the VLAN may not come in here.

    With filtering off the tables are ignored and the tag stays on the frame.
    """
    if master.bridge is None or not master.bridge.vlan_filtering:
        return 0, False, frame
    vlans = ns.vlans(port.index)
    # A tag of another protocol counts for none, and stays inside.
    ours = frame.vlan is not None and frame.tpid == master.bridge.vlan_protocol
    vid = (frame.vlan if ours else 0) or next((vlan.vid for vlan in vlans if vlan.pvid), 0)
    entry = _find(vlans, vid)
    if not vid or entry is None or entry.state not in (2, 3):
        return None
    return vid, True, untagged(frame) if ours else frame


def allowed(ns: Namespace, port: Link, vid: int) -> bool:
    """Tell whether the VLAN may leave by this port (or go up to the bridge itself)."""
    entry = _find(ns.vlans(port.index), vid)
    return entry is not None and entry.state == 3


def leaving(ns: Namespace, master: Link, port: Link, vid: int, frame: Frame) -> Frame:
    """The frame as it leaves by the port: with its tag, unless the port has the VLAN untagged."""
    entry = _find(ns.vlans(port.index), vid)
    return frame if entry is None or entry.untagged else with_tag(master, vid, frame)


def with_tag(master: Link, vid: int, frame: Frame) -> Frame:
    """The frame in a tag of the bridge's protocol."""
    return tagged(frame, vid, master.bridge.vlan_protocol if master.bridge is not None else 0x8100)


def _find(vlans: tuple[BridgeVlan, ...], vid: int) -> BridgeVlan | None:
    return next((vlan for vlan in vlans if vlan.vid == vid), None)
