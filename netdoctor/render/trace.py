"""The rules that a real packet met, in columns: one block for each namespace, leg and form of the packet."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from netdoctor.render.sanitize import cleaned
from netdoctor.render.style import Style
from netdoctor.report import Report, TracedPacketPart, TracePart

_ENDS = {"drop": "red", "accept": "green"}


def render_trace(report: Report, style: Style) -> str:
    """Return the trace of a report as text, with what it says of the prediction."""
    report = cleaned(report)
    lines = list(trace_lines(report.trace or (), style))
    lines = lines or ["no rule was met: the kernel told of none"]
    for part in report.missing:
        lines += ["", *style.wrap(f"not seen: {part.what}: {part.why}; {part.how_to_get_it}")]
    if report.agreement is not None:
        word = "as predicted" if report.agreement.agrees else "NOT AS PREDICTED"
        lines += ["", *style.wrap(f"{word}: {report.agreement.note}")]
    return "\n".join(lines) + "\n"


def trace_lines(trace: tuple[TracePart, ...], style: Style) -> Iterator[str]:
    """Yield the lines of a trace: where and what packet, then the rules that it met there."""
    rows = [_cells(part) for part in trace]
    widths = [
        max((len(row[place]) for row in rows), default=0) for place in range(len(rows[0]) - 1 if rows else 0)
    ]
    blocks = groupby(zip(trace, rows, strict=True), key=lambda pair: _block(pair[0], style))
    for number, (head, pairs) in enumerate(blocks):
        if number:
            yield ""
        yield style.paint(head, "bold")
        for part, row in pairs:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            color = _ENDS.get(part.verdict or "")
            cells[-1] = style.paint(cells[-1], color) if color else cells[-1]
            yield "  " + "  ".join([*cells, row[-1]]).rstrip()


def _block(part: TracePart, style: Style) -> str:
    where = part.namespace.name if part.namespace is not None else "(namespace not known)"
    packet = f"  {_packet(part.packet, style)}" if part.packet is not None else ""
    return f"{where}{packet}"


def _packet(packet: TracedPacketPart, style: Style) -> str:
    source, destination = (
        _end(packet.source, packet.source_port),
        _end(packet.destination, packet.destination_port),
    )
    words = [source, style.symbol("→"), destination]
    words += [packet.protocol] if packet.protocol else []
    words += [f"ttl {packet.ttl}"] if packet.ttl is not None else []
    words += [f"mark {packet.mark:#x}"] if packet.mark else []
    words += [f"in {packet.in_interface}"] if packet.in_interface else []
    words += [f"out {packet.out_interface}"] if packet.out_interface else []
    return " ".join(words)


def _end(address: str, port: int | None) -> str:
    if port is None:
        return address
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _cells(part: TracePart) -> tuple[str, str, str, str, str]:
    number = "policy" if part.rule == 0 else "?" if part.rule is None else f"rule {part.rule}"
    backend = f"{part.backend} {part.family}" if part.backend == "legacy" else part.family
    text = "" if part.rule == 0 else part.rule_text
    return (
        part.hook or "",
        f"{backend} {part.table} {part.chain}",
        number,
        part.verdict or "",
        text,
    )
