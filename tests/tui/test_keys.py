"""Every key does what the help says, on a screen without a terminal."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from netdoctor.report import load
from netdoctor_tui.actions import EVERYWHERE, LIST, PATH
from netdoctor_tui.screens.hosts import HostsScreen
from netdoctor_tui.screens.path import PathScreen
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


def after(*keys: str, key: str = KEY, size: tuple[int, int] = (80, 24)) -> str:
    return "\n".join(drive(recorded_app(key), keys, size))


def clipboard(*keys: str, key: str = KEY) -> str:
    app = recorded_app(key)
    drive(app, keys)
    return app.clipboard


def path_cursor(*keys: str) -> str:
    """The line of the path that is selected after these keys."""
    found: list[str] = []
    app = recorded_app(KEY)

    async def script(pilot: Driven) -> None:
        await press(pilot, *keys)
        assert isinstance(app.screen, PathScreen)
        found.append(app.screen.path.row.text.strip() if app.screen.path.row else "")

    drive(app, script)
    return found[0]


def test_the_answer_is_there_without_a_key_and_the_path_is_selected_where_it_ends() -> None:
    shown = after()
    assert "╳ UNREACHABLE" in shown
    assert "lab · nd-vxlan-n1 · flannel.1" in shown
    assert "$ bridge -n nd-vxlan-n1 fdb append" in shown
    assert path_cursor() == "╳ flannel.1  VXL001"


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        (("up",), "● cni0"),
        (("k", "k"), "● va"),
        (("down",), "nd-vxlan-n2"),
        (("j", "j"), "○ flannel.1"),
        (("g",), "request  ╳ does not arrive"),
        (("home",), "request  ╳ does not arrive"),
        (("G",), "reply  ○ not sent"),
        (("end",), "reply  ○ not sent"),
        (("pageup",), "request  ╳ does not arrive"),
        (("space",), "reply  ○ not sent"),
    ],
)
def test_the_cursor_moves_by_arrows_and_letters(keys: tuple[str, ...], line: str) -> None:
    assert path_cursor(*keys) == line


@pytest.mark.parametrize(
    ("key", "tab", "held"),
    [
        ("1", "[1 why]", "FIX  risk low"),
        ("2", "[2 step]", "flannel.1  ╳ ends here, request"),
        ("3", "[3 rules]", "the packet meets no rule"),
        ("4", "[4 facts]", "flannel.1: vxlan, up"),
        ("5", "[5 explain]", "A VTEP has no FDB entry"),
        ("e", "[5 explain]", "A VTEP has no FDB entry"),
        ("enter", "[2 step]", "flannel.1  ╳ ends here, request"),
    ],
)
def test_each_tab_has_its_number(key: str, tab: str, held: str) -> None:
    shown = after(key)
    assert tab in shown
    assert held in shown


def test_the_facts_are_those_of_the_selected_device_and_namespace() -> None:
    assert "cni0: bridge, up" in after("4", "up")
    shown = after("4", "up", "up", "up", size=LARGE)  # the namespace's own line
    assert "DEVICES" in shown
    assert "POLICY RULES" in shown


@pytest.mark.parametrize("keys", [("tab",), ("l",), ("right",), ("tab", "tab", "tab")])
def test_the_details_get_the_focus(keys: tuple[str, ...]) -> None:
    assert "SEE IT" in after()
    assert "error[VXL001]" not in after(*keys, "G")  # the details have moved on to their end


@pytest.mark.parametrize("keys", [("l", "h"), ("tab", "tab"), ("right", "left"), ("l", "escape")])
def test_and_the_path_gets_it_back(keys: tuple[str, ...]) -> None:
    assert path_cursor(*keys, "g") == "request  ╳ does not arrive"


def test_a_filter_narrows_and_escape_takes_it_away() -> None:
    shown = after("4", "l", "slash", *"rp_filter")
    assert "rp_filter = " in shown
    assert "ADDRESSES" not in shown
    assert "ADDRESSES" in after("4", "l", "slash", *"rp_filter", "escape")
    assert "ADDRESSES" not in after("4", "l", "slash", *"rp_filter", "enter", "down")


def test_a_filter_with_an_exclamation_mark_shows_the_others() -> None:
    shown = after("4", "l", "slash", *"!rp_filter !ipv4/neigh")
    assert "rp_filter = " not in shown
    assert "ADDRESSES" in shown


def test_the_fix_is_copied_from_the_path_and_a_line_from_the_details() -> None:
    assert clipboard("y").startswith("bridge -n nd-vxlan-n1 fdb append 0e:00:00:00:00:02 dev flannel.1 dst")
    assert clipboard("4", "l", "j", "j", "j", "y")
    assert clipboard("l", "G", "y").startswith(
        "ip -n nd-vxlan-n2 -d link show"
    )  # the last evidence's command


def test_help_tells_of_every_action_that_makes_sense_here_and_goes_away() -> None:
    shown = after("question_mark", size=(100, 80))
    for one in (*LIST, *EVERYWHERE, *PATH):
        if one.name not in ("send", "trace", "freeze", "earlier", "later"):  # a file can be asked no more
            assert one.told.split(";")[0][:30] in shown, one
    assert "real packets" not in shown
    assert "╳ UNREACHABLE" in after("question_mark", "question_mark")
    assert "╳ UNREACHABLE" in after("question_mark", "escape")


def test_the_palette_runs_actions_by_their_words() -> None:
    assert "[5 explain]" in after("ctrl+p", *"explain", "down", "enter")


def test_zoom_gives_the_details_the_whole_width_and_takes_it_back() -> None:
    assert "PATH" not in after("z")
    assert "PATH" in after("z", "z")
    assert "PATH" in after("z", "escape")


def test_long_lines_are_read_by_going_sideways() -> None:
    assert "routes" not in after("4", "l", "greater_than_sign")
    before, later = after("4", "l").splitlines(), after("4", "l", "greater_than_sign").splitlines()
    moved = [line.partition("│ ")[2] for line in later if "eth0 scope" in line or "lladdr" in line]
    assert moved
    assert all(not line.startswith("  ") for line in moved)
    assert before != later
    assert after("4", "l", "greater_than_sign", "less_than_sign").splitlines()[5:] == before[5:]


def test_asking_again_and_sending_packets() -> None:
    source = Prepared(report(), report(verdict="reachable", causes=()))
    shown = "\n".join(drive(live_app(source), ("r",)))
    assert "● REACHABLE" in shown
    assert [probe for _, probe in source.asked] == [False, False]
    drive(live_app(source), ("x",))
    assert [probe for _, probe in source.asked][-1] is True


def test_no_packet_is_sent_where_none_may_be() -> None:
    source = Prepared(report())
    app = live_app(source, may_send=False)
    shown = drive(app, ("x",))
    assert [probe for _, probe in source.asked] == [False]
    assert any("--no-probe" in text for text in said(app))
    assert " x send" not in shown[-1]
    assert " x send" in drive(live_app(source))[-1]


def test_earlier_answers_are_stepped_through() -> None:
    source = Prepared(report(), report(verdict="reachable", causes=()))
    app = live_app(source)
    seen: list[str] = []

    async def script(pilot: Driven) -> None:
        for key in ("r", "left_square_bracket", "left_square_bracket", "right_square_bracket"):
            await press(pilot, key)
            seen.append("\n".join(lines(app)[:2]))

    drive(app, script)
    assert "REACHABLE" in seen[0]
    assert "╳ UNREACHABLE" in seen[1]
    assert "answer 1 of 2" in seen[1]
    assert "╳ UNREACHABLE" in seen[2]
    assert any("no earlier answer" in text for text in said(app))
    assert "● REACHABLE" in seen[3]


def test_frozen_the_screen_stays_and_says_so() -> None:
    source = Prepared(report(), report(verdict="reachable", causes=()))
    shown = "\n".join(drive(live_app(source), ("f", "r")))
    assert "╳ UNREACHABLE" in shown
    assert "FROZEN" in shown
    assert "● REACHABLE" in "\n".join(drive(live_app(source), ("f", "r", "f")))


def test_a_report_is_saved_under_other_names_unless_said_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    drive(recorded_app(KEY), ("s", "s", "S"))
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == [
        "netdoctor-20260101T000000Z-2.json",
        "netdoctor-20260101T000000Z-3.json",
        "netdoctor-20260101T000000Z.json",
    ]
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    redacted, plain = files[2].read_text(), files[1].read_text()
    for word in ("nd-vxlan", "10.244.1.2", "0e:00:00:00:00:02"):
        assert word in plain
        assert word not in redacted
    assert json.loads(redacted)["causes"][0]["code"] == "VXL001"
    assert load(files[1]) == report_of(KEY)


def test_a_folder_that_cannot_be_written_to_is_told_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()
    app = recorded_app(KEY)
    assert "╳ UNREACHABLE" in "\n".join(drive(app, ("s",)))
    assert any(text.startswith("cannot write netdoctor-") for text in said(app))


def test_privacy_shows_other_names_everywhere_and_the_real_ones_again() -> None:
    for keys in (
        ("p",),
        ("p", "2"),
        ("p", "4"),
        ("p", "3"),
        ("p", "b"),
        ("p", "b", "l"),
        ("p", "question_mark"),
    ):
        shown = after(*keys, size=LARGE)
        for word in ("nd-vxlan", "10.244.", "lab.json", "0e:00:00:00:00:02"):
            assert word not in shown, (keys, word)
    assert "REDACTED" in after("p")
    assert "VXL001" in after("p")
    assert "nd-vxlan-n1" in after("p", "p")


def test_privacy_of_a_saved_report_hides_what_it_names() -> None:
    shown = "\n".join(drive(report_app(report_of(KEY)), ("p",), LARGE))
    for word in ("nd-vxlan", "10.244.", "report.json"):
        assert word not in shown
    assert "VXL001" in shown


def test_new_answers_are_never_shown_under_real_names_while_others_are_wanted() -> None:
    asked = report().question
    changed = replace(report(), question=replace(asked, destination=replace(asked.source, name="secret")))
    app = live_app(Prepared(report(), changed))
    shown = "\n".join(drive(app, ("p", "r")))
    assert "REDACTED" in shown
    assert "node-1" not in shown


def test_quitting_prints_nothing_and_quitting_with_the_finding_does() -> None:
    app = recorded_app(KEY)
    drive(app, ("q",))
    assert app.return_value is None
    app = recorded_app(KEY)
    drive(app, ("Q",))
    assert app.return_value is not None
    assert app.return_value.causes[0].code == "VXL001"
    assert app.failure is None


def test_b_and_escape_lead_to_the_namespaces_and_escape_back() -> None:
    assert "NAMESPACES" in after("b")
    assert "NAMESPACES" in after("escape")
    assert "PATH" in after("b", "escape")


def test_every_action_of_every_screen_exists() -> None:
    for screen in (PathScreen, HostsScreen):
        for one in (*screen.ACTIONS, *EVERYWHERE):
            name = one.name.partition("(")[0]
            assert hasattr(screen, f"action_{name}") or name in ("quit", "command_palette"), one


def test_no_key_means_two_things_on_one_screen() -> None:
    for screen in (PathScreen, HostsScreen):
        keys = [key for one in (*LIST, *screen.ACTIONS, *EVERYWHERE) for key in one.keys]
        assert len(keys) == len(set(keys)), sorted(keys)


def test_the_mouse_selects_opens_and_presses() -> None:
    app = recorded_app(KEY)
    seen: list[str] = []

    async def script(pilot: Driven) -> None:
        await pilot.click("#path", offset=(4, 4))
        await press(pilot)
        assert isinstance(app.screen, PathScreen)
        seen.append(app.screen.path.row.text if app.screen.path.row else "")
        await pilot.click("#tabs", offset=(34, 0))
        await press(pilot)
        seen.append("\n".join(lines(app)))
        await pilot.click("#path", offset=(4, 5), times=2)
        await press(pilot)
        seen.append("\n".join(lines(app)))
        await pilot.click("#keys", offset=(2, 0))
        await press(pilot)
        seen.append("\n".join(lines(app)))

    drive(app, script)
    assert seen[0] == "  ● va"
    assert "[5 explain]" in seen[1]
    assert "[2 step]" in seen[2]
    assert "Symbols in the path" in seen[3] or "causes in order" in seen[3]
