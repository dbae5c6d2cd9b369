"""The path of a question, and beside it why, what happened at the selected device, its rules and its facts.

+-- headline: question, state of the app, verdict and summary in two lines ------+
| path, request and reply           | [1 why] 2 step  3 rules  4 facts 5 explain |
|   namespace                       |                                            |
|     device, its state before it   |  the details of the tab that is chosen     |
+-- keys ------------------------------------------------------------------------+
"""

from __future__ import annotations

from collections.abc import Iterator

from textual import on
from textual.containers import Container, Vertical
from textual.widget import Widget

from netdoctor_tui.actions import PATH
from netdoctor_tui.details import TABS, Details
from netdoctor_tui.model.headline import Status, question_text, top_row, verdict_rows
from netdoctor_tui.model.path import Place, path_rows, where_it_ends
from netdoctor_tui.model.why import fix_text
from netdoctor_tui.screens.base import BaseScreen
from netdoctor_tui.source import Answer
from netdoctor_tui.widgets.keys import bound
from netdoctor_tui.widgets.lines import Lines, Title
from netdoctor_tui.widgets.rowlist import RowList

#: Narrower than this, the details stand below the path.
BESIDE = 72


class PathScreen(BaseScreen):
    """One answer, and what it is made of."""

    TOPIC = "The path of a packet"
    ACTIONS = PATH
    BINDINGS = bound(PATH)
    CSS = """
    #body { layout: horizontal; height: 1fr; }
    #left { width: 2fr; max-width: 44; }
    #right { width: 3fr; border-left: solid ansi_default; padding-left: 1; }
    .-ascii #right { border-left: ascii ansi_default; }
    .-stacked #body { layout: vertical; }
    .-stacked #left { width: 1fr; max-width: 100%; height: 2fr; }
    .-stacked #right { width: 1fr; height: 3fr; border-left: none; padding-left: 0; }
    """

    def __init__(self) -> None:
        super().__init__()
        self.tab = "why"
        self.place: Place | None = None
        self.changed: frozenset[Place] = frozenset()

    def body(self) -> Iterator[Widget]:
        """Yield the path at the left and the details at the right."""
        with Container(id="body"):
            with Vertical(id="left"):
                yield Title(id="title")
                yield RowList("The path", id="path")
            with Vertical(id="right"):
                yield Title(id="tabs")
                yield RowList("Details", id="details")

    @property
    def answer(self) -> Answer | None:
        """The answer that is looked at."""
        return self.app_.timeline.shown

    @property
    def path(self) -> RowList:
        """The list at the left."""
        return self.query_one("#path", RowList)

    @property
    def details(self) -> RowList:
        """The list at the right."""
        return self.query_one("#details", RowList)

    @property
    def list(self) -> RowList:
        """The list that has the focus, else the path."""
        return self.details if self.details.has_focus else self.path

    def show(self, changed: frozenset[Place] = frozenset()) -> None:
        """Show the answer that is to be looked at now, from where its packet ends; `changed` places are marked."""
        self.changed = changed
        if self.answer is not None:
            self.place = where_it_ends(self.app_.shown(self.answer))
        self.redraw()
        self.path.go_to(self.place)

    def redraw(self) -> None:
        """Show everything as it is now."""
        super().redraw()
        self.set_class(not self.look.unicode, "-ascii")
        self.set_class(self.size.width < BESIDE, "-stacked")
        self._head()
        if self.answer is not None:
            report = self.app_.shown(self.answer)
            self.path.show(path_rows(report, self.look, self.changed), keep=True)
        self._details()
        self._titles()

    def _head(self) -> None:
        app = self.app_
        status = Status(app.start.source.name, app.words(), app.doing)
        if self.answer is None:
            rows = [top_row(status, app.asked, self.size.width, self.look)]
        else:
            report = app.shown(self.answer)
            question = question_text(report, self.look)
            rows = [
                top_row(status, question, self.size.width, self.look),
                *verdict_rows(report, self.size.width, self.look),
            ]
        head = self.query_one("#headline", Lines)
        head.styles.height = len(rows)
        head.show(rows)

    def _details(self, keep: bool = True) -> None:
        if self.answer is not None:
            report = self.app_.shown(self.answer)
            made = Details(report, self.place, self.look)
            self.details.show(made.of(self.tab), keep=keep)

    def _titles(self) -> None:
        self.query_one("#title", Title).plain("PATH", self.path.place, self.look)
        self.query_one("#tabs", Title).tabs(TABS, self.tab, self.details.place, self.look)

    @on(RowList.Moved, "#path")
    def _moved(self) -> None:
        key = self.path.key
        if isinstance(key, Place) and key != self.place:
            self.place = key
            if self.tab in ("step", "rules", "facts"):
                self._details(keep=False)
        self._titles()

    @on(RowList.Moved, "#details")
    def _moved_in_details(self) -> None:
        self._titles()

    @on(RowList.Chosen, "#path")
    def _open_place(self) -> None:
        self.action_tab("step")
        self.details.focus()

    def action_tab(self, name: str) -> None:
        """Show one of the tabs."""
        self.tab = name
        self._details(keep=False)
        self._titles()

    def action_left(self) -> None:
        """Go to the path."""
        self.path.focus()

    def action_right(self) -> None:
        """Go to the details."""
        self.details.focus()

    def action_other_pane(self) -> None:
        """Go to the other pane."""
        (self.path if self.details.has_focus else self.details).focus()

    def action_copy(self) -> None:
        """Copy the command under the cursor, or the fix where the path has the focus."""
        here = self.list.row
        if self.list is self.details and here is not None and (here.copy or self.tab != "why"):
            self.app_.copy(here.copy or here.text.strip())
        elif self.answer is not None:
            self.app_.copy(fix_text(self.app_.shown(self.answer)))

    def action_again(self) -> None:
        """Ask again."""
        self.app_.ask_again(probe=False)

    def action_send(self) -> None:
        """Ask again, with packets."""
        self.app_.ask_again(probe=True)

    def action_freeze(self) -> None:
        """Keep the answer that is shown, or go on with the latest."""
        frozen = self.app_.timeline.freeze()
        self.app_.say("frozen: new answers wait" if frozen else "showing the latest answer")
        self.show()

    def action_earlier(self) -> None:
        """Show the answer before."""
        self._step(-1)

    def action_later(self) -> None:
        """Show the answer after."""
        self._step(1)

    def _step(self, by: int) -> None:
        if self.app_.timeline.step(by):
            self.show()
        else:
            self.app_.say("there is no earlier answer" if by < 0 else "this is the latest answer")

    def action_hosts(self) -> None:
        """Show hosts and namespaces."""
        self.app_.open_hosts()

    def leave(self) -> None:
        """Go back from the details to the path, from there to the namespaces."""
        if self.details.has_focus:
            self.path.focus()
        else:
            self.app_.open_hosts()
