"""The map of a host as text: namespace by namespace, what hangs on a device below it, and many of a kind counted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

from netdoctor.hostmap import STACKED, HostMap, MapDevice, MapNamespace
from netdoctor.render.drawing.topology import on_trunk, worth
from netdoctor.render.sanitize import cleaned
from netdoctor.render.style import Style

#: So many of what hangs on one device are listed without -v.
FOLD = 8

_WORDS = {
    "pair": "pair with",
    "port": "port of",
    "parent": "on",
    "tunnel": "tunnel to",
    "underlay": "leaves by",
}


class _Chart(NamedTuple):
    """A map, looked up: the device of an id with its namespace, and what is joined to it."""

    devices: dict[str, tuple[MapNamespace, MapDevice]]
    joined: dict[str, list[tuple[str, str]]]
    trunk: frozenset[str]


def render_map(chart: HostMap, style: Style, *, verbose: bool = False) -> str:
    """Return the map as text; everything in full if `verbose`."""
    chart = cleaned(chart)
    looked = _Chart(
        {device.id: (part, device) for part in chart.namespaces for device in part.devices},
        _joined(chart),
        frozenset(on_trunk(chart)),
    )
    sections = [list(_summary(chart, style))]
    boxes = [part for part in chart.namespaces if any(device.id in looked.trunk for device in part.devices)]
    for part in sorted(boxes, key=lambda part: (not part.is_host, not part.hub)):
        sections.append(list(_namespace(part, looked, style, verbose=verbose)))
    if chart.missing:
        lines = [style.paint("Not seen:", "bold")]
        for item in chart.missing:
            lines += style.wrap(f"{item.what}: {item.why}; {item.how_to_get_it}", "    ", first="  - ")
        sections.append(lines)
    return "\n\n".join("\n".join(lines) for lines in sections) + "\n"


def _joined(chart: HostMap) -> dict[str, list[tuple[str, str]]]:
    joined: defaultdict[str, list[tuple[str, str]]] = defaultdict(list)
    for edge in chart.edges:
        joined[edge.source].append((edge.kind, edge.target))
        joined[edge.target].append((edge.kind, edge.source))
    return joined


def _summary(chart: HostMap, style: Style) -> Iterator[str]:
    devices = sum(len(part.devices) for part in chart.namespaces)
    hubs = sum(part.hub for part in chart.namespaces)
    words = f"{', '.join(chart.hosts)}: {len(chart.namespaces)} network namespaces, {devices} devices"
    yield style.paint(words, "bold") + f"; {hubs} of the namespaces join others"


def _namespace(part: MapNamespace, chart: _Chart, style: Style, *, verbose: bool) -> Iterator[str]:
    yield style.paint(part.namespace.name, "bold")
    shown = [device for device in part.devices if device.id in chart.trunk and worth(device)]
    for device in shown:
        yield from style.wrap(_told(device, part, chart), "      ", first="  ")
        hanging = [key for kind, key in chart.joined.get(device.id, ()) if _hangs(kind, key, chart)]
        listed = hanging if verbose or len(hanging) <= FOLD + 1 else hanging[:FOLD]
        for key in listed:
            yield from style.wrap(
                _branch(key, device.id, chart, style), "        ", first=f"    {style.symbol('·')} "
            )
        if len(listed) < len(hanging):
            yield f"    {style.symbol('·')} {_rest(hanging[len(listed) :], chart)} (-v lists them)"


def _hangs(kind: str, key: str, chart: _Chart) -> bool:
    return key not in chart.trunk and key in chart.devices and kind != "tunnel"


def _told(device: MapDevice, part: MapNamespace, chart: _Chart) -> str:
    """A device in a line: its kind, addresses, what is special, and which other devices of boxes it is joined to."""
    words = [device.kind, *device.addresses, *device.notes]
    for kind, key in chart.joined.get(device.id, ()):
        if key in chart.trunk and not (kind == "port" and device.kind == "bridge"):
            other, far = chart.devices[key]
            where = "" if other is part else f" in {other.namespace.name}"
            words.append(f"{_word(kind, device)} {far.name}{where}")
    return f"{device.name:<12}  {', '.join(words)}"


def _word(kind: str, device: MapDevice) -> str:
    """How a device is joined, seen from it: what stands on another is on it, and that other is under it."""
    if kind in ("parent", "underlay") and device.kind not in STACKED:
        return "carries"
    return _WORDS[kind]


def _branch(key: str, before: str, chart: _Chart, style: Style) -> str:
    """What hangs on a device: a port, and behind it the namespace's own end with its addresses."""
    words: list[str] = []
    seen = {before}
    while key not in seen and key in chart.devices and key not in chart.trunk:
        seen.add(key)
        part, device = chart.devices[key]
        words.append(_end(part, device, words))
        key = next((far for kind, far in chart.joined.get(key, ()) if far not in seen), "")
    return f" {style.symbol('→')} ".join(words)


def _end(part: MapNamespace, device: MapDevice, before: list[str]) -> str:
    where = f"{part.namespace.name}: " if before or not part.hub else ""
    return " ".join((f"{where}{device.name}", *device.addresses, *(f"({note})" for note in device.notes)))


def _rest(keys: list[str], chart: _Chart) -> str:
    kinds: defaultdict[str, int] = defaultdict(int)
    for key in keys:
        kinds[chart.devices[key][1].kind] += 1
    return "and " + ", ".join(f"{count} more {kind}" for kind, count in kinds.items())
