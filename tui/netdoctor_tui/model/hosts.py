"""Hosts, their namespaces and the devices in them, as rows of a tree; the two ends of a question are picked from it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import NamedTuple

from netdoctor.hostmap import MapDevice
from netdoctor.render.sanitize import visible
from netdoctor_tui.look import Look
from netdoctor_tui.model.rows import Row, Span, row
from netdoctor_tui.source import Inventory, Known


class _Marks(NamedTuple):
    """How a namespace is drawn: its devices shown, picked as the source, below the name of its host."""

    opened: bool
    picked: bool
    indent: str


def host_rows(
    inventory: Inventory,
    shown: Inventory,
    look: Look,
    opened: frozenset[Known] = frozenset(),
    source: Known | None = None,
) -> list[Row]:
    """Return the tree, its keys those of `inventory` and its words those of `shown`, which is the same or redacted.

    `opened` namespaces show their devices; `source` is marked as picked.
    """
    devices = {(part.host, part.namespace.inode): part.devices for part in shown.devices}
    several = len({known.host for known in inventory.known}) > 1
    rows: list[Row] = []
    pairs = zip(inventory.known, shown.known, strict=True)
    for _, group in groupby(pairs, key=lambda pair: pair[0].host):
        for number, (known, told) in enumerate(group):
            if several and number == 0:
                rows.append(row(Span(visible(told.host), "bold"), key=("host", known.host)))
            held = devices.get((told.host, known.namespace.inode))
            marks = _Marks(known in opened, known == source, "  " if several else "")
            rows.append(_namespace(known, told, held, look, marks))
            if known in opened and held is not None:
                rows += [_device(device, known, look, marks.indent) for device in held]
    return rows


def _namespace(
    known: Known, told: Known, devices: tuple[MapDevice, ...] | None, look: Look, marks: _Marks
) -> Row:
    also = f"  ({', '.join(told.also)})" if told.also else ""
    spans = [Span("SRC ", "accent")] if marks.picked else []
    spans += [Span(f"{marks.indent}{look('▾' if marks.opened else '▸')} ")]
    spans += [Span(visible(told.namespace.name), "bold"), Span(visible(also), "dim")]
    if devices is not None:
        spans.append(Span(f"  {visible(_summary(devices))}", "dim"))
    return Row(tuple(spans), known, told.form)


def _summary(devices: tuple[MapDevice, ...]) -> str:
    """The addresses by which people know a namespace, and how many devices it has besides lo."""
    real = [device for device in devices if device.kind != "loopback"]
    held = [
        address.partition("/")[0] for device in real for address in device.addresses if ":" not in address
    ]
    more = f" +{len(held) - 2}" if len(held) > 2 else ""
    return f"{', '.join(held[:2])}{more}  {len(real)} device{'' if len(real) == 1 else 's'}"


def _device(device: MapDevice, known: Known, look: Look, indent: str) -> Row:
    up = device.up and (device.carrier or device.kind == "loopback")
    state = Span(look("●"), "good") if up else Span(look("╳"), "bad")
    words = " ".join((device.kind, *device.addresses, *device.notes))
    return Row(
        (Span(f"{indent}    "), state, Span(f" {visible(device.name)}  {visible(words)}")), (known, device.id)
    )


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
