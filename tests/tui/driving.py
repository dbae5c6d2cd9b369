"""Apps over recordings and over prepared answers, driven key by key, and the screen as lines of text."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import cache

from textual.app import App
from textual.pilot import Pilot

from netdoctor.diagnosis import diagnose
from netdoctor.endpoints import Request, resolve
from netdoctor.errors import UsageError
from netdoctor.facts.host import Host, NamespaceFacts
from netdoctor.lab import load_faults
from netdoctor.lab.record import load_recording, request
from netdoctor.report import NamespaceRef, Report
from netdoctor.snapshot import snapshot_host
from netdoctor_tui.app import NetdoctorApp
from netdoctor_tui.files import ReportSource, SnapshotSource
from netdoctor_tui.live.passing import Passed
from netdoctor_tui.look import Look
from netdoctor_tui.source import Answer, Inventory, Told
from netdoctor_tui.start import Start

SMALL = (80, 24)
LARGE = (120, 40)

Driven = Pilot[Report]
Script = Callable[[Driven], Awaitable[None]]


@cache
def report_of(key: str) -> Report:
    """The report of a recording, at a time that never changes."""
    from msgspec.structs import replace

    host = snapshot_host(load_recording(key))
    return replace(diagnose(host, resolve(host, request(load_faults()[key]))), created="2026-01-01T00:00:00Z")


@cache
def _host(key: str) -> Host:
    return snapshot_host(load_recording(key))


class Recorded(SnapshotSource):
    """A recording, whose answers have a fixed time."""

    def __init__(self, key: str) -> None:
        super().__init__("lab.json", _host(key))

    def ask(self, request: Request, told: Told, *, probe: bool, passed: Passed | None = None) -> Answer:
        from msgspec.structs import replace

        answer = super().ask(request, told, probe=probe)
        return replace(answer, report=replace(answer.report, created="2026-01-01T00:00:00Z"))


class Prepared:
    """A live host whose answers are known beforehand: the next one each time it is asked, the last one again."""

    name = "node-1"
    live = True
    saved = None

    def __init__(self, *reports: Report, facts: NamespaceFacts | None = None) -> None:
        self.reports = list(reports)
        self.asked: list[tuple[Request, bool]] = []
        self._facts = facts

    def inventory(self, told: Told, *, devices: bool) -> Inventory:
        return Inventory(())

    def ask(self, request: Request, told: Told, *, probe: bool, passed: Passed | None = None) -> Answer:
        told("asking")
        self.asked.append((request, probe))
        if not self.reports:
            raise UsageError("nobody is called so")
        return Answer(self.reports.pop(0) if len(self.reports) > 1 else self.reports[0], request)

    def facts(self, host: str | None, namespace: NamespaceRef, told: Told) -> NamespaceFacts | None:
        return self._facts

    def everything(self, told: Told) -> tuple[tuple[NamespaceFacts, ...], tuple[str, ...]]:
        return (), ("node-1",)


ASKED = Request("pod-a", "pod-b")


def recorded_app(key: str, *, pick: bool = False, look: Look | None = None) -> NetdoctorApp:
    """An app over a recording, with the fixture's question or (`pick`) none."""
    asked = None if pick else request(load_faults()[key])
    return NetdoctorApp(Start(Recorded(key), asked, look or Look()))


def report_app(report: Report) -> NetdoctorApp:
    """An app over a saved report."""
    return NetdoctorApp(Start(ReportSource("report.json", report)))


def live_app(source: Prepared, asked: Request | None = ASKED, *, may_send: bool = True) -> NetdoctorApp:
    """An app over prepared answers."""
    return NetdoctorApp(Start(source, asked, may_send=may_send))


async def settle(pilot: Driven) -> None:
    """Wait until no work is under way, and the screen stays as it is."""
    seen: list[list[str]] = []
    while len(seen) < 3 or seen[-1] != seen[-2] or seen[-2] != seen[-3]:
        while any(not worker.is_finished for worker in pilot.app.workers):
            await asyncio.sleep(0.005)
        await pilot.pause()
        if not pilot.app.is_running or len(seen) > 50:
            return
        seen.append(lines(pilot.app))


async def press(pilot: Driven, *keys: str) -> None:
    """Press keys one by one, each once the one before has had its effect."""
    for key in keys:
        await pilot.press(key)
        await settle(pilot)


def drive(app: NetdoctorApp, script: Script | Sequence[str] = (), size: tuple[int, int] = SMALL) -> list[str]:
    """Run an app without a terminal: keys, or a script that presses them itself; return the lines of its screen."""

    async def run() -> list[str]:
        async with app.run_test(size=size, notifications=True) as pilot:
            await settle(pilot)
            if callable(script):
                await script(pilot)
            else:
                await press(pilot, *script)
            return lines(app) if app.is_running else []

    return asyncio.run(run())


def lines(app: App[Report]) -> list[str]:
    """The screen as it is now."""
    drawn = app.screen._compositor.render_strips()
    return ["".join(segment.text for segment in strip).rstrip() for strip in drawn]


def said(app: NetdoctorApp) -> list[str]:
    """What was said in passing."""
    return [str(note.message) for note in app._notifications]
