"""What was observed, as lines of plain words: probes and taps, TRACE, and whether the prediction agrees."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from netdoctor.report import Report


def agreement_line(report: Report) -> str | None:
    """Say whether what was observed is what was predicted; None where nothing was."""
    if report.agreement is None:
        return None
    if report.agreement.agrees:
        return f"Observed as predicted: {report.agreement.note}"
    return f"What was observed differs from what was predicted: {report.agreement.note}"


def probe_lines(report: Report) -> list[str]:
    """Return what became of the packets that were sent, and what each tap saw; empty where none were."""
    probe: dict[str, Any] | None = msgspec.to_builtins(report)["probe"]
    return list(_probe(probe)) if probe else []


def _probe(probe: dict[str, Any]) -> Iterator[str]:
    yield f"{probe.get('sent')} sent, {probe.get('received')} answered"
    if probe.get("last_seen"):
        yield f"last seen at {_where(probe['last_seen'])}"
    if probe.get("kernel_drop_reason"):
        yield f"the kernel's reason for the drop: {probe['kernel_drop_reason']}"
    for tap in probe.get("taps") or ():
        yield f"{_where(tap)} {tap.get('direction') or ''}: {tap.get('packets')} packets"


def trace_lines(report: Report) -> list[str]:
    """Return the rules through which the kernel took the packet, in order; empty where TRACE was not asked."""
    trace: list[dict[str, Any]] | None = msgspec.to_builtins(report)["trace"]
    return [_rule(entry) for entry in trace or ()]


def _rule(entry: dict[str, Any]) -> str:
    place = " ".join(str(entry[key]) for key in ("family", "table", "chain") if entry.get(key))
    number = f" rule {entry['rule']}" if entry.get("rule") is not None else ""
    text = f": {entry['rule_text']}" if entry.get("rule_text") else ""
    verdict = f" → {entry['verdict']}" if entry.get("verdict") else ""
    return f"{_name(entry.get('namespace'))}: {place}{number}{text}{verdict}"


def _where(part: dict[str, Any]) -> str:
    return " · ".join(word for word in (_name(part.get("namespace")), part.get("interface")) if word)


def _name(namespace: Any) -> str:
    return str(namespace.get("name") if isinstance(namespace, dict) else namespace or "")
