"""What the tabs beside the path show."""

from __future__ import annotations

from collections.abc import Sequence

from netdoctor.report import Report
from netdoctor_tui.look import Look
from netdoctor_tui.model.path import Place
from netdoctor_tui.model.rows import Row, row
from netdoctor_tui.model.step import step_rows
from netdoctor_tui.model.why import why_rows
from netdoctor_tui.widgets.rowlist import Content

#: The tabs by their names, in the order of their numbers, with what they are called.
TABS = (("why", "why"), ("step", "step"), ("rules", "rules"), ("facts", "facts"), ("explain", "explain"))


class Details:
    """The content of each tab, for one report and one place of it."""

    def __init__(self, report: Report, place: Place | None, look: Look) -> None:
        self._report = report
        self._place = place
        self._look = look

    def of(self, tab: str) -> Content:
        """Return what a tab shows."""
        made: Content = {"why": self._why, "step": self._step}.get(tab, self._nothing)
        return made

    def _why(self, width: int) -> Sequence[Row]:
        return why_rows(self._report, width, self._look)

    def _step(self, width: int) -> Sequence[Row]:
        return step_rows(self._report, self._place, width, self._look)

    def _nothing(self, width: int) -> Sequence[Row]:
        return [row("")]
