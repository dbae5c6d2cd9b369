"""Every fixture as the kernel built it, diagnosed from its recording: no root, nothing sent, nothing changed."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from netdoctor.answer import ask
from netdoctor.assemble import cause_part
from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import resolve
from netdoctor.facts.host import Host
from netdoctor.facts.sound import complaint
from netdoctor.fix.change import Change, applied
from netdoctor.kernel.endings import Ending
from netdoctor.lab import Fault, load_faults
from netdoctor.lab.expectation import differences
from netdoctor.lab.record import load_recording, names, recorded, request
from netdoctor.question import Question
from netdoctor.report import Cause, Report
from netdoctor.snapshot import snapshot_host

FAULTS = load_faults()
QUIET = ("healthy", "look-alike")


def keys(*kinds: str) -> list[str]:
    return [key for key, fault in FAULTS.items() if not kinds or fault.kind in kinds]


def asked(fault: Fault) -> tuple[Host, Question]:
    """The host of a recording, and the fixture's question to it."""
    host = snapshot_host(load_recording(fault.key))
    return host, resolve(host, request(fault))


@pytest.fixture(scope="module")
def reports() -> dict[str, Report]:
    """Each recording is diagnosed once, by the first test that asks for it."""
    return {}


def report_of(fault: Fault, reports: dict[str, Report]) -> Report:
    if fault.key not in reports:
        reports[fault.key] = diagnose(*asked(fault))
    return reports[fault.key]


def test_every_fixture_has_a_recording_and_every_recording_a_fixture() -> None:
    assert set(recorded()) == set(FAULTS), "run `make record`; delete what has no fixture any more"


@pytest.mark.parametrize("key", keys())
def test_it_holds_nothing_but_the_lab(key: str) -> None:
    snapshot, roles = load_recording(key), names(FAULTS[key])
    assert snapshot.host == "lab"
    assert snapshot.missing == ()
    assert [ns.id.names for ns in snapshot.namespaces] == [(name,) for name in roles.values()]
    for ns in snapshot.namespaces:
        assert not ns.id.processes
        assert not ns.id.is_host
        assert set(ns.nsids.values()) <= set(range(1, len(roles) + 1))
        assert complaint(ns) is None


@pytest.mark.parametrize("key", keys())
def test_the_verdict_is_the_kernels(key: str, reports: dict[str, Report]) -> None:
    report = report_of(FAULTS[key], reports)
    assert report.verdict == FAULTS[key].expect.verdict, report.summary
    assert not report.crashed


@pytest.mark.parametrize("key", keys("broken", "composite"))
def test_causes_and_places_are_named(key: str, reports: dict[str, Report]) -> None:
    fault = FAULTS[key]
    report: dict[str, Any] = msgspec.to_builtins(report_of(fault, reports))
    problems = differences(fault.expect, report, names(fault))
    assert not problems, "\n".join(problems)


@pytest.mark.parametrize("key", keys(*QUIET))
def test_what_works_has_no_cause(key: str, reports: dict[str, Report]) -> None:
    fault, report = FAULTS[key], report_of(FAULTS[key], reports)
    assert report.causes == ()
    assert not differences(fault.expect, msgspec.to_builtins(report), names(fault))


@pytest.mark.parametrize("key", [key for key in keys("broken", "composite") if FAULTS[key].accept_repair])
def test_the_fixes_in_memory_mend_it(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Apply the fixes of all causes, one after the other, to the recorded facts: the packet has to be answered."""
    changes: list[Change] = []

    def kept(host: Host, check: Any, finding: Any, ending: Ending | None, verified: bool | None) -> Cause:
        if ending is not None and finding.fix is not None:
            changes.extend(finding.fix.changes)
        return cause_part(host, check, finding, ending, verified)

    monkeypatch.setattr("netdoctor.diagnosis.cause_part", kept)
    host, question = asked(FAULTS[key])
    report = diagnose(host, question)
    assert all(cause.fix is not None and cause.fix.verified for cause in report.causes)
    assert ask(applied(host, tuple(changes)), question).verdict == "reachable"


def test_a_vlan_device_made_again_is_in_its_bridge_again() -> None:
    """Seen in the kernel: without that the device stands alone, and what the bridge joined is apart."""
    fault = load_faults()["vlan/id-mismatch"]
    host = snapshot_host(load_recording(fault.key))
    report = diagnose(host, resolve(host, request(fault)))
    assert report.causes[0].fix is not None
    lines = [" ".join(line) for line in report.causes[0].fix.commands]
    assert any(line.endswith("link set dev eth0.10 master br10") for line in lines), lines
