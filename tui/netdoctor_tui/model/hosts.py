"""Hosts, their namespaces and the devices in them, as rows of a tree; the two ends of a question are picked from it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from netdoctor.hostmap import MapDevice
from netdoctor.render.sanitize import visible
from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Row, Span, row
from netdoctor_tui.source import Inventory, Known


def host_rows(
    inventory: Inventory, look: Look, opened: frozenset[Known] = frozenset(), source: Known | None = None
) -> list[Row]:
    """Return the tree. `opened` namespaces show their devices; `source` is marked as picked."""
    devices = {(part.host, part.namespace.inode): part.devices for part in inventory.devices}
    several = len({known.host for known in inventory.known}) > 1
    rows: list[Row] = []
    for host, group in groupby(inventory.known, key=lambda known: known.host):
        if several:
            rows.append(row(Span(visible(host), "bold"), key=host))
        for known in group:
            held = devices.get((known.host, known.namespace.inode))
            rows.append(_namespace(known, held, look, known in opened, known == source, "  " if several else ""))
            if known in opened and held is not None:
                rows += [_device(device, known, look, "      " if several else "    ") for device in held]
    return rows


def _namespace(
    known: Known, devices: tuple[MapDevice, ...] | None, look: Look, opened: bool, picked: bool, indent: str
) -> Row:
    mark = look("▾") if opened else look("▸")
    also = f"  ({', '.join(known.also)})" if known.also else ""
    spans = [Span(f"{indent}{mark} "), Span(visible(known.namespace.name), "bold"), Span(visible(also), "dim")]
    if devices is not None:
        spans.append(Span(f"  {visible(_summary(devices))}", "dim"))
    if picked:
        spans.insert(0, Span("SRC ", "accent"))
    return Row(tuple(spans), known, known.form)


def _summary(devices: tuple[MapDevice, ...]) -> str:
    """The addresses by which people know a namespace, and how many devices it has besides lo."""
    real = [device for device in devices if device.kind != "loopback"]
    held = [address.partition("/")[0] for device in real for address in device.addresses if ":" not in address]
    more = f" +{len(held) - 2}" if len(held) > 2 else ""
    return f"{', '.join(held[:2])}{more}  {len(real)} device{'' if len(real) == 1 else 's'}"


def _device(device: MapDevice, known: Known, look: Look, indent: str) -> Row:
    up = device.up and (device.carrier or device.kind == "loopback")
    state = Span(look("●"), "good") if up else Span(look("╳"), "bad")
    words = " ".join((device.kind, *device.addresses, *device.notes))
    return Row((Span(indent), state, Span(f" {visible(device.name)}  {visible(words)}")), (known, device.id))


def named(key: object) -> Known | None:
    """Return the namespace that a row's key stands for, or the one whose device it is."""
    if isinstance(key, tuple):
        return next((part for part in key if isinstance(part, Known)), None)
    return key if isinstance(key, Known) else None


def next_end(rows: list[Row], source: Known) -> Iterator[Known]:
    """Yield the namespaces behind the one picked as source, the most likely destination first."""
    known = [one for one in (named(row.key) for row in rows) if one is not None]
    after = known.index(source) + 1 if source in known else 0
    yield from (one for one in known[after:] + known[:after] if one != source)
