"""From start to the cause, by the ways that people take; and what happens where something goes wrong."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from netdoctor.facts.firewall import FirewallText
from netdoctor.facts.host import NamespaceFacts, NamespaceId
from netdoctor.facts.records import NextHop, Route
from netdoctor.lab.record import load_recording
from netdoctor.report import NamespaceRef, Report
from netdoctor.snapshot import save
from netdoctor_tui.app import NetdoctorApp
from netdoctor_tui.files import open_files
from netdoctor_tui.look import Look
from netdoctor_tui.model.chain import chain_lines, chain_rows
from netdoctor_tui.model.facts import fact_rows
from netdoctor_tui.model.hosts import named
from netdoctor_tui.model.rows import matching
from netdoctor_tui.model.rules import Chain
from netdoctor_tui.screens.hosts import HostsScreen
from netdoctor_tui.source import Answer, Told
from netdoctor_tui.start import Start
from tests.tui.driving import (
    LARGE,
    Driven,
    Prepared,
    drive,
    lines,
    live_app,
    press,
    recorded_app,
    report_app,
    report_of,
    said,
)
from tests.unit.reports import report

KEY = "vxlan/fdb-missing"


def test_two_namespaces_are_picked_and_the_cause_is_there_in_few_keystrokes() -> None:
    app = recorded_app(KEY, pick=True)
    keys: list[str] = []

    async def script(pilot: Driven) -> None:
        for end in ("nd-vxlan-a", "nd-vxlan-b"):
            assert isinstance(app.screen, HostsScreen)
            known = [named(one.key) for one in app.screen.list.rows]
            by = [one.namespace.name if one else "" for one in known].index(end) - app.screen.list.cursor
            wanted = ["down" if by > 0 else "up"] * abs(by) + ["enter"]
            keys.extend(wanted)
            await press(pilot, *wanted)

    shown = "\n".join(drive(app, script))
    assert "error[VXL001]" in shown
    assert "$ bridge -n nd-vxlan-n1 fdb append" in shown
    assert len(keys) <= 6, keys


def test_the_namespaces_are_listed_with_addresses_and_open_to_their_devices() -> None:
    shown = drive(recorded_app(KEY, pick=True))
    assert "pick the source, with enter" in shown[1]
    assert any(
        re.search(r"▸ nd-vxlan-n1  192\.168\.50\.1, 10\.244\.1\.0 \+1  \d devices", line) for line in shown
    )
    opened = "\n".join(drive(recorded_app(KEY, pick=True), ("slash", *"n1", "enter", "right", "escape")))
    assert "● flannel.1  vxlan 10.244.1.0/32 VNI 1, port 8472" in opened
    assert "flannel.1" not in "\n".join(
        drive(recorded_app(KEY, pick=True), ("slash", *"n1", "enter", "l", "h"))
    )


def test_the_picked_source_is_marked_and_can_be_given_back() -> None:
    shown = drive(recorded_app(KEY, pick=True), ("enter",))
    assert ": pick the destination" in shown[1]
    assert any(line.startswith("SRC ") for line in shown)
    assert "pick the source" in drive(recorded_app(KEY, pick=True), ("enter", "escape"))[1]


def test_a_question_is_typed() -> None:
    shown = "\n".join(drive(recorded_app(KEY, pick=True), ("colon", *"nd-vxlan-a 10.244.1.1", "enter")))
    assert "● REACHABLE" in shown
    assert "error[VXL001]" in "\n".join(
        drive(recorded_app(KEY), ("colon", *["backspace"] * 60, *"nd-vxlan-b", "enter"))
    )


@pytest.mark.parametrize(
    ("typed", "told"),
    [("nobody nd-vxlan-b", "nobody"), ("one", "a question is SRC DST"), ("a b c", "a question is SRC DST")],
)
def test_what_cannot_be_asked_is_told_and_the_app_goes_on(typed: str, told: str) -> None:
    app = recorded_app(KEY, pick=True)
    drive(app, ("colon", *typed, "enter"))
    assert app.failure is None
    assert any(told in text for text in said(app))


def test_a_saved_report_is_shown_without_facts_and_says_so() -> None:
    app = report_app(report_of(KEY))
    shown = "\n".join(drive(app))
    assert "error[VXL001]" in shown
    assert "a saved report holds no facts" in "\n".join(drive(report_app(report_of(KEY)), ("4",)))
    assert "╳ UNREACHABLE" in "\n".join(drive(report_app(report_of(KEY)), ("escape", "escape", "b", "r")))


def test_from_a_rule_to_its_chain_and_back() -> None:
    key = "kube-proxy/composite-both-nodes"
    shown = "\n".join(drive(recorded_app(key), ("3", "l", "G", "enter"), LARGE))
    assert "ip filter FORWARD in nd-kube-proxy-n1 (nft)" in shown
    assert "← reject" in shown
    assert "kubernetes forwarding rules" in shown
    narrowed = "\n".join(
        drive(recorded_app(key), ("3", "l", "G", "enter", "slash", *"flanneld", "enter"), LARGE)
    )
    assert "kubernetes forwarding rules" not in narrowed
    assert "flanneld forward" in narrowed
    assert "[3 rules]" in "\n".join(drive(recorded_app(key), ("3", "l", "G", "enter", "escape"), LARGE))
    saved = "\n".join(drive(report_app(report_of(key)), ("3", "l", "G", "enter"), LARGE))
    assert "a saved report holds only the rules that were met" in saved


@pytest.mark.parametrize("size", [(80, 24), (60, 24), (50, 16), (200, 60)])
def test_verdict_and_cause_are_seen_at_every_size(size: tuple[int, int]) -> None:
    shown = drive(recorded_app(KEY), (), size)
    assert shown[1].startswith("╳ UNREACHABLE")
    assert any("error[VXL001]" in line for line in shown)
    assert any("╳ flannel.1  VXL001" in line for line in shown)
    assert len(shown) == size[1]


def test_an_ascii_screen_holds_ascii_alone() -> None:
    app = recorded_app(KEY, look=Look(False))
    seen: list[str] = []

    async def script(pilot: Driven) -> None:
        for key in ("1", "2", "3", "4", "5", "question_mark", "escape", "b", "slash"):
            await press(pilot, key)
            seen.extend(lines(app))

    drive(app, script)
    assert [line for line in seen if not line.isascii()] == []
    assert any("X flannel.1  VXL001" in line for line in seen)


class Failing(Prepared):
    """A source with a bug."""

    def ask(self, request: object, told: Told, *, probe: bool, passed: object = None) -> Answer:
        raise ZeroDivisionError("a bug")


def test_a_bug_ends_the_app_with_what_went_wrong_and_no_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    app = live_app(Failing(report()))
    with pytest.raises(ZeroDivisionError):
        drive(app)
    assert isinstance(app.failure, ZeroDivisionError)
    assert "Traceback" not in capsys.readouterr().err


def test_what_nobody_is_called_is_told_and_the_app_goes_on() -> None:
    app = live_app(Prepared())
    shown = drive(app)
    assert any("nobody is called so" in text for text in said(app))
    assert "pod-a pod-b" in shown[0]


def test_markup_and_control_characters_of_the_system_stay_text() -> None:
    evil = "[bold]x[/] \x1b]0;y\x07 \u202e"
    app = live_app(Prepared(report(summary=evil)))
    shown = "\n".join(drive(app))
    assert "[bold]x[/]" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown


def test_snapshots_of_several_hosts_are_told_apart(tmp_path: Path) -> None:
    from msgspec.structs import replace

    taken = load_recording(KEY)
    for number in (1, 2):
        save(replace(taken, host=f"n{number}"), tmp_path / f"n{number}.json")
    source = open_files([str(tmp_path)])
    app = NetdoctorApp(Start(source))
    shown = drive(app, (), LARGE)
    assert "n1" in shown[3:]
    assert "n2" in shown[3:]
    known = source.inventory(lambda _: None, devices=True)
    assert {part.host for part in known.devices} == {"n1", "n2"}
    facts = source.facts("n2", known.known[-1].namespace, lambda _: None)
    assert facts is not None
    assert facts.id.host == "n2"  # type: ignore[attr-defined]


RULES = 40_000
LONG = NamespaceFacts(
    NamespaceId(7, ("router",)),
    routes=tuple(
        Route(2, 254, f"10.{n // 250}.{n % 250}.0", 24, nexthops=(NextHop(2, "10.0.0.1"),))
        for n in range(10_000)
    ),
    firewall=(
        FirewallText(
            "nft",
            "ip",
            "iptables-nft-save",
            "filter",
            ":FORWARD ACCEPT [0:0]\n"
            + "\n".join(
                f"[{n}:{n}] -A FORWARD -s 10.{n // 250}.{n % 250}.1/32 -j ACCEPT" for n in range(RULES)
            ),
        ),
    ),
)
CHAIN = Chain("h", NamespaceRef("router", 7), "nft", "ip", "filter", "FORWARD")


def test_long_lists_are_made_filtered_and_moved_through_at_once() -> None:
    """Far from what is measured (0.3 s, 0.03 s): a loaded machine passes, and a list of quadratic cost fails."""
    began = time.process_time()
    rows = chain_rows(chain_lines(LONG, CHAIN), {39_999: "accept"}, Look())
    routes = fact_rows(LONG, None)
    assert len(rows) == RULES
    assert len(routes) > 10_000
    assert time.process_time() - began < 5
    began = time.process_time()
    assert len(matching(rows, "10.159.249.1")) == 1
    assert time.process_time() - began < 1


def test_a_long_list_on_the_screen_draws_only_what_is_in_sight() -> None:
    from netdoctor_tui.model.rows import row
    from netdoctor_tui.widgets.rowlist import RowList

    app = recorded_app(KEY, pick=True)
    taken: list[float] = []

    async def script(pilot: Driven) -> None:
        found = app.screen.query_one(RowList)
        found.show([row(f"line {number}", key=number) for number in range(RULES)])
        await press(pilot)
        began = time.process_time()
        await pilot.press("G", "g", "pagedown", "end")
        await press(pilot)
        taken.append(time.process_time() - began)
        assert found.key == RULES - 1
        await press(pilot, "slash", *"39998")
        assert found.key == 39_998

    shown = "\n".join(drive(app, script))
    assert "line 39998" in shown
    assert taken[0] < 3


def test_the_report_is_the_type_that_is_returned() -> None:
    app = recorded_app(KEY)
    drive(app, ("Q",))
    assert isinstance(app.return_value, Report)
