"""Holds a report against what a fixture says must be in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netdoctor.lab.records import Cause, Expectation

EXIT_CODES = {"reachable": 0, "unreachable": 1}


def differences(expect: Expectation, report: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    """Return one line for each thing in which `report` (the JSON of contract `netdoctor.report/1`) is not as expected.

    `names` are the namespace names of the roles. An empty list means that verdict, codes, places, legs and
    the hazards named are right.
    """
    found = list(report.get("causes") or [])
    lines: list[str] = []
    if report.get("verdict") != expect.verdict:
        lines.append(
            f"verdict: expected {expect.verdict}, got {report.get('verdict')}: {report.get('summary')}"
        )
    for number, cause in enumerate(expect.causes, start=1):
        if not found:
            lines.append(f"cause {number}: expected {describe(cause, names)}, got nothing more")
            continue
        lines += _compare(number, cause, found.pop(0), names)
        while cause.repeats and found and found[0].get("code") in cause.codes:
            found.pop(0)
    warned = sorted({str(entry.get("code")) for entry in report.get("hazards") or []})
    if expect.hazards and warned != sorted(expect.hazards):
        lines.append(f"hazards: expected {', '.join(expect.hazards)}, got {', '.join(warned) or 'none'}")
    lines += [f"cause too many: {_describe_found(entry)}" for entry in found]
    return lines


def describe(cause: Cause, names: Mapping[str, str]) -> str:
    """Return an expected cause on one line."""
    where = " or ".join(names.get(role, role) for role in cause.roles)
    interface = f" {' or '.join(cause.interfaces)}" if cause.interfaces else ""
    leg = f" ({' or '.join(cause.legs)})" if cause.legs else ""
    return f"{' or '.join(cause.codes)} at {where}{interface}{leg}"


def _compare(number: int, cause: Cause, entry: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    location = entry.get("location") or {}
    namespace = (location.get("namespace") or {}).get("name")
    right = (
        entry.get("code") in cause.codes
        and namespace in {names[role] for role in cause.roles}
        and (not cause.interfaces or location.get("interface") in cause.interfaces)
        and (not cause.legs or entry.get("leg") in cause.legs)
    )
    if right:
        return []
    return [f"cause {number}: expected {describe(cause, names)}, got {_describe_found(entry)}"]


def _describe_found(entry: Mapping[str, Any]) -> str:
    location = entry.get("location") or {}
    namespace = (location.get("namespace") or {}).get("name")
    return f"{entry.get('code')} at {namespace} {location.get('interface')} ({entry.get('leg')}): {entry.get('title')}"
