"""Every screen at two sizes, colours included, held against the picture that somebody has looked at.

`pytest tests/tui/test_pictures.py --snapshot-update` draws them anew; look at each before it is committed.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version

import pytest
from textual.pilot import Pilot

from netdoctor_tui.look import Look
from tests.tui.conftest import DRAWN_BY
from tests.tui.driving import LARGE, SMALL, Prepared, live_app, press, recorded_app, settle
from tests.unit.reports import report

DROPPED, REJECTED = "vxlan/fdb-missing", "kube-proxy/composite-both-nodes"

#: Screen → the recording, and the keys that lead there.
SCREENS = {
    "why": (DROPPED, ()),
    "step": (DROPPED, ("2",)),
    "rules": (REJECTED, ("3", "l")),
    "facts": (DROPPED, ("4", "l")),
    "explain": (DROPPED, ("5",)),
    "chain": (REJECTED, ("3", "l", "G", "enter")),
    "healthy": ("vxlan/healthy", ()),
    "help": (DROPPED, ("question_mark",)),
}


@pytest.fixture(autouse=True)
def _drawn_by_the_right_version() -> None:
    """Say what is wrong where another version would draw other pictures."""
    found = {package: version(package) for package in DRAWN_BY}
    assert found == DRAWN_BY, "pip install -e '.[dev]' brings the versions that drew the pictures"


def then(*keys: str) -> Callable[[Pilot[object]], object]:
    """Press keys once the answer is there."""

    async def run(pilot: Pilot[object]) -> None:
        await settle(pilot)  # type: ignore[arg-type]
        await press(pilot, *keys)  # type: ignore[arg-type]

    return run


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
@pytest.mark.parametrize("name", SCREENS)
def test_screen(name: str, size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    key, keys = SCREENS[name]
    assert snap_compare(recorded_app(key), terminal_size=size, run_before=then(*keys))


@pytest.mark.parametrize("size", [SMALL, LARGE], ids=["80x24", "120x40"])
def test_namespaces(size: tuple[int, int], snap_compare: Callable[..., bool]) -> None:
    app = recorded_app(DROPPED, pick=True)
    assert snap_compare(app, terminal_size=size, run_before=then("enter", "right"))


def test_ascii(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(recorded_app(DROPPED, look=Look(False)), terminal_size=SMALL, run_before=then())


def test_no_color(snap_compare: Callable[..., bool], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert snap_compare(recorded_app(DROPPED), terminal_size=SMALL, run_before=then())


def test_narrow(snap_compare: Callable[..., bool]) -> None:
    assert snap_compare(recorded_app(DROPPED), terminal_size=(60, 24), run_before=then())


def test_frozen_and_live(snap_compare: Callable[..., bool]) -> None:
    source = Prepared(report(), report(verdict="reachable", causes=()))
    assert snap_compare(live_app(source), terminal_size=SMALL, run_before=then("r", "left_square_bracket"))
