"""The drawing of a host's map: what others hang on stands in the boxes, what hangs there branches off."""

from __future__ import annotations

from collections.abc import Iterator

from netdoctor.hostmap import HostMap, MapDevice, MapNamespace
from netdoctor.render.drawing.model import Bond, Diagram, Group, Note, Vertex
from netdoctor.render.sanitize import cleaned

#: Devices drawn at most; the text form counts the others.
MAX_DEVICES = 600

_ORDER = {"port": 0, "pair": 1, "parent": 2, "underlay": 3, "tunnel": 4}


def map_diagram(chart: HostMap) -> Diagram:
    """Return the drawing of a map. What the map names is made safe to look at."""
    chart = cleaned(chart)
    trunk = set(on_trunk(chart))
    several = len(chart.hosts) > 1
    groups = tuple(
        Group(str(part.namespace.inode), part.namespace.name, f"on {part.host}" if several else "")
        for part in chart.namespaces
    )
    drawn = [
        Vertex(
            device.id,
            str(part.namespace.inode),
            *_look(device, device.id in trunk),
            device.id in trunk,
            _notes(device),
        )
        for part in sorted(chart.namespaces, key=lambda part: not part.hub)
        for device in part.devices
        if worth(device)
    ]
    left_out = len(drawn) - MAX_DEVICES
    about = f"{left_out} more devices are not drawn" if left_out > 0 else ""
    bonds = tuple(
        Bond(edge.source, edge.target, "tunnel" if edge.kind == "tunnel" else "cable", edge.kind)
        for edge in sorted(chart.edges, key=lambda edge: _ORDER[edge.kind])
    )
    spaces = len(chart.namespaces)
    title = f"{', '.join(chart.hosts)}: {spaces} network namespace{'s' if spaces != 1 else ''}"
    return Diagram(title, about, groups, tuple(drawn[:MAX_DEVICES]), bonds)


def worth(device: MapDevice) -> bool:
    """Tell whether a device says anything: a loopback with nothing but its own address does not."""
    return device.kind != "loopback" or any(
        not held.startswith(("127.", "::1/")) for held in device.addresses
    )


def _look(device: MapDevice, trunk: bool) -> tuple[str, str, str]:
    """The label, kind and state of a device; at the side, its first address belongs to the label."""
    state = "plain" if device.up and device.carrier else "unreached"
    if trunk or not device.addresses:
        return device.name, device.kind, state
    return f"{device.name} {device.addresses[0].partition('/')[0]}", device.kind, state


def _notes(device: MapDevice) -> tuple[Note, ...]:
    return tuple(Note("", text) for text in (*device.addresses, *device.notes))


def on_trunk(chart: HostMap) -> Iterator[str]:
    """Yield the devices that stand in the boxes: those of hubs, unless they only lead to a namespace that is none."""
    hubs = {device.id: part for part in chart.namespaces if part.hub for device in part.devices}
    far = _far_ends(chart)
    ports = {edge.target for edge in chart.edges if edge.kind == "port"}
    for part in chart.namespaces:
        for device in part.devices:
            if part.hub:
                ends = far.get(device.id, ())
                leads_out = device.kind == "veth" and ends and all(end not in hubs for end in ends)
                if not leads_out or (device.addresses and device.id not in ports):
                    yield device.id
            elif _alone(part, far):
                yield device.id


def _far_ends(chart: HostMap) -> dict[str, tuple[str, ...]]:
    """Device → the devices that it is paired with, or stands on."""
    ends: dict[str, tuple[str, ...]] = {}
    for edge in chart.edges:
        if edge.kind in ("pair", "parent"):
            ends[edge.source] = (*ends.get(edge.source, ()), edge.target)
            ends[edge.target] = (*ends.get(edge.target, ()), edge.source)
    return ends


def _alone(part: MapNamespace, far: dict[str, tuple[str, ...]]) -> bool:
    """Tell whether nothing of a namespace hangs anywhere: it is drawn as a box of its own."""
    return not any(device.id in far for device in part.devices)
